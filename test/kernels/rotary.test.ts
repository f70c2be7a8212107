import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ropeFrequencies, type Rope } from '../../kernels/models/rope.ts';
import { inverseFrequencies, rotaryTables } from '../../kernels/rotary.ts';
import { transformersTensors } from './test-models.ts';

function bits(values: ArrayLike<number>): string[] {
  return Array.from(new Uint32Array(Float32Array.from(values).buffer), (word) => word.toString(16).padStart(8, '0'));
}

// fl32(1 / fl32(theta^(2i / dim))), the powers by mpmath 1.3 with 50 digits. No power lies within 0.05 ulp of a tie between two fp32
// numbers, so torch's own powf, good to a few hundredths of an ulp past the half, rounds to the same.
const THETA_10000_DIM_64 = `3f800000 3f3ff911 3f0ff59a 3ed7e89b 3ea1e89b 3e72d423 3e361887 3e088d77 3dcccccd 3d99940d 3d6655c2 3d2cba15 3d0186e3 3cc2434f
  3c91ad39 3c5a7bf2 3c23d70a 3bf5b9b0 3bb8449c 3b8a2e77 3b4f3e38 3b1b690d 3ae91528 3aaec98e 3a83126f 3a44948c 3a136a16 39dd1725 39a5cb60 3978a815 393a7753
  390bd472`.split(/\s+/);

test('inverse frequencies in the fp32 steps of transformers', () => {
  assert.equal(bits(inverseFrequencies(10000, 64)), THETA_10000_DIM_64);
  assert.equal(bits(inverseFrequencies(10000, 32)), THETA_10000_DIM_64.filter((_, i) => i % 2 === 0));
  assert.equal(bits(inverseFrequencies(10000, 16)), THETA_10000_DIM_64.filter((_, i) => i % 4 === 0));
  assert.equal(bits(inverseFrequencies(100000, 16)), '3f800000 3e72d423 3d6655c2 3c5a7bf2 3b4f3e38 3a44948c 393a7753 3830df52'.split(' '));
});

test('scaled frequencies have the bits of transformers', () => {
  const llama3 = (factor: number): Rope => ({ theta: 500000, scaling: { type: 'llama3', factor, lowFactor: 1, highFactor: 4, trainedTokens: 8192 } });
  const ropes: { readonly [name: string]: Rope } = {
    'llama-3.1': llama3(8), 'llama-3.2': llama3(32),
    'gemma-3-4b': { theta: 1000000, scaling: { type: 'linear', factor: 8 } },
    thirds: { theta: 10000, scaling: { type: 'linear', factor: 3 } },
  };
  // Where torch's own power is not the nearest fp32 number (mpmath: 0.514 and 0.519 ulp away), and ours is.
  const beside: { readonly [name: string]: readonly number[] } = { 'gemma-3-4b': [74], thirds: [20] };
  const golden = transformersTensors();
  for (const [name, rope] of Object.entries(ropes)) {
    const expected = bits(golden.get(`frequencies.${name}`)!);
    const actual = bits(ropeFrequencies(rope, 2 * expected.length));
    assert.equal([...actual.keys()].filter((i) => actual[i] !== expected[i]), beside[name] ?? [], name);
  }
});

test('rounding once would differ in 10 of 32', () => {
  const once = Array.from({ length: 32 }, (_, i) => 1 / 10000 ** (i / 32));
  assert.is(bits(once).filter((word, i) => word !== THETA_10000_DIM_64[i]).length, 10);
});

test('tables hold cos and sin of the fp32 angle, rounded once', () => {
  const { cos, sin, positions, halfDim } = rotaryTables(10000, 64, 512);
  assert.equal([positions, halfDim, cos.length, sin.length], [512, 32, 512 * 32, 512 * 32]);
  const frequencies = inverseFrequencies(10000, 64);
  for (let position = 0; position < positions; position += 7) {
    for (let i = 0; i < halfDim; i++) {
      const angle = Math.fround(position * frequencies[i]!);
      assert.ok(Math.abs(cos[position * halfDim + i]! - Math.cos(angle)) <= 2 ** -25 && Math.abs(sin[position * halfDim + i]! - Math.sin(angle)) <= 2 ** -25);
    }
  }
});

test('bits at hand-picked angles', () => {
  // mpmath: cos and sin of 0, 1, 355 (nearly 113 pi) and 511 radians
  const { cos, sin, halfDim } = rotaryTables(10000, 16, 512);
  const at = [0, 1, 355, 511].map((position) => position * halfDim);
  assert.equal(bits(at.map((i) => cos[i]!)), ['3f800000', '3f0a5140', 'bf800000', 'bef17fe5']);
  assert.equal(bits(at.map((i) => sin[i]!)), ['00000000', '3f576aa4', 'b7fcde82', '3f61bbb4']);
});

test.run();
