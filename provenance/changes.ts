/** Why a cell's result is another than it was: the changes that it all comes from, found by following inputs upward. */
import { reasonsFor, reasonText } from '../stages/dag/index.ts';
import type { ResultCell, Results } from '../stages/dag/index.ts';

/** What two results of one pipeline are: earlier and later. */
export interface Pair { readonly before: Results; readonly after: Results }

/** A change of an input as reasonsFor() words it; what stands behind it is asked of that input. */
const INPUT = /^input (\S+) /;

export class Changes {
  readonly #pair: Pair;
  readonly #causes = new Map<string, ReadonlySet<string>>();
  readonly #measured = new Map<string, boolean>();

  constructor(pair: Pair) {
    this.#pair = pair;
  }

  /** In words, one for each change: 'code kernels/formats/nf4.ts changed', 'params.seed 1 -> 2'. Empty where the cell's outputs are equal. */
  causesOf(id: string): ReadonlySet<string> {
    const known = this.#causes.get(id);
    if (known !== undefined) return known;
    // While it is looked for: a cell is never its own cause.
    this.#causes.set(id, new Set());
    const causes = new Set(this.#find(id));
    this.#causes.set(id, causes);
    return causes;
  }

  /** Whether a timing went into it, on either side: such a number differs without a cause. */
  isMeasured(id: string): boolean {
    const known = this.#measured.get(id);
    if (known !== undefined) return known;
    this.#measured.set(id, false);
    const measured = [this.#pair.before, this.#pair.after].some(({ cells }) => {
      const cell = cells.get(id);
      return cell !== undefined && (cell.determinism === 'measured' || producersOf(cell).some((from) => this.isMeasured(from)));
    });
    this.#measured.set(id, measured);
    return measured;
  }

  #find(id: string): readonly string[] {
    const [before, after] = [this.#pair.before.cells.get(id), this.#pair.after.cells.get(id)];
    if (before?.record === undefined || after?.record === undefined) {
      return before?.record === after?.record ? [] : [`${id} has no result in ${before?.record === undefined ? 'the earlier' : 'the later'} run`];
    }
    if (sameOutputs(before, after)) return [];
    if (before.record.key === after.record.key) return [again(before, after)];
    const reasons = reasonsFor({ fields: after.record.fields, closure: after.code, changedCells: {} }, before.record, before.code);
    return reasons.flatMap((reason) => {
      const input = INPUT.exec(reason.field)?.[1];
      return input === undefined ? [reasonText(reason)] : this.#behind(input, before, after);
    });
  }

  /** The causes behind a changed input: its file, or what changed the cells that it comes from. */
  #behind(name: string, before: ResultCell, after: ResultCell): readonly string[] {
    const [old, now] = [before.inputs[name], after.inputs[name]];
    if (old === undefined || now === undefined) return [`input ${name} ${old === undefined ? 'added' : 'removed'}`];
    const causes = now.flatMap(({ cell, file }) => file !== undefined ? [`${file} changed`] : cell === undefined ? [] : [...this.causesOf(cell)]);
    const cellsOf = (from: typeof now): string => from.flatMap(({ cell }) => cell ?? []).join('\n');
    if (cellsOf(old) !== cellsOf(now)) causes.push(`input ${name} is made of other cells`);
    return causes.length > 0 ? causes : [`input ${name} changed`];
  }
}

const producersOf = ({ inputs }: ResultCell): readonly string[] => Object.values(inputs).flat().flatMap(({ cell }) => cell ?? []);

function sameOutputs({ record: a }: ResultCell, { record: b }: ResultCell): boolean {
  const names = new Set([...Object.keys(a!.outputs), ...Object.keys(b!.outputs)]);
  return [...names].every((name) => a!.outputs[name]?.sha256 === b!.outputs[name]?.sha256);
}

/** The same work with another outcome. */
function again({ determinism, record: before }: ResultCell, { cell, record: after }: ResultCell): string {
  if (determinism !== 'measured') return `${cell} came out otherwise from the same inputs and code`;
  return before!.machine === after!.machine ? 'measured again' : `measured on another machine (${before!.machine} -> ${after!.machine})`;
}
