/** Progress as plain lines, for files and for people who read them: what failed at once, each stage when it is through. */
import { movingText } from './cache/traffic.ts';
import { lackingLine } from './failure-lines.ts';
import { Rate } from './rate.ts';
import { inWords, settledOf, summaryLines, Tally } from './tally.ts';
import { amount } from './words.ts';
import type { Progress } from './progress.ts';

/** A long stage shows that it lives so often. */
const SIGN_OF_LIFE_MS = 30_000;

export function lineProgress(print: (line: string) => void): Progress {
  const tally = new Tally();
  let lastMs = performance.now();
  const rates = new Map<string, Rate>();
  const say = (line: string): void => {
    lastMs = performance.now();
    print(line);
  };
  return {
    started: (cells, jobs) => tally.start(cells, jobs),
    joined: (cell) => tally.join(cell),
    taskStarted: () => undefined,
    taskProgress({ stage }, done, total, unit) {
      // A download is one cell: without this, hours of it would be silent.
      if (unit !== 'bytes') return;
      let rate = rates.get(stage.name);
      if (rate === undefined) rates.set(stage.name, rate = new Rate());
      const speed = rate.at(done);
      if (performance.now() - lastMs > SIGN_OF_LIFE_MS) say(`${stage.name}: ${amount(done, total, unit, speed)}`);
    },
    taskEnded: ({ stage }) => { rates.delete(stage.name); },
    cell(cell, outcome, status) {
      const stage = tally.cell(cell, outcome, status);
      if (status === 'failed' && outcome.kind === 'failed' && tally.isNews(outcome.failure)) say(`failed: ${cell.id} (${outcome.failure.code}): ${outcome.failure.sentence}`);
      if (status === 'lacking' && outcome.kind === 'failed' && outcome.origin === cell.id && tally.isNews(outcome.failure)) say(lackingLine(cell, outcome.failure));
      const settled = settledOf(stage);
      if (settled === stage.cells) {
        if (stage.byStatus.ran + stage.byStatus.failed > 0) say(`${stage.name}: ${inWords(stage)}`);
      } else if (status === 'ran' && performance.now() - lastMs > SIGN_OF_LIFE_MS) {
        const left = tally.timeLeft();
        say(`${stage.name}: ${settled} of ${stage.cells} cells${left === undefined ? '' : `, ${left}`}`);
      }
    },
    // Bringing what a cell needs may take long before anything runs.
    cache: (traffic) => { if (performance.now() - lastMs > SIGN_OF_LIFE_MS) say(movingText(traffic)); },
    warn: (sentence) => say(sentence),
    exported: ({ to, written, removed }) => { if (written + removed > 0) say(`${to}: ${written} files written, ${removed} removed`); },
    done: (end) => { for (const line of summaryLines(tally, end)) print(line); },
  };
}
