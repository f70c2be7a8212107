/** Progress on a terminal: what stands on the screen, by a small model of one. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { WriteStream } from 'node:tty';
import { cell, stage } from '../../stages/dag/index.ts';
import { terminalProgress } from '../../stages/dag/progress-terminal.ts';
import type { Cell, Failure } from '../../stages/dag/index.ts';

const test = suite('dag: progress on a terminal');

/** Lines as they stand after cursor movement (up n), clearing to the end of a line and of the screen. Colours are left out. */
class Screen {
  readonly columns = 80;
  readonly rows: number;
  readonly lines: string[] = [];
  #at = 0;
  /** The largest n by which the cursor was moved up. */
  highest = 0;

  constructor(rows: number) {
    this.rows = rows;
  }

  write(text: string): boolean {
    for (const [piece] of text.replace(/\u001b\[\d+m/g, '').matchAll(/\u001b\[\d*[AJK]|\n|[^\u001b\n]+/g)) {
      if (piece === '\n') this.#at++;
      else if (piece.endsWith('A') && piece.startsWith('\u001b')) {
        const n = Number(piece.slice(2, -1));
        this.highest = Math.max(this.highest, n);
        this.#at -= n;
      } else if (piece === '\u001b[0J') this.lines.length = this.#at;
      else if (piece !== '\u001b[K') this.lines[this.#at] = piece;
    }
    return true;
  }
}

const redrawn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 150));
const cells: readonly Cell[] = Array.from({ length: 12 }, (_, i) => stage({ name: `stage-${i}`, title: 'Work', determinism: 'exact', module: 'work.ts', outputs: ['out'] }))
  .flatMap((of) => [cell(of, 'a'), cell(of, 'b')]);
const begin = (rows: number) => {
  const screen = new Screen(rows);
  const progress = terminalProgress(screen as unknown as WriteStream);
  progress.started(cells, 2);
  for (const { stage: of } of cells) progress.taskStarted({ stage: of, pending: [] });
  return { screen, progress };
};
const DONE = { kind: 'done', records: [] } as const;
const FULL: Failure = { code: 'not-available', sentence: 'the disk is full' };

test('of a download the bar is of its bytes, with the rate and the time left', async () => {
  const { screen, progress } = begin(40);
  const task = { stage: cells[2]!.stage, pending: [] };
  progress.taskProgress(task, 0, 14e9, 'bytes');
  await redrawn();
  progress.taskProgress(task, 7e9, 14e9, 'bytes');
  await redrawn();
  // Of 80 columns so much is shown; wider terminals show all of it.
  assert.match(screen.lines[1]!, /^ {2}stage-1 +━{10}─{10} +0\/2 {2}7\.0 GB of 14 GB/);
  progress.taskEnded(task);
  await redrawn();
  assert.match(screen.lines[1]!, /^ {2}stage-1 +─{20} +0\/2$/);
});

test('a line for each stage, those that are through marked, and at the end the summary alone', async () => {
  const { screen, progress } = begin(40);
  for (const one of cells.slice(0, 3)) progress.cell(one, DONE, 'cached');
  await redrawn();
  assert.is(screen.lines.length, 12);
  assert.match(screen.lines[0]!, /^✓ stage-0 +2 up to date$/);
  assert.match(screen.lines[1]!, /^ {2}stage-1 +━{10}─{10} +1\/2$/);
  progress.taskProgress({ stage: cells[2]!.stage, pending: [] }, 3, 4, 'windows');
  await redrawn();
  assert.match(screen.lines[1]!, /1\/2 {2}3\/4 windows$/);
  progress.done({ counts: { ran: 0, cached: 24, failed: 0, skipped: 0 }, durationMs: 100, failed: false, interrupted: false, failures: [], closing: ['The end.'] });
  assert.equal(screen.lines, ['Everything is up to date (24 cells, 0.1 s).', 'The end.']);
});

test('in a low window never more lines than can be redrawn, first those that are not through', async () => {
  const { screen, progress } = begin(8);
  progress.cell(cells[0]!, DONE, 'cached');
  progress.cell(cells[1]!, DONE, 'cached');
  await redrawn();
  progress.taskEnded({ stage: cells[2]!.stage, pending: [] });
  await redrawn();
  assert.ok(screen.lines.length > 0 && screen.highest < screen.rows, `${screen.highest} lines up`);
  assert.match(screen.lines[0]!, /stage-1 /);
  progress.done({ counts: { ran: 0, cached: 24, failed: 0, skipped: 0 }, durationMs: 100, failed: false, interrupted: false, failures: [], closing: [] });
});

test('what fails is said above what is redrawn, one cause once', async () => {
  const { screen, progress } = begin(40);
  await redrawn();
  for (const one of cells.slice(0, 2)) progress.cell(one, { kind: 'failed', failure: FULL, origin: one.id }, 'failed');
  await redrawn();
  assert.is(screen.lines.filter((line) => line.includes('the disk is full')).length, 1);
  assert.is(screen.lines[0], 'failed stage-0:a (not-available): the disk is full');
  assert.is(screen.lines.length, 13);
  progress.done({ counts: { ran: 0, cached: 0, failed: 2, skipped: 22 }, durationMs: 100, failed: false, interrupted: false, failures: [], closing: [] });
});

test.run();
