/**
 * One row of a format beside the base's, at all points of the sampler's grid: the definitions of `sampling` in kernels/statistics.ts,
 * with what depends on the base alone computed once.
 */
import { log64 } from '../float64.ts';
import type { BaseSums, FormatSums, SamplingPoint } from '../statistics.ts';
import { argmax, expRow, selectTop } from './softmax.ts';

/** A row with what every point of the grid shares: its largest logit and its candidates, sorted once. */
class Row {
  logits: Float32Array = new Float32Array(0);
  at = 0;
  top = 0;
  max = 0;
  /** Candidates, best first; empty when no point has a topK. */
  readonly ids: Int32Array;
  /** Place of a token among the candidates; `outside` for all others. */
  readonly rank: Int32Array;
  readonly outside = 0x7fffffff;
  readonly vocabulary: number;
  #ranked = false;

  constructor(vocabulary: number, largestK: number) {
    this.vocabulary = vocabulary;
    this.ids = new Int32Array(largestK);
    this.rank = new Int32Array(vocabulary).fill(this.outside);
  }

  set(logits: Float32Array, at: number): void {
    if (this.#ranked) for (const id of this.ids) this.rank[id] = this.outside;
    this.logits = logits;
    this.at = at;
    if (this.ids.length > 0) {
      selectTop(logits, at, this.vocabulary, this.ids.length, this.ids);
      for (let i = 0; i < this.ids.length; i++) this.rank[this.ids[i]!] = i;
      this.#ranked = true;
      this.top = this.ids[0]!;
    } else {
      this.top = argmax(logits, at, this.vocabulary);
    }
    this.max = logits[at + this.top]!;
  }

  /** Probabilities of the first k candidates at temperature 1 / beta, best first; summed in that order. */
  candidates(k: number, beta: number, probabilities: Float64Array, gathered: Float32Array): void {
    for (let i = 0; i < k; i++) gathered[i] = this.logits[this.at + this.ids[i]!]!;
    const inverse = 1 / expRow(gathered, 0, k, this.max, beta, probabilities);
    for (let i = 0; i < k; i++) probabilities[i] = probabilities[i]! * inverse;
  }
}

/** Set the base's row first, then add any number of formats' rows. */
export class SamplingComparer {
  readonly #vocabulary: number;
  readonly #points: readonly SamplingPoint[];
  readonly #base: Row;
  readonly #format: Row;
  /** Per point: the base's probabilities, by token id (k = 0) or best first. */
  readonly #probabilities: readonly Float64Array[];
  readonly #scratch: Float64Array;
  readonly #gathered: Float32Array;
  #surprisal: Float64Array = new Float64Array(0);

  constructor(vocabulary: number, points: readonly SamplingPoint[]) {
    const largestK = points.reduce((k, point) => Math.max(k, point.temperature > 0 ? point.topK : 0), 0);
    this.#vocabulary = vocabulary;
    this.#points = points;
    this.#base = new Row(vocabulary, largestK);
    this.#format = new Row(vocabulary, largestK);
    this.#probabilities = points.map((point) => new Float64Array(point.temperature === 0 ? 0 : point.topK || vocabulary));
    this.#scratch = new Float64Array(vocabulary);
    this.#gathered = new Float32Array(largestK);
  }

  /** The base's logits of a position, and the judge's surprisals of it. */
  setBase(logits: Float32Array, at: number, surprisal: Float64Array, sums: BaseSums): void {
    const base = this.#base;
    base.set(logits, at);
    this.#surprisal = surprisal;
    this.#points.forEach(({ temperature, topK }, i) => {
      const p = this.#probabilities[i]!;
      if (temperature === 0) add(sums.quality, i, surprisal[base.top]!);
      else if (topK > 0) base.candidates(topK, 1 / temperature, p, this.#gathered);
      else this.#fullBase(p, 1 / temperature, sums, i);
    });
  }

  #fullBase(p: Float64Array, beta: number, sums: BaseSums, i: number): void {
    const { logits, at, max } = this.#base;
    const surprisal = this.#surprisal;
    const sum = expRow(logits, at, this.#vocabulary, max, beta, p);
    const inverse = 1 / sum;
    let below = 0;
    let quality = 0;
    for (let v = 0; v < this.#vocabulary; v++) {
      const probability = p[v]! * inverse;
      p[v] = probability;
      below += probability * (max - logits[at + v]!);
      quality += probability * surprisal[v]!;
    }
    add(sums.entropy, i, log64(sum) + beta * below);
    add(sums.quality, i, quality);
  }

  addFormat(logits: Float32Array, at: number, sums: FormatSums): void {
    this.#format.set(logits, at);
    this.#points.forEach(({ temperature, topK }, i) => {
      if (temperature === 0) this.#greedy(sums, i);
      else if (topK > 0) this.#amongCandidates(this.#probabilities[i]!, topK, 1 / temperature, sums, i);
      else this.#full(this.#probabilities[i]!, 1 / temperature, sums, i);
    });
  }

  #greedy(sums: FormatSums, i: number): void {
    const [base, format] = [this.#base.top, this.#format.top];
    if (base === format) return;
    add(sums.totalVariation, i, 1);
    add(sums.outsideMass, i, 1);
    add(sums.qualityShift, i, this.#surprisal[format]! - this.#surprisal[base]!);
  }

  #amongCandidates(p: Float64Array, k: number, beta: number, sums: FormatSums, i: number): void {
    const q = this.#scratch;
    const base = this.#base;
    const format = this.#format;
    format.candidates(k, beta, q, this.#gathered);
    let difference = 0;
    let outside = 0;
    for (let j = 0; j < k; j++) {
      const rank = base.rank[format.ids[j]!]!;
      if (rank < k) difference += Math.abs(q[j]! - p[rank]!);
      else outside += q[j]!;
    }
    let lost = 0;
    for (let j = 0; j < k; j++) if (format.rank[base.ids[j]!]! >= k) lost += p[j]!;
    add(sums.totalVariation, i, 0.5 * (difference + outside + lost));
    add(sums.outsideMass, i, outside);
  }

  #full(p: Float64Array, beta: number, sums: FormatSums, i: number): void {
    const q = this.#scratch;
    const surprisal = this.#surprisal;
    const inverse = 1 / expRow(this.#format.logits, this.#format.at, this.#vocabulary, this.#format.max, beta, q);
    let difference = 0;
    let shift = 0;
    for (let v = 0; v < this.#vocabulary; v++) {
      const d = q[v]! * inverse - p[v]!;
      difference += Math.abs(d);
      shift += d * surprisal[v]!;
    }
    add(sums.totalVariation, i, 0.5 * difference);
    add(sums.qualityShift, i, shift);
  }
}

function add(sums: Float64Array, at: number, value: number): void {
  sums[at] = sums[at]! + value;
}
