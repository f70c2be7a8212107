/**
 * The sampler: Gumbel-max with common noise (docs/arithmetic.md, "Sampling"). The token is argmax of z + T g over the
 * candidates, which is a draw from softmax(z / T). The noise g of a token depends on the prompt, the seed, the position and the
 * token alone, so formats, temperatures and top_k see the same noise and their texts part only where their models do.
 */
import { log } from './functions.ts';
import { threefry2x32 } from './threefry.ts';

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

/** Standard Gumbel noise, fp32: -log(-log u), u = ((r >>> 9) + 0.5) 2^-23, r the first word of Threefry. */
export function gumbel(promptKey: number, seed: number, position: number, token: number): number {
  const [r] = threefry2x32(promptKey, seed, position, token);
  const u = fround(((r >>> 9) + 0.5) * 2 ** -23); // exact: 24 bits
  return -log(-log(u));
}

/** Position of the largest value; the first of equals. */
export function argmax(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}

/** The k tokens of the largest logits (logit descending, then token id ascending; exactly k), by ascending id. 0: all. */
export function candidates(logits: Float32Array, k: number): Int32Array {
  if (k === 0 || k >= logits.length) return Int32Array.from(logits, (_, token) => token);
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

function kthLargest(values: Float32Array, k: number): number {
  return values.slice().sort()[values.length - k]!;
}

/**
 * The next token: `position` is its absolute position in the sequence, `promptKey` the 32-bit number of its prompt
 * (promptKeyOf). Ties go to the lower id.
 */
export function sampleToken(logits: Float32Array, sampling: Sampling, promptKey: number, position: number): number {
  if (isGreedy(sampling)) return argmax(logits);
  const temperature = fround(sampling.temperature);
  let best = -1;
  let bestScore = -Infinity;
  for (const token of candidates(logits, sampling.topK)) {
    const score = fround(logits[token]! + fround(temperature * gumbel(promptKey, sampling.seed, position, token)));
    if (score > bestScore) {
      best = token;
      bestScore = score;
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
