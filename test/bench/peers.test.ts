/** The files that are written for the peers, held to their specifications by hand; that the peers read them the bench itself checks. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromFp16 } from '../../kernels/index.ts';
import { ggufBytes, ggufEncode, writeGguf } from './peers/gguf-file.ts';
import { writeLlamaGguf } from './peers/llama-gguf.ts';
import { onnxChain } from './peers/onnx-model.ts';
import { tinyCheckpoint } from '../kernels/test-models.ts';

const scaleOf = (block: Uint8Array): number => fromFp16(Uint16Array.of(block[0]! | (block[1]! << 8)))[0]!;

test('Q8_0: a scale of the largest magnitude over 127, codes rounded half away from zero', () => {
  const values = Float32Array.from({ length: 32 }, (_, i) => i === 0 ? -127 : i - 16.5);
  const block = ggufEncode('Q8_0', values);
  assert.is(block.length, 34);
  assert.is(scaleOf(block), 1);
  assert.equal([...new Int8Array(block.buffer, 2, 4)], [-127, -16, -15, -14]);
  assert.is(new Int8Array(block.buffer)[2 + 17], 1);
});

test('Q4_0: the value of largest magnitude is code 0 and sets the sign of the scale; the halves of a byte are 16 weights apart', () => {
  const values = new Float32Array(32);
  values[3] = 8;
  values[19] = -7;
  const block = ggufEncode('Q4_0', values);
  assert.is(block.length, 18);
  assert.is(scaleOf(block), -1);
  assert.is(block[2 + 3], 0 | (15 << 4));
  assert.is(block[2 + 4], 8 | (8 << 4));
});

test('a block of zeros has the scale 0', () => {
  for (const type of ['Q4_0', 'Q8_0'] as const) assert.is(scaleOf(ggufEncode(type, new Float32Array(32))), 0);
});

/**
 * Half a step, and what the scale loses in fp16: 2^-11 of up to 127 steps. A Q4_0 block reaches from -8 to +7: the opposite of its
 * extreme loses up to a whole step.
 */
const STEPS = { Q8_0: 0.5 + 127 / 2048, Q4_0: 1 + 8 / 2048 };

test('what is encoded decodes to within a step', () => {
  const values = Float32Array.from({ length: 640 }, (_, i) => Math.fround(Math.sin(i * 1.7) * (1 + i / 100)));
  for (const [type, bytes] of [['Q8_0', 34], ['Q4_0', 18]] as const) {
    const blocks = ggufEncode(type, values);
    for (let i = 0; i < values.length; i++) {
      const block = blocks.subarray(Math.floor(i / 32) * bytes), at = i % 32;
      const code = type === 'Q8_0' ? (block[2 + at]! << 24) >> 24 : ((block[2 + (at & 15)]! >> (at < 16 ? 0 : 4)) & 15) - 8;
      assert.ok(Math.abs(code * scaleOf(block) - values[i]!) <= STEPS[type] * Math.abs(scaleOf(block)) * (1 + 1e-6), `${type} ${i}`);
    }
  }
});

test('a GGUF file: header, metadata, tensors at multiples of 32, dimensions fastest first', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bitwidth-gguf-'));
  try {
    const path = join(folder, 'x.gguf');
    const one = { name: 'a', shape: [2, 3], type: 'F16', values: () => Float32Array.of(1, 2, 3, 4, 5, 6) } as const;
    const two = { name: 'b', shape: [1, 32], type: 'Q8_0', values: () => new Float32Array(32).fill(2) } as const;
    assert.is(writeGguf(path, new Map([['general.architecture', 'llama']]), [one, two]), 32 + 64);
    const file = readFileSync(path);
    assert.is(file.subarray(0, 4).toString(), 'GGUF');
    assert.is(file.readUInt32LE(4), 3);
    assert.is(file.readBigUInt64LE(8), 2n);
    const name = file.indexOf('a', 8 + 8 + 8 + 8 + 'general.architecture'.length + 4 + 8 + 5);
    assert.equal([file.readUInt32LE(name + 1), file.readBigUInt64LE(name + 5), file.readBigUInt64LE(name + 13), file.readUInt32LE(name + 21), file.readBigUInt64LE(name + 25)], [2, 3n, 2n, 1, 0n]);
    assert.is(file.length % 32, 0);
    assert.equal([...fromFp16(new Uint16Array(file.buffer.slice(file.byteOffset + file.length - 96, file.byteOffset + file.length - 84)))], [1, 2, 3, 4, 5, 6]);
    assert.throws(() => ggufBytes({ name: 'c', shape: [2, 33], type: 'Q4_0' }), /c: rows of 33 weights; Q4_0 needs a multiple of 32/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a Llama goes into a GGUF file whole: every weight once', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bitwidth-gguf-'));
  try {
    const checkpoint = tinyCheckpoint('llama_tied');
    const vectors = checkpoint.names.filter((name) => checkpoint.shape(name).length === 1);
    const weights = (names: readonly string[]): number => names.reduce((sum, name) => sum + checkpoint.shape(name).reduce((a, b) => a * b, 1), 0);
    const bytes = writeLlamaGguf(join(folder, 'x.gguf'), checkpoint, { linear: 'F16', head: 'F16' });
    const exact = 2 * weights(checkpoint.names) + 2 * weights(vectors);
    assert.ok(bytes >= exact && bytes < exact + 32 * checkpoint.names.length, `${bytes} bytes for ${exact}`);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('an ONNX model: fields with their numbers, lengths as varints, a chain through one activation', () => {
  const product = { op: 'MatMul', domain: '', constants: [{ dims: [200, 200], data: new Float32Array(40_000).fill(1) }], attributes: { K: 300 } };
  const model = Buffer.from(onnxChain(200, [product, product]));
  assert.equal([...model.subarray(0, 2)], [0x08, 8]);
  // K = 300: name (1), i (3) as the varint ac 02, type (20) INT.
  assert.ok(model.includes(Buffer.from([0x0a, 1, 0x4b, 0x18, 0xac, 0x02, 0xa0, 0x01, 2])));
  // raw_data (9) of 160,000 bytes: the varint 80 e2 09, twice.
  assert.ok(model.indexOf(Buffer.from([0x4a, 0x80, 0xe2, 0x09])) < model.lastIndexOf(Buffer.from([0x4a, 0x80, 0xe2, 0x09])));
  // The first node's input x and output h1 (h1 is the second's input).
  assert.ok(model.includes(Buffer.from([0x0a, 1, 0x78])) && model.includes(Buffer.from([0x12, 2, 0x68, 0x31])) && model.includes(Buffer.from([0x0a, 2, 0x68, 0x31])));
});

test.run();
