/** The compiled encoder gives the bits of the TypeScript one, whatever it is given; what is quantized with it is the same file. */
import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { blockEncoder, useBlockEncoder } from '../../kernels/block-encoder.ts';
import { architectureOf, formatNamed, formats, openCheckpoint, quantizeModel, useNativeEncoder } from '../../kernels/index.ts';
import { toBf16, toFp16 } from '../../kernels/half.ts';
import { NotFinite, type Part } from '../../kernels/index.ts';
import { notRun } from '../not-run.ts';
import { nativeForTests } from './native-library.ts';

const test = suite('the native encoder');
const library = await nativeForTests();
const fourBit = formats.filter(({ encodeStored }) => encodeStored !== undefined);

test.after.each(() => useBlockEncoder(undefined));

const bytesOf = (part: Part): Buffer => Buffer.from(part.buffer, part.byteOffset, part.byteLength);

function noise(length: number, seed: number): Float32Array {
  let state = seed;
  const next = (): number => (state = (Math.imul(state, 1664525) + 1013904223) | 0) / 2 ** 31;
  return Float32Array.from({ length }, (_, i) => next() * next() * 2 ** (Math.floor(i / 50) % 30 - 20));
}

const stored = (format: 'fp32' | 'fp16' | 'bf16', values: Float32Array) => ({
  name: 'w', format, shape: [values.length], parts: format === 'fp32' ? { values } : { bits: format === 'fp16' ? toFp16(values) : toBf16(values) },
});

if (typeof library === 'string') notRun('the native encoder', library);
else {
  for (const threads of [1, 2, 7]) {
    test(`${threads} threads: every 4-bit format, type, block size and length`, () => {
      for (const format of fourBit) {
        for (const type of ['fp32', 'fp16', 'bf16'] as const) {
          for (const [blockSize, length] of [[64, 1], [64, 2], [64, 63], [64, 64], [64, 129], [32, 4097], [128, 10_000], [4096, 12_289], [64, 300_001]] as const) {
            const tensor = stored(type, noise(length, length + threads));
            const expected = format.encode({ ...tensor, values: formatNamed(type).decode(tensor) }, { blockSize }).parts;
            useNativeEncoder(threads);
            const found = format.encodeStored!(tensor, { blockSize })!;
            useBlockEncoder(undefined);
            for (const [part, elements] of Object.entries(expected)) assert.ok(bytesOf(elements).equals(bytesOf(found.parts[part]!)), `${format.name} of ${length} ${type} in blocks of ${blockSize}: ${part}`);
          }
        }
      }
    });
  }

  test('every fp16 and bf16 number that is finite', () => {
    useNativeEncoder(2);
    const encoder = blockEncoder();
    for (const [type, finite] of [['fp16', (bits: number) => (bits & 0x7c00) !== 0x7c00], ['bf16', (bits: number) => (bits & 0x7f80) !== 0x7f80]] as const) {
      const bits = Uint16Array.from(Array.from({ length: 0x1_0000 }, (_, i) => Math.imul(i, 40503) & 0xffff).filter(finite));
      const tensor = { name: 'w', format: type, shape: [bits.length], parts: { bits } };
      for (const name of ['nf4', 'fp4']) {
        useBlockEncoder(undefined);
        const expected = formatNamed(name).encode({ ...tensor, values: formatNamed(type).decode(tensor) }).parts;
        useBlockEncoder(encoder);
        const found = formatNamed(name).encodeStored!(tensor)!.parts;
        for (const [part, elements] of Object.entries(expected)) assert.ok(bytesOf(elements).equals(bytesOf(found[part]!)), `${name} of ${type}: ${part}`);
      }
    }
  });

  test('a value that is not finite is refused, wherever it stands', () => {
    for (const type of ['fp32', 'fp16', 'bf16'] as const) {
      for (const bad of [NaN, Infinity, -Infinity]) {
        for (const at of [0, 64, 4095, 5000]) {
          const values = noise(5001, 3);
          values[at] = bad;
          useNativeEncoder(2);
          assert.throws(() => formatNamed('nf4').encodeStored!(stored(type, values)), (error: unknown) => error instanceof NotFinite && error.what === 'w' && error.count === 1);
        }
      }
    }
  });

  test('a model quantized with it is the same file and report', () => {
    const file = (name: string): Buffer => readFileSync(new URL(`../../data/models/novel-1m/${name}`, import.meta.url));
    const checkpoint = openCheckpoint({ config: file('config.json'), weights: file('model.safetensors') });
    for (const format of formats) {
      useBlockEncoder(undefined);
      const expected = quantizeModel(checkpoint, architectureOf(checkpoint).linearNames, format);
      assert.match(useNativeEncoder(2) ?? 'no library', /^native-[0-9a-f]{12}$/);
      assert.equal(quantizeModel(checkpoint, architectureOf(checkpoint).linearNames, format), expected, format.name);
    }
  });
}

test.run();
