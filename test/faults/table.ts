/** The suite's results as a page of the docs. */
import { AFTERWARDS } from './fault.ts';
import type { Fault } from './fault.ts';
import type { Result } from './try.ts';

/** `faults`: all there are; of those without a result the row of `before`, the page as it was, stays. */
export function tableOf(results: readonly Result[], seed: number, faults: readonly Fault[], before: string): string {
  const rowsBefore = new Map(before.split('\n').flatMap((line) => line.startsWith('| ') ? [[line.slice(2, line.indexOf(' | ')), line] as const] : []));
  const rowsNow = new Map(results.map((result) => [result.fault, rowOf(result)]));
  const rows = faults.flatMap((fault) => rowsNow.get(fault) ?? rowsBefore.get(fault.title) ?? []);
  return `# What may happen to a project, and what comes of it

Each fault below was done to a small project so many times, by numbers from one seed, in processes as a user starts them. Unless its row says
otherwise, what was looked at after each was: ${AFTERWARDS}. No lock was
cleared and no file removed by hand. Damage that no run had met was set aside by \`check --repair\`; a cell that had failed by its own fault was brought
back by \`run --retry-failed\` once it was well.

This page is written by the suite: \`npm run test:faults -- --seed ${seed} --write docs/faults.md\` (it writes nothing when a promise was broken;
with \`--only\` it writes the rows of those faults).
\`npm test\` does a few of each.

| Fault | Times | What happened |
|---|---:|---|
${rows.join('\n')}
`;
}

function rowOf({ fault, times, happened, broken, notRun }: Result): string {
  const what = [...happened].sort(([, a], [, b]) => b - a).map(([words, n]) => happened.size === 1 ? words : `${words} (${n.toLocaleString('en')})`);
  if (broken.length > 0) what.push(`**a promise broken (${broken.length})**`);
  return `| ${fault.title} | ${notRun === undefined ? times.toLocaleString('en') : '-'} | ${notRun === undefined ? what.join('; ') : `not run: ${notRun}`} |`;
}
