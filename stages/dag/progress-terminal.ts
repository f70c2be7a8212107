/** Progress on a terminal: a line for each stage at work, redrawn in place, and under it the time left. */
import type { WriteStream } from 'node:tty';
import { inWords, settledOf, summaryLines, Tally } from './tally.ts';
import { duration } from './words.ts';
import type { StageTally } from './tally.ts';
import type { Progress } from './progress.ts';

const REDRAW_MS = 100;
const BAR_CHARACTERS = 20;

export function terminalProgress(out: WriteStream): Progress {
  const colours = process.env['NO_COLOR'] === undefined || process.env['NO_COLOR'] === '';
  const paint = (code: number, text: string): string => colours ? `\u001b[${code}m${text}\u001b[0m` : text;
  const tally = new Tally();
  const running = new Map<string, { tasks: number; note: string }>();
  let drawn = 0;
  let timer: NodeJS.Timeout | undefined;

  const erase = (): void => {
    if (drawn > 0) out.write(`\u001b[${drawn}A\u001b[0J`);
    drawn = 0;
  };
  const draw = (): void => {
    timer = undefined;
    erase();
    const lines = [...tally.stages.values()].filter(({ name }) => running.has(name)).map(stageLine);
    const leftMs = tally.timeLeftMs();
    if (lines.length > 0 && leftMs !== undefined && leftMs > 1000) lines.push(paint(2, `about ${duration(leftMs)} left`));
    for (const line of lines) out.write(`${line}\n`);
    drawn = lines.length;
  };
  const stageLine = (stage: StageTally): string => {
    const settled = settledOf(stage);
    const full = Math.round(BAR_CHARACTERS * settled / stage.cells);
    const bar = `${'━'.repeat(full)}${paint(2, '─'.repeat(BAR_CHARACTERS - full))}`;
    const note = running.get(stage.name)?.note ?? '';
    const failed = stage.byStatus.failed > 0 ? paint(31, `  ${stage.byStatus.failed} failed`) : '';
    const room = Math.max(0, (out.columns ?? 80) - 56);
    return `${stage.name.slice(0, 14).padEnd(14)} ${bar} ${`${settled}/${stage.cells}`.padStart(11)}${failed}${note === '' || room < 8 ? '' : `  ${paint(2, note.slice(0, room))}`}`;
  };
  const later = (): void => { timer ??= setTimeout(draw, REDRAW_MS); };
  const say = (line: string): void => {
    erase();
    out.write(`${line}\n`);
    later();
  };
  return {
    started: (cells, jobs) => { running.clear(); tally.start(cells, jobs); },
    taskStarted({ stage }) {
      const now = running.get(stage.name) ?? { tasks: 0, note: '' };
      running.set(stage.name, { ...now, tasks: now.tasks + 1 });
      later();
    },
    taskProgress({ stage }, done, total, unit) {
      const now = running.get(stage.name);
      if (now !== undefined) now.note = `${done}/${total} ${unit}`;
      later();
    },
    taskEnded({ stage }) {
      const now = running.get(stage.name);
      if (now === undefined) return;
      now.tasks--;
      now.note = '';
      const whole = tally.stages.get(stage.name)!;
      if (now.tasks === 0 && settledOf(whole) === whole.cells) {
        running.delete(stage.name);
        say(`${whole.byStatus.failed > 0 ? paint(31, '✗') : paint(32, '✓')} ${stage.name.padEnd(12)} ${inWords(whole)}${whole.computedMs > 0 ? paint(2, `  ${duration(whole.computedMs)}`) : ''}`);
      } else later();
    },
    cell(cell, outcome, status) {
      tally.cell(cell, outcome, status);
      if (status === 'failed' && outcome.kind === 'failed') say(`${paint(31, 'failed')} ${cell.id} (${outcome.failure.code}): ${outcome.failure.sentence}`);
      else if (running.size > 0) later();
    },
    warn: (sentence) => say(paint(33, sentence)),
    exported: ({ to, written, removed }) => { if (written + removed > 0) say(`${to}: ${written} files written, ${removed} removed`); },
    done(end) {
      clearTimeout(timer);
      timer = undefined;
      erase();
      for (const line of summaryLines(tally, end)) out.write(`${line}\n`);
    },
  };
}
