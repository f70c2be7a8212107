/** Failures for people: those with the same words together, since one cause may fail a thousand cells. */
import { count } from './words.ts';
import type { Cell, Failure } from './types.ts';

/** Of an optional stage: 'build failed: there is no C compiler; install one'. */
export function lackingLine({ stage }: Cell, { sentence, hint }: Failure): string {
  return `${stage.name} failed: ${sentence}${hint === undefined ? '' : `; ${hint}`}`;
}

/** 'failed: score:a and 50 more (not-available): the disk is full', and what to do about it. At most `max` different ones. */
export function failureLines(failures: readonly { readonly cell: string; readonly failure: Failure }[], max = Infinity): readonly string[] {
  const groups = new Map<string, { readonly failure: Failure; readonly cells: string[] }>();
  for (const { cell, failure } of failures) {
    const words = `${failure.code} ${failure.sentence}`;
    const group = groups.get(words);
    if (group === undefined) groups.set(words, { failure, cells: [cell] });
    else group.cells.push(cell);
  }
  const all = [...groups.values()];
  const lines = all.slice(0, max).flatMap(({ failure: { code, sentence, hint }, cells }) => [
    `failed: ${cells[0]}${cells.length === 1 ? '' : ` and ${cells.length - 1} more`} (${code}): ${sentence}`,
    ...(hint === undefined ? [] : [`        ${hint}`]),
  ]);
  const unseen = all.slice(max).reduce((sum, { cells }) => sum + cells.length, 0);
  return unseen === 0 ? lines : [...lines, `and ${count(unseen, 'more failure')}; "status" lists them`];
}
