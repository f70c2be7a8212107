import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { argmax, candidates, checkSampling, gumbel, promptKeyOf, sampleToken } from '../../kernels/sampler.ts';
import { threefry2x32 } from '../../kernels/threefry.ts';

test('Threefry-2x32-20 gives the known answers of Random123', () => {
  const hex = (...words: number[]) => words.map((word) => (word >>> 0).toString(16).padStart(8, '0')).join(' ');
  assert.is(hex(...threefry2x32(0, 0, 0, 0)), '6b200159 99ba4efe');
  assert.is(hex(...threefry2x32(-1, -1, -1, -1)), '1cb996fc bb002be7');
  assert.is(hex(...threefry2x32(0x13198a2e, 0x03707344, 0x243f6a88, 0x85a308d3)), 'c4923a9c 483df7a0');
});

test('gumbel noise has its mean, variance and tails', () => {
  let sum = 0;
  let squares = 0;
  let smallest = Infinity;
  const count = 200_000;
  for (let i = 0; i < count; i++) {
    const g = gumbel(7, 1, i & 511, i >> 9);
    sum += g;
    squares += g * g;
    smallest = Math.min(smallest, g);
    assert.ok(Number.isFinite(g));
  }
  const mean = sum / count;
  assert.ok(Math.abs(mean - 0.5772157) < 0.01, `mean ${mean}`); // Euler's constant; standard error 0.003
  assert.ok(Math.abs(squares / count - mean * mean - Math.PI ** 2 / 6) < 0.03);
  assert.ok(smallest > -2.82 && smallest < -2.2); // -ln(24 ln 2) for the smallest u = 2^-24
});

test('tokens are drawn from softmax(z / T) over the k largest', () => {
  const logits = Float32Array.of(0.5, 2, -1, 1.25, 2, 0, -3, 1);
  const draws = 40_000;
  for (const [temperature, topK] of [[1, 0], [0.6, 0], [1.7, 3], [1, 5]] as const) {
    const kept = [...candidates(logits, topK)];
    const weights = kept.map((token) => Math.exp(logits[token]! / temperature));
    const total = weights.reduce((a, b) => a + b, 0);
    const counts = new Float64Array(logits.length);
    for (let i = 0; i < draws; i++) {
      const token = sampleToken(logits, { temperature, topK, seed: i & 255 }, 99, i >> 8);
      counts[token] = counts[token]! + 1;
    }
    let chiSquare = 0;
    kept.forEach((token, index) => {
      const expected = (weights[index]! / total) * draws;
      chiSquare += (counts[token]! - expected) ** 2 / expected;
    });
    assert.is(counts.reduce((a, n, token) => a + (kept.includes(token) ? 0 : n), 0), 0);
    assert.ok(chiSquare < 26, `T ${temperature} k ${topK}: chi-square ${chiSquare}`); // p = 0.0005 at 7 degrees of freedom
  }
});

test('a token is the argmax of z + T g, computed for every candidate', () => {
  for (let position = 0; position < 300; position++) {
    const logits = Float32Array.from({ length: 100 }, (_, i) => threefry2x32(position, 5, i, 0)[0] / 2 ** 29);
    for (const [temperature, topK] of [[0.2, 0], [1, 0], [5, 20]] as const) {
      const scores = new Float32Array(100).fill(-Infinity);
      for (const token of candidates(logits, topK)) scores[token] = Math.fround(logits[token]! + Math.fround(Math.fround(temperature) * gumbel(8, 2, position, token)));
      assert.is(sampleToken(logits, { temperature, topK, seed: 2 }, 8, position), argmax(scores));
    }
  }
});

test('candidates: logit descending, then id ascending, exactly k', () => {
  const logits = Float32Array.of(1, 3, 2, 3, 2, 2, -0, 0);
  assert.equal([...candidates(logits, 1)], [1]);
  assert.equal([...candidates(logits, 2)], [1, 3]);
  assert.equal([...candidates(logits, 3)], [1, 2, 3]);
  assert.equal([...candidates(logits, 4)], [1, 2, 3, 4]);
  assert.equal([...candidates(logits, 7)], [0, 1, 2, 3, 4, 5, 6]); // -0 and 0 are equal
  for (const k of [0, 8, 100]) assert.equal([...candidates(logits, k)], [0, 1, 2, 3, 4, 5, 6, 7]);
  // against sorting, on many logits with ties
  const many = Float32Array.from({ length: 500 }, (_, i) => (threefry2x32(3, 0, i, 0)[0] >>> 24) / 16);
  const sorted = [...many.keys()].sort((a, b) => many[b]! - many[a]! || a - b);
  for (const k of [1, 2, 40, 499]) assert.equal([...candidates(many, k)], sorted.slice(0, k).sort((a, b) => a - b));
});

test('greedy: temperature 0 and top_k 1 are the argmax, ties to the lower id, whatever the seed', () => {
  const logits = Float32Array.of(1, 5, 2, 5);
  assert.is(argmax(logits), 1);
  for (const seed of [0, 1, 2, 3]) {
    assert.is(sampleToken(logits, { temperature: 0, topK: 0, seed }, 1, 5), 1);
    assert.is(sampleToken(logits, { temperature: 1.3, topK: 1, seed }, 1, 5), 1);
  }
});

test('the noise is common: it depends on prompt, seed, position and token alone', () => {
  const flat = new Float32Array(50);
  const drawn = (logits: Float32Array, temperature: number, topK: number, key = 5, seed = 1, position = 3) => sampleToken(logits, { temperature, topK, seed }, key, position);
  const noise = Array.from(flat, (_, token) => gumbel(5, 1, 3, token));
  const best = noise.indexOf(Math.max(...noise));
  for (const temperature of [0.1, 1, 7]) assert.is(drawn(flat, temperature, 0), best);
  // A small change of logits leaves the token, where independent draws would agree in about one of 50.
  assert.is(drawn(flat.map((_, i) => 1e-4 * (i % 3)), 1, 0), best);
  const tokens = (change: (i: number) => [number, number, number]) => Array.from({ length: 40 }, (_, i) => drawn(flat, 1, 0, ...change(i)));
  for (const change of [(i: number) => [i, 1, 3], (i: number) => [5, i, 3], (i: number) => [5, 1, i]] as ((i: number) => [number, number, number])[]) {
    assert.ok(new Set(tokens(change)).size > 15);
  }
});

test('the bits of the noise are frozen', () => {
  const words = [0, 1, 2, 2047].map((token) => new Uint32Array(Float32Array.of(gumbel(0x811c9dc5, 1, 17, token)).buffer)[0]!.toString(16));
  assert.equal(words, ['3fae2e82', '3fb40f54', 'bf126950', '3fce947d']);
});

test('prompt keys are FNV-1a of the ids', () => {
  assert.is(promptKeyOf([]), 0x811c9dc5);
  const fnv = (bytes: number[]) => Number(bytes.reduce((hash, byte) => ((hash ^ BigInt(byte)) * 0x01000193n) % 2n ** 32n, 0x811c9dc5n));
  assert.is(fnv([...Buffer.from('foobar')]), 0xbf9cf968); // the published test vector
  assert.is(promptKeyOf(Int32Array.of(97)), fnv([97, 0, 0, 0]));
  assert.is(promptKeyOf([0x01020304, 258]), fnv([4, 3, 2, 1, 2, 1, 0, 0]));
  assert.is.not(promptKeyOf([1, 2]), promptKeyOf([2, 1]));
});

test('settings without meaning are refused', () => {
  for (const wrong of [{ temperature: -1 }, { temperature: NaN }, { temperature: Infinity }, { topK: 1.5 }, { topK: -1 }, { seed: -1 }, { seed: 2 ** 32 }, { seed: 0.5 }]) {
    assert.throws(() => checkSampling({ temperature: 1, topK: 0, seed: 0, ...wrong }), new RegExp(Object.keys(wrong)[0] === 'topK' ? 'top_k' : Object.keys(wrong)[0]!));
  }
  checkSampling({ temperature: 0, topK: 0, seed: 2 ** 32 - 1 });
});

test.run();
