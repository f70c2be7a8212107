/** The numbers of two runs side by side: which changed, by how much, whether beyond noise, and why. */
import { Changes } from './changes.ts';
import { numbersOf } from './numbers.ts';
import type { Pair } from './changes.ts';
import type { StoredNumber } from './numbers.ts';

/**
 * exact          it has no noise: any difference is one of the result
 * beyond noise   measured; the two intervals have nothing in common
 * within noise   measured; the intervals overlap
 * no interval    measured without one: noise cannot be told from change
 */
export type Judgement = 'exact' | 'beyond noise' | 'within noise' | 'no interval';

export interface ChangedNumber {
  readonly id: string;
  readonly before: StoredNumber;
  readonly after: StoredNumber;
  /** after / before - 1; undefined where before is 0. */
  readonly relative?: number;
  readonly judgement: Judgement;
  readonly causes: readonly string[];
}

export interface Comparison {
  /** Numbers in both. */
  readonly compared: number;
  readonly changed: readonly ChangedNumber[];
  readonly added: readonly StoredNumber[];
  readonly removed: readonly StoredNumber[];
}

/** Throws DamagedObject where a table cannot be read. */
export async function compare(pair: Pair): Promise<Comparison> {
  const [before, after] = [await numbersOf(pair.before), await numbersOf(pair.after)];
  const changes = new Changes(pair);
  const changed: ChangedNumber[] = [];
  let compared = 0;
  for (const [id, now] of after) {
    const then = before.get(id);
    if (then === undefined) continue;
    compared++;
    if (then.value === now.value && then.low === now.low && then.high === now.high) continue;
    changed.push({
      id, before: then, after: now, judgement: judge(then, now, changes), causes: [...changes.causesOf(now.cell)],
      ...(then.value === 0 ? {} : { relative: now.value / then.value - 1 }),
    });
  }
  return { compared, changed, added: [...after.values()].filter(({ id }) => !before.has(id)), removed: [...before.values()].filter(({ id }) => !after.has(id)) };
}

function judge(before: StoredNumber, after: StoredNumber, changes: Changes): Judgement {
  // A table may mix both kinds; it says so itself.
  const exact = typeof after.row['exact'] === 'boolean' ? after.row['exact'] : !changes.isMeasured(after.cell);
  if (exact) return 'exact';
  if (before.low === undefined || before.high === undefined || after.low === undefined || after.high === undefined) return 'no interval';
  return before.low <= after.high && after.low <= before.high ? 'within noise' : 'beyond noise';
}

/** Changed numbers by what they come from, most numbers first; several causes together are a group of their own. */
export function byCause(changed: readonly ChangedNumber[]): readonly { readonly causes: readonly string[]; readonly numbers: readonly ChangedNumber[] }[] {
  const groups = new Map<string, ChangedNumber[]>();
  for (const number of changed) {
    const key = JSON.stringify([...number.causes].sort());
    const group = groups.get(key);
    if (group) group.push(number);
    else groups.set(key, [number]);
  }
  return [...groups].map(([key, numbers]) => ({ causes: JSON.parse(key) as string[], numbers })).sort((a, b) => b.numbers.length - a.numbers.length);
}

/** The largest changes first: of those with a base to compare with by their share of it. */
export function largestFirst(changed: readonly ChangedNumber[]): readonly ChangedNumber[] {
  const size = ({ relative, before, after }: ChangedNumber): number => relative === undefined ? Math.abs(after.value - before.value) : Math.abs(relative);
  return [...changed].sort((a, b) => size(b) - size(a) || (a.id < b.id ? -1 : 1));
}
