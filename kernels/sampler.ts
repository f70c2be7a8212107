/**
 * The sampler: Gumbel-max with common noise (docs/arithmetic.md, "Sampling"). The token is argmax of z + T g over the
 * candidates, which is a draw from softmax(z / T). The noise g of a token depends on the prompt, the seed, the position and the
 * token alone, so formats, temperatures and top_k see the same noise and their texts part only where their models do.
 */
import { log } from './functions.ts';
import { threefryWord } from './threefry.ts';

const { fround } = Math;

export interface Sampling {
  /** 0: greedy. */
  readonly temperature: number;
  /** Only the k largest logits are candidates; 0: all. */
  readonly topK: number;
  readonly seed: number;
}

/** Throws on settings that have no meaning. */
export function checkSampling({ temperature, topK, seed }: Sampling): void {
  if (!(Number.isFinite(temperature) && temperature >= 0)) throw new RangeError(`temperature is ${temperature}; it must be a number from 0`);
  if (!(Number.isInteger(topK) && topK >= 0)) throw new RangeError(`top_k is ${topK}; it must be a whole number, 0 for all tokens`);
  if (!(Number.isInteger(seed) && seed >= 0 && seed <= 0xffff_ffff)) throw new RangeError(`seed is ${seed}; it must be a whole number from 0 to 4294967295`);
}

/** Temperature 0 and top_k 1 give the same text, and no noise enters. */
export function isGreedy({ temperature, topK }: Sampling): boolean {
  return temperature === 0 || topK === 1;
}

/** Standard Gumbel noise of a random word, fp32: -log(-log u), u = ((r >>> 9) + 0.5) 2^-23. */
function gumbelOf(r: number): number {
  const u = fround(((r >>> 9) + 0.5) / 8388608); // exact: 24 bits
  return -log(-log(u));
}

/** The noise of a token: r is the first word of Threefry with key (prompt, seed) and counter (position, token). */
export function gumbel(promptKey: number, seed: number, position: number, token: number): number {
  return gumbelOf(threefryWord(promptKey, seed, position, token));
}

/** By the first 8 bits of r, more than any noise of such an r: 2^-10 is far above the errors of log. Spares most logarithms. */
const noiseBound = Float32Array.from({ length: 256 }, (_, first) => gumbelOf((first << 24) | 0xff_ffff) + 1 / 1024);
const MOST_NOISE = noiseBound[255]!;

/** Position of the largest value; the first of equals. */
export function argmax(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}

/** The k tokens of the largest logits (logit descending, then token id ascending; exactly k), by ascending id. 0: all. */
export function candidates(logits: Float32Array, k: number): Int32Array {
  if (k === 0 || k >= logits.length) {
    const all = new Int32Array(logits.length);
    for (let token = 0; token < all.length; token++) all[token] = token;
    return all;
  }
  const threshold = kthLargest(logits, k);
  let above = 0;
  for (const z of logits) if (z > threshold) above++;
  const chosen = new Int32Array(k);
  let count = 0;
  let equal = k - above; // of those equal to the threshold, the lowest ids
  for (let token = 0; count < k; token++) {
    if (logits[token]! > threshold || (logits[token]! === threshold && equal-- > 0)) chosen[count++] = token;
  }
  return chosen;
}

/** A heap of the k largest so far, the least of them on top. */
function kthLargest(values: Float32Array, k: number): number {
  const heap = values.slice(0, k).sort(); // ascending order is a heap
  for (let i = k; i < values.length; i++) {
    const value = values[i]!;
    if (!(value > heap[0]!)) continue;
    let at = 0;
    for (let child = 1; child < k; child = 2 * at + 1) {
      if (child + 1 < k && heap[child + 1]! < heap[child]!) child++;
      if (value <= heap[child]!) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = value;
  }
  return heap[0]!;
}

/**
 * The next token: `position` is its absolute position in the sequence, `promptKey` the 32-bit number of its prompt
 * (promptKeyOf). Ties go to the lower id.
 */
export function sampleToken(logits: Float32Array, sampling: Sampling, promptKey: number, position: number): number {
  if (isGreedy(sampling)) return argmax(logits);
  const { topK, seed } = sampling;
  const temperature = fround(sampling.temperature);
  const score = (z: number, noise: number): number => fround(z + fround(temperature * noise));
  // Rounding keeps order, so a token whose logit cannot reach the likeliest one's score with any noise needs none.
  const likeliest = argmax(logits);
  const reached = score(logits[likeliest]!, gumbel(promptKey, seed, position, likeliest));
  const some = topK > 0 && topK < logits.length ? candidates(logits, topK) : undefined;
  const count = some?.length ?? logits.length;
  let best = -1;
  let bestScore = -Infinity;
  for (let i = 0; i < count; i++) {
    const token = some ? some[i]! : i;
    const z = logits[token]!;
    if (score(z, MOST_NOISE) < reached) continue;
    const r = threefryWord(promptKey, seed, position, token);
    if (score(z, noiseBound[r >>> 24]!) <= bestScore) continue;
    const own = score(z, gumbelOf(r));
    if (own > bestScore) {
      best = token;
      bestScore = own;
    }
  }
  return best;
}

/** The 32-bit number of a prompt: FNV-1a over its token ids, four bytes each, low byte first. The prompt's place in a list does not enter. */
export function promptKeyOf(ids: ArrayLike<number>): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < ids.length; i++) {
    for (let shift = 0; shift < 32; shift += 8) hash = Math.imul(hash ^ ((ids[i]! >>> shift) & 0xff), 0x01000193);
  }
  return hash >>> 0;
}
