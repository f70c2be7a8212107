/**
 * Where the results of a step's ops lie in the workspace, and before which ops a device must wait for the others.
 *
 * A place is given away after the last op that reads it. Ops of one round, from one wait to the next, may run at the same time; so an op
 * begins a round when this one has written something that it reads, or has touched the place that it writes.
 *
 * Decoding records the same ops for one token after another, at other positions: those are lists, which words only point to. What was placed is not placed again.
 */
import { AT, OPCODE, WORDS } from './program.ts';

/** A free piece of the workspace; `round`: the last in which it was touched. */
interface Gap { line: number; lines: number; readonly round: number }

/** The result of one op. */
interface Result {
  readonly lines: number;
  line: number;
  /** Last op that reads it. */
  lastUse: number;
  /** Rounds of the op that writes it and of the last that reads it. */
  written: number;
  read: number;
  /** Still in its place after the last run. */
  kept: boolean;
  /** The step that it is of. */
  step: number;
}

export class Placement {
  /** By op; those of earlier steps count for nothing. */
  readonly #results: (Result | undefined)[] = [];
  #step = 0;
  #words = new Int32Array(0);
  /** What was placed last, and where: results that were made again as they were still say where they lie. */
  #placed = { recorded: new Int32Array(0), length: 0, wanted: -1, lines: 0 };

  /** A new step. */
  forget(): void {
    this.#step++;
  }

  /** Op `id` has a result of so many lines. */
  make(id: number, lines: number): void {
    const before = this.#results[id];
    if (before?.lines === lines) {
      before.step = this.#step;
      return;
    }
    this.#results[id] = { lines, line: 0, lastUse: id, written: 0, read: 0, kept: false, step: this.#step };
    this.#placed.length = 0;
  }

  has(id: number): boolean {
    return this.#of(id)?.kept === true;
  }

  lineOf(id: number): number {
    return this.#of(id)!.line;
  }

  /** Lines of that result. */
  linesOf(id: number): number {
    return this.#of(id)!.lines;
  }

  #of(id: number): Result | undefined {
    const result = this.#results[id];
    return result?.step === this.#step ? result : undefined;
  }

  /**
   * The words of the first `ops` ops with results named by their lines. The result of op `wanted` is in its place at the end;
   * with `keepAll` all are.
   */
  place(recorded: Int32Array, ops: number, wanted: number, keepAll: boolean): { readonly words: Int32Array; readonly lines: number } {
    if (!keepAll && this.#isPlaced(recorded, ops * WORDS, wanted)) return { words: this.#words, lines: this.#placed.lines };
    if (this.#words.length < ops * WORDS) this.#words = new Int32Array(recorded.length);
    const words = this.#words;
    words.set(recorded.subarray(0, ops * WORDS));
    this.#findLastUses(words, ops, wanted);

    const gaps: Gap[] = [];
    let top = 0;
    let round = 0;
    for (let op = 0, at = 0; op < ops; op++, at += WORDS) {
      const x = this.#of(words[at + AT.x]!);
      const y = this.#of(words[at + AT.y]!);
      const out = this.#of(op);
      // Ops on caches are not followed: they always begin a round.
      let waits = words[at] === OPCODE.remember || words[at] === OPCODE.attend || x?.written === round || y?.written === round;
      if (out !== undefined && out.lines > 0) {
        const gap = bestGap(gaps, out.lines, round);
        if (gap === undefined) {
          out.line = top;
          top += out.lines;
        } else {
          out.line = gap.line;
          gap.line += out.lines;
          gap.lines -= out.lines;
          if (gap.lines === 0) gaps.splice(gaps.indexOf(gap), 1);
          if (gap.round === round) waits = true;
        }
      }
      if (waits && op > 0) round++;
      words[at + AT.wait] = waits && op > 0 ? 1 : 0;
      words[at + AT.x] = x?.line ?? -1;
      words[at + AT.y] = y?.line ?? -1;
      words[at + AT.out] = out?.line ?? -1;
      if (x) x.read = round;
      if (y) y.read = round;
      if (out) {
        out.written = out.read = round;
        out.kept = true;
      }
      if (keepAll) continue;
      for (const result of x === y ? [x, out] : [x, y, out]) {
        if (result === undefined || result.lastUse > op || result.lines === 0) continue;
        result.kept = false;
        gaps.push({ line: result.line, lines: result.lines, round });
      }
    }
    this.#remember(recorded, keepAll ? 0 : ops * WORDS, wanted, top);
    return { words, lines: top };
  }

  /** Whether these are the words that were placed last. */
  #isPlaced(recorded: Int32Array, length: number, wanted: number): boolean {
    const placed = this.#placed;
    if (placed.length !== length || placed.wanted !== wanted) return false;
    for (let i = 0; i < length; i++) if (placed.recorded[i] !== recorded[i]) return false;
    return true;
  }

  /** `length`: 0 where nothing that comes is placed as this was. */
  #remember(recorded: Int32Array, length: number, wanted: number, lines: number): void {
    const before = this.#placed.recorded;
    const copy = before.length < length ? new Int32Array(recorded.length) : before;
    copy.set(recorded.subarray(0, length));
    this.#placed = { recorded: copy, length, wanted, lines };
  }

  #findLastUses(words: Int32Array, ops: number, wanted: number): void {
    for (let op = 0, at = 0; op < ops; op++, at += WORDS) {
      const result = this.#of(op);
      if (result) {
        result.lastUse = op;
        result.written = result.read = 0;
        result.kept = false;
      }
      for (const input of [this.#of(words[at + AT.x]!), this.#of(words[at + AT.y]!)]) if (input) input.lastUse = op;
    }
    const result = this.#of(wanted);
    if (result) result.lastUse = ops;
  }
}

/** The smallest gap that holds so many lines, best one that this round has not touched. */
function bestGap(gaps: readonly Gap[], lines: number, round: number): Gap | undefined {
  let best: Gap | undefined;
  for (const gap of gaps) {
    if (gap.lines < lines) continue;
    const better = best === undefined || (gap.round === round) < (best.round === round) || ((gap.round === round) === (best.round === round) && gap.lines < best.lines);
    if (better) best = gap;
  }
  return best;
}
