import { createHash } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ARITHMETIC_VERSION, dot } from '../../kernels/arithmetic.ts';
import { ReferenceOps } from '../../kernels/engines/reference.ts';
import { exp, geluErf, geluTanh, log, silu } from '../../kernels/functions.ts';
import { attendRow, layerNormRow } from '../../kernels/row-ops.ts';
import { testValues } from '../../kernels/op-cases/case.ts';
import { opCases } from '../../kernels/selftest.ts';

const { fround } = Math;

/** The law of docs/arithmetic.md written once more, with padding and without the shortcuts of kernels/arithmetic.ts. */
function plainDot(w: Float32Array, x: Float32Array): number {
  const acc: number[] = new Array(16).fill(0);
  for (let block = 0; block < w.length; block += 64) {
    for (let i = 0; i < 16; i++) {
      const product = (k: number) => (block + k < w.length ? fround(w[block + k]! * x[block + k]!) : fround(0 * 0));
      let t = product(2 * i);
      t = fround(t + product(2 * i + 1));
      t = fround(t + product(32 + 2 * i));
      t = fround(t + product(33 + 2 * i));
      acc[i] = fround(acc[i]! + t);
    }
  }
  for (const h of [8, 4, 2, 1]) for (let i = 0; i < h; i++) acc[i] = fround(acc[i]! + acc[i + h]!);
  return acc[0]!;
}

test('dot keeps the order, for every length', () => {
  for (let length = 0; length <= 200; length++) {
    const w = testValues(1, length);
    const x = testValues(2, length);
    assert.ok(Object.is(dot(w, 0, x, 0, length), plainDot(w, x)), `length ${length}`);
  }
  const w = testValues(3, 300);
  const x = testValues(4, 300);
  assert.is(dot(w, 7, x, 11, 130), plainDot(w.slice(7, 137), x.slice(11, 141)));
});

test('attention equals softmax in float64, with grouped heads and a window', () => {
  const [heads, kvHeads, headDim, positions] = [4, 2, 20, 90];
  const width = kvHeads * headDim;
  const q = testValues(1, heads * headDim);
  const keys = testValues(2, positions * width).map((v) => v % 2);
  const values = testValues(3, positions * width);
  for (const [position, window] of [[0, 0], [89, 0], [89, 70], [64, 3], [5, 50]] as const) {
    const out = new Float32Array(heads * headDim);
    attendRow(out, q, 0, keys, values, 0, position, { heads, kvHeads, headDim, window });
    const seen = Array.from({ length: position + 1 }, (_, j) => j).filter((j) => window === 0 || position - j < window);
    for (let head = 0; head < heads; head++) {
      const at = (j: number) => j * width + Math.floor(head / 2) * headDim;
      const scores = seen.map((j) => { let s = 0; for (let d = 0; d < headDim; d++) s += q[head * headDim + d]! * keys[at(j) + d]!; return s / Math.sqrt(headDim); });
      const max = Math.max(...scores);
      const e = scores.map((s) => Math.exp(s - max));
      const sum = e.reduce((a, b) => a + b, 0);
      for (let d = 0; d < headDim; d++) {
        const exact = seen.reduce((total, j, index) => total + (e[index]! / sum) * values[at(j) + d]!, 0);
        assert.ok(Math.abs(out[head * headDim + d]! - exact) <= 2e-5, `position ${position} window ${window} head ${head} element ${d}`);
      }
    }
  }
});

test('layerNorm equals float64', () => {
  const x = testValues(5, 100);
  const weight = testValues(6, 100);
  const bias = testValues(7, 100);
  const out = new Float32Array(100);
  layerNormRow(out, x, 0, weight, bias, 1e-5);
  const mean = x.reduce((a, b) => a + b, 0) / 100;
  const variance = x.reduce((a, b) => a + (b - mean) ** 2, 0) / 100;
  x.forEach((v, k) => assert.ok(Math.abs(out[k]! - (((v - mean) / Math.sqrt(variance + 1e-5)) * weight[k]! + bias[k]!)) <= 1e-5));
});

/**
 * Every exact key holds ARITHMETIC_VERSION and nothing else of the engines. A changed bit under an unchanged version would let
 * two arithmetics share one cache, so the bits are frozen here. If this fails on purpose, raise the version with the hashes.
 */
test('the bits of this arithmetic version are frozen', async () => {
  assert.is(ARITHMETIC_VERSION, 1);
  const functions = createHash('sha256');
  for (const f of [exp, silu, geluErf, geluTanh]) functions.update(Float32Array.from({ length: 20_000 }, (_, i) => f(fround((i - 12_000) * 0.007))));
  functions.update(Float32Array.from({ length: 20_000 }, (_, i) => log(fround((i + 1) * 1e-3))));
  // An op that is added, or a case, changes no bits of the others: what was added at one time has a hash of its own.
  const added = [/^(headNorm|columns|mul$|scale$)/, /^int8 over |within some units$/, /^sample of|^attention with even/];
  const ops = [undefined, ...added].map(() => createHash('sha256'));
  for (const { name, run } of opCases('start')) ops[1 + added.findIndex((of) => of.test(name))]!.update(await run(new ReferenceOps()));
  assert.equal([functions, ...ops].map((hash) => hash.digest('hex').slice(0, 16)), ['da5a253460bfe5d7', 'f8689b7909debff1', '306ba1dc6e0db07d', '6ffba98002661914', '5b90d3c7a9be1545']);
});

test.run();
