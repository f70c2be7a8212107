/**
 * How far a format's next-token distribution is from the base's, token by token, over the full vocabulary at temperature 1:
 *   nll     -log p(token)                                          nats
 *   kl      sum_v p_base(v) (log p_base(v) - log p_format(v))      nats, KL(base || format)
 *   entropy -sum_v p(v) log p(v)                                   nats
 *   top1    the most probable token
 */
import { log64 } from '../../kernels/float64.ts';
import { argmax, expRow, logSumExp } from './score-softmax.ts';

/** One value per scored position, in order of (window, position). */
export interface FidelityColumns {
  readonly token: Int32Array;
  readonly nllBase: Float64Array;
  readonly nll: Float64Array;
  readonly kl: Float64Array;
  readonly entropyBase: Float64Array;
  readonly entropy: Float64Array;
  readonly top1Base: Int32Array;
  readonly top1: Int32Array;
}

export function fidelityColumns(positions: number): FidelityColumns {
  const real = (): Float64Array => new Float64Array(positions);
  const whole = (): Int32Array => new Int32Array(positions);
  return { token: whole(), nllBase: real(), nll: real(), kl: real(), entropyBase: real(), entropy: real(), top1Base: whole(), top1: whole() };
}

/** Compares rows of formats with the base's row of the same position. */
export class FidelityComparer {
  readonly #vocabulary: number;
  readonly #p: Float64Array;
  readonly #scratch: Float64Array;
  #logits: Float32Array = new Float32Array(0);
  #at = 0;
  #token = 0;
  #top = 0;
  #lse = 0;
  #entropy = 0;

  constructor(vocabulary: number) {
    this.#vocabulary = vocabulary;
    this.#p = new Float64Array(vocabulary);
    this.#scratch = new Float64Array(vocabulary);
  }

  /** The base's logits of a position, and the token that follows in the text. */
  setBase(logits: Float32Array, at: number, token: number): void {
    const p = this.#p;
    this.#logits = logits;
    this.#at = at;
    this.#token = token;
    this.#top = argmax(logits, at, this.#vocabulary);
    const max = logits[at + this.#top]!;
    const sum = expRow(logits, at, this.#vocabulary, max, 1, p);
    const inverse = 1 / sum;
    let surprise = 0;
    for (let v = 0; v < this.#vocabulary; v++) {
      p[v] = p[v]! * inverse;
      surprise += p[v]! * (max - logits[at + v]!);
    }
    this.#lse = logSumExp(max, sum);
    this.#entropy = log64(sum) + surprise;
  }

  /** Writes place `i` of the columns from a format's logits. */
  write(logits: Float32Array, at: number, columns: FidelityColumns, i: number): void {
    const p = this.#p;
    const q = this.#scratch;
    const base = this.#logits;
    const baseAt = this.#at;
    const top = argmax(logits, at, this.#vocabulary);
    const max = logits[at + top]!;
    const sum = expRow(logits, at, this.#vocabulary, max, 1, q);
    const lse = logSumExp(max, sum);
    const inverse = 1 / sum;
    const shift = lse - this.#lse;
    let surprise = 0;
    let kl = 0;
    for (let v = 0; v < this.#vocabulary; v++) {
      const z = logits[at + v]!;
      surprise += q[v]! * inverse * (max - z);
      kl += p[v]! * (base[baseAt + v]! - z + shift);
    }
    columns.token[i] = this.#token;
    columns.nllBase[i] = this.#lse - base[baseAt + this.#token]!;
    columns.nll[i] = lse - logits[at + this.#token]!;
    columns.kl[i] = kl;
    columns.entropyBase[i] = this.#entropy;
    columns.entropy[i] = log64(sum) + surprise;
    columns.top1Base[i] = this.#top;
    columns.top1[i] = top;
  }
}
