/** Progress on a terminal of at least MIN_COLUMNS: a line for each stage that has begun, redrawn in place, and the time left. */
import type { WriteStream } from 'node:tty';
import { movingText } from './cache/traffic.ts';
import { lackingLine } from './failure-lines.ts';
import { Rate } from './rate.ts';
import { inWords, settledOf, summaryLines, Tally } from './tally.ts';
import { amount } from './words.ts';
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
  /** Of stages whose newest task counts bytes: how much of it is done, and how fast that goes. */
  const flowing = new Map<string, { share: number; readonly rate: Rate }>();
  /** What went through the shared cache, once something has. */
  let moving: string | undefined;
  let drawn = 0;
  let timer: NodeJS.Timeout | undefined;

  /** Puts these lines over what is drawn. Each is cleared as it is written: erasing all first flickers, and fills the history of tmux. */
  const write = (lines: readonly string[]): void => {
    out.write(`${drawn > 0 ? `\u001b[${drawn}A` : ''}${lines.map((line) => `${line}\u001b[K\n`).join('')}\u001b[0J`);
    drawn = 0;
  };
  const draw = (): void => {
    timer = undefined;
    const stages = [...tally.stages.values()].filter(({ name }) => begun.has(name));
    // What has scrolled off the top cannot be redrawn: a low window shows the stages that are not through.
    const room = (out.rows ?? 24) - (moving === undefined ? 2 : 3);
    const shown = stages.length <= room ? stages : stages.filter((stage) => settledOf(stage) < stage.cells).slice(0, Math.max(1, room));
    const lines = shown.map(stageLine);
    const left = tally.timeLeft();
    if (moving !== undefined) lines.push(paint(2, moving));
    if (lines.length > 0 && left !== undefined) lines.push(paint(2, left));
    write(lines);
    drawn = lines.length;
  };
  const stageLine = (stage: StageTally): string => {
    const settled = settledOf(stage);
    if (settled === stage.cells) return `${stage.byStatus.failed > 0 ? paint(31, '✗') : stage.byStatus.lacking > 0 ? paint(33, '!') : paint(32, '✓')} ${stage.name.slice(0, 14).padEnd(14)} ${inWords(stage)}`;
    const full = Math.round(BAR_CHARACTERS * (flowing.get(stage.name)?.share ?? settled / stage.cells));
    const bar = `${'━'.repeat(full)}${paint(2, '─'.repeat(BAR_CHARACTERS - full))}`;
    const note = begun.get(stage.name) ?? '';
    const failed = stage.byStatus.failed > 0 ? paint(31, `  ${stage.byStatus.failed} failed`) : '';
    const room = Math.max(0, (out.columns ?? 80) - MIN_COLUMNS);
    return `  ${stage.name.slice(0, 14).padEnd(14)} ${bar} ${`${settled}/${stage.cells}`.padStart(11)}${failed}${note === '' || room < 8 ? '' : `  ${paint(2, note.slice(0, room))}`}`;
  };
  const later = (): void => { timer ??= setTimeout(draw, REDRAW_MS); };
  const say = (line: string): void => {
    write([line]);
    later();
  };
  return {
    started: (cells, jobs) => { begun.clear(); tally.start(cells, jobs); },
    joined: (cell) => tally.join(cell),
    taskStarted({ stage }) {
      begun.set(stage.name, '');
      later();
    },
    taskProgress({ stage }, done, total, unit) {
      let flow = unit === 'bytes' ? flowing.get(stage.name) : undefined;
      if (unit === 'bytes' && flow === undefined) flowing.set(stage.name, flow = { share: 0, rate: new Rate() });
      if (flow !== undefined) flow.share = total === 0 ? 1 : Math.min(1, done / total);
      begun.set(stage.name, amount(done, total, unit, flow?.rate.at(done)));
      later();
    },
    taskEnded({ stage }) {
      begun.set(stage.name, '');
      flowing.delete(stage.name);
      later();
    },
    cell(cell, outcome, status) {
      tally.cell(cell, outcome, status);
      if (status === 'failed' && outcome.kind === 'failed' && tally.isNews(outcome.failure)) say(`${paint(31, 'failed')} ${cell.id} (${outcome.failure.code}): ${outcome.failure.sentence}`);
      else if (status === 'lacking' && outcome.kind === 'failed' && outcome.origin === cell.id && tally.isNews(outcome.failure)) say(paint(33, lackingLine(cell, outcome.failure)));
      else if (begun.size > 0) later();
    },
    cache(traffic) {
      moving = movingText(traffic).slice(0, out.columns ?? 80);
      later();
    },
    warn: (sentence) => say(paint(33, sentence)),
    exported: ({ to, written, removed }) => { if (written + removed > 0) say(`${to}: ${written} files written, ${removed} removed`); },
    done(end) {
      clearTimeout(timer);
      timer = undefined;
      write(summaryLines(tally, end));
    },
  };
}
