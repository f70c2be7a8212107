/** Progress on a terminal of at least MIN_COLUMNS: a line for each stage that has begun, redrawn in place, and the time left. */
import type { WriteStream } from 'node:tty';
import { inWords, settledOf, summaryLines, Tally } from './tally.ts';
import { duration } from './words.ts';
import type { StageTally } from './tally.ts';
import type { Progress } from './progress.ts';

const REDRAW_MS = 100;
const BAR_CHARACTERS = 20;
/** Lines that wrap cannot be redrawn. */
export const MIN_COLUMNS = 64;

export function terminalProgress(out: WriteStream): Progress {
  const colours = process.env['NO_COLOR'] === undefined || process.env['NO_COLOR'] === '';
  const paint = (code: number, text: string): string => colours ? `\u001b[${code}m${text}\u001b[0m` : text;
  const tally = new Tally();
  /** Stages that have begun, with what their newest task says of itself. */
  const begun = new Map<string, string>();
  let drawn = 0;
  let timer: NodeJS.Timeout | undefined;

  const erase = (): void => {
    if (drawn > 0) out.write(`\u001b[${drawn}A\u001b[0J`);
    drawn = 0;
  };
  const draw = (): void => {
    timer = undefined;
    erase();
    const lines = [...tally.stages.values()].filter(({ name }) => begun.has(name)).map(stageLine);
    const leftMs = tally.timeLeftMs();
    if (lines.length > 0 && leftMs !== undefined && leftMs > 1000) lines.push(paint(2, `about ${duration(leftMs)} left`));
    for (const line of lines) out.write(`${line}\n`);
    drawn = lines.length;
  };
  const stageLine = (stage: StageTally): string => {
    const settled = settledOf(stage);
    if (settled === stage.cells) return `${stage.byStatus.failed > 0 ? paint(31, '✗') : paint(32, '✓')} ${stage.name.slice(0, 14).padEnd(14)} ${inWords(stage)}`;
    const full = Math.round(BAR_CHARACTERS * settled / stage.cells);
    const bar = `${'━'.repeat(full)}${paint(2, '─'.repeat(BAR_CHARACTERS - full))}`;
    const note = begun.get(stage.name) ?? '';
    const failed = stage.byStatus.failed > 0 ? paint(31, `  ${stage.byStatus.failed} failed`) : '';
    const room = Math.max(0, (out.columns ?? 80) - MIN_COLUMNS);
    return `  ${stage.name.slice(0, 14).padEnd(14)} ${bar} ${`${settled}/${stage.cells}`.padStart(11)}${failed}${note === '' || room < 8 ? '' : `  ${paint(2, note.slice(0, room))}`}`;
  };
  const later = (): void => { timer ??= setTimeout(draw, REDRAW_MS); };
  const say = (line: string): void => {
    erase();
    out.write(`${line}\n`);
    later();
  };
  return {
    started: (cells, jobs) => { begun.clear(); tally.start(cells, jobs); },
    taskStarted({ stage }) {
      begun.set(stage.name, '');
      later();
    },
    taskProgress({ stage }, done, total, unit) {
      begun.set(stage.name, `${done}/${total} ${unit}`);
      later();
    },
    taskEnded({ stage }) {
      begun.set(stage.name, '');
      later();
    },
    cell(cell, outcome, status) {
      tally.cell(cell, outcome, status);
      if (status === 'failed' && outcome.kind === 'failed') say(`${paint(31, 'failed')} ${cell.id} (${outcome.failure.code}): ${outcome.failure.sentence}`);
      else if (begun.size > 0) later();
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
