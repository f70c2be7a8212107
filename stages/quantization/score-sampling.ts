/**
 * How a format changes the sampler's distribution at (temperature, top_k), in closed form from one pair of logit rows.
 *
 * The sampler draws from softmax(z / T) over the k largest logits (all when k = 0); T = 0 and k = 1 are greedy. Per position:
 *   total variation  1/2 sum_v |p_format(v) - p_base(v)|
 *   outside mass     sum of p_format(v) over v outside the base's k candidates (at T = 0: 1 where the choice differs)
 *   quality shift    sum_v (p_format - p_base)(v) * -log p_judge(v), in nats; k = 0 only
 * and of the base its entropy and its quality sum_v p_base(v) * -log p_judge(v), in nats.
 */
import { log64 } from '../../kernels/float64.ts';
import { argmax, expRow, logSumExp, selectTop } from './score-softmax.ts';

/** One point of the sampler's grid. T = 0 stands for greedy whatever its topK. */
export interface SamplingPoint { readonly temperature: number; readonly topK: number }

/** Sums over the positions of one window. */
export interface SamplingSums { totalVariation: number; outsideMass: number; qualityShift: number; baseEntropy: number; baseQuality: number }

export const noSums = (): SamplingSums => ({ totalVariation: 0, outsideMass: 0, qualityShift: 0, baseEntropy: 0, baseQuality: 0 });

/** -log p_judge(v) of a row of the judge's logits, nats. */
export function judgeNllRow(logits: Float32Array, at: number, count: number, out: Float64Array): void {
  const max = logits[at + argmax(logits, at, count)]!;
  const lse = logSumExp(max, expRow(logits, at, count, max, 1, out));
  for (let v = 0; v < count; v++) out[v] = lse - logits[at + v]!;
}

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

/**
 * Compares rows of a format with the base's at all points of a grid. Set the base's row first, then any number of formats' rows:
 * what depends on the base alone is computed once.
 */
export class SamplingComparer {
  readonly #vocabulary: number;
  readonly #points: readonly SamplingPoint[];
  readonly #base: Row;
  readonly #format: Row;
  /** Per point: the base's probabilities, by token id (k = 0) or best first. */
  readonly #probabilities: readonly Float64Array[];
  readonly #entropy: Float64Array;
  readonly #quality: Float64Array;
  readonly #scratch: Float64Array;
  readonly #gathered: Float32Array;
  #judgeNll: Float64Array = new Float64Array(0);

  constructor(vocabulary: number, points: readonly SamplingPoint[]) {
    const largestK = points.reduce((k, point) => Math.max(k, point.temperature > 0 ? point.topK : 0), 0);
    if (largestK > vocabulary) throw new RangeError(`top_k ${largestK} is more than the vocabulary's ${vocabulary} tokens`);
    this.#vocabulary = vocabulary;
    this.#points = points;
    this.#base = new Row(vocabulary, largestK);
    this.#format = new Row(vocabulary, largestK);
    this.#probabilities = points.map((point) => new Float64Array(point.temperature === 0 ? 0 : point.topK || vocabulary));
    this.#entropy = new Float64Array(points.length);
    this.#quality = new Float64Array(points.length);
    this.#scratch = new Float64Array(vocabulary);
    this.#gathered = new Float32Array(largestK);
  }

  /** The base's logits of a position, and the judge's negative log-probabilities of it. */
  setBase(logits: Float32Array, at: number, judgeNll: Float64Array): void {
    const base = this.#base;
    base.set(logits, at);
    this.#judgeNll = judgeNll;
    this.#points.forEach(({ temperature, topK }, i) => {
      const p = this.#probabilities[i]!;
      if (temperature === 0) {
        this.#entropy[i] = 0;
        this.#quality[i] = judgeNll[base.top]!;
      } else if (topK > 0) {
        base.candidates(topK, 1 / temperature, p, this.#gathered);
      } else {
        this.#fullBase(i, 1 / temperature, p);
      }
    });
  }

  #fullBase(i: number, beta: number, p: Float64Array): void {
    const { logits, at, max } = this.#base;
    const judgeNll = this.#judgeNll;
    const sum = expRow(logits, at, this.#vocabulary, max, beta, p);
    const inverse = 1 / sum;
    let surprise = 0;
    let quality = 0;
    for (let v = 0; v < this.#vocabulary; v++) {
      const probability = p[v]! * inverse;
      p[v] = probability;
      surprise += probability * (max - logits[at + v]!);
      quality += probability * judgeNll[v]!;
    }
    this.#entropy[i] = log64(sum) + beta * surprise;
    this.#quality[i] = quality;
  }

  /** Adds the comparison of a format's row with the base's at point `i` to `sums[i]`, for every point that has sums. */
  add(logits: Float32Array, at: number, sums: readonly (SamplingSums | undefined)[]): void {
    this.#format.set(logits, at);
    for (let i = 0; i < this.#points.length; i++) {
      const into = sums[i];
      if (into === undefined) continue;
      const { temperature, topK } = this.#points[i]!;
      into.baseEntropy += this.#entropy[i]!;
      into.baseQuality += this.#quality[i]!;
      if (temperature === 0) this.#greedy(into);
      else if (topK > 0) this.#amongCandidates(i, topK, 1 / temperature, into);
      else this.#full(i, 1 / temperature, into);
    }
  }

  #greedy(into: SamplingSums): void {
    const [base, format] = [this.#base.top, this.#format.top];
    if (base === format) return;
    into.totalVariation += 1;
    into.outsideMass += 1;
    into.qualityShift += this.#judgeNll[format]! - this.#judgeNll[base]!;
  }

  #amongCandidates(i: number, k: number, beta: number, into: SamplingSums): void {
    const p = this.#probabilities[i]!;
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
    into.totalVariation += 0.5 * (difference + outside + lost);
    into.outsideMass += outside;
  }

  #full(i: number, beta: number, into: SamplingSums): void {
    const p = this.#probabilities[i]!;
    const q = this.#scratch;
    const judgeNll = this.#judgeNll;
    const inverse = 1 / expRow(this.#format.logits, this.#format.at, this.#vocabulary, this.#format.max, beta, q);
    let difference = 0;
    let shift = 0;
    for (let v = 0; v < this.#vocabulary; v++) {
      const d = q[v]! * inverse - p[v]!;
      difference += Math.abs(d);
      shift += d * judgeNll[v]!;
    }
    into.totalVariation += 0.5 * difference;
    into.qualityShift += shift;
  }
}
