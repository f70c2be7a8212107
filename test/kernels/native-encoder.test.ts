/** The compiled encoder gives the bits of the TypeScript one, whatever it is given; what is quantized with it is the same file. */
import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { useWeightEncoder, weightEncoder } from '../../kernels/weight-encoder.ts';
import { errorsOf } from '../../kernels/weight-errors.ts';
import { architectureOf, formatNamed, formats, openCheckpoint, quantizeModel, useNativeEncoder } from '../../kernels/index.ts';
import { toBf16, toFp16 } from '../../kernels/half.ts';
import { NotFinite, type Part } from '../../kernels/index.ts';
import { notRun } from '../not-run.ts';
import { nativeForTests } from './native-library.ts';

const test = suite('the native encoder');
const library = await nativeForTests();

test.after.each(() => useWeightEncoder(undefined));

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
    test(`${threads} threads: every format, type, block size and length, and their errors`, () => {
      for (const format of formats) {
        for (const type of ['fp32', 'fp16', 'bf16'] as const) {
          for (const [blockSize, length] of [[64, 1], [64, 2], [64, 63], [64, 64], [64, 129], [32, 4097], [128, 10_000], [4096, 12_289], [64, 300_001]] as const) {
            const tensor = stored(type, noise(length, length + threads));
            const expected = format.encode({ ...tensor, values: formatNamed(type).decode(tensor) }, { blockSize }).parts;
            useNativeEncoder(threads);
            const found = format.encodeStored!(tensor, { blockSize })!;
            const errors = errorsOf(tensor, found, format);
            useWeightEncoder(undefined);
            assert.equal(errors, errorsOf(tensor, found, format), `${format.name} of ${length} ${type} in blocks of ${blockSize}: errors`);
            for (const [part, elements] of Object.entries(expected)) assert.ok(bytesOf(elements).equals(bytesOf(found.parts[part]!)), `${format.name} of ${length} ${type} in blocks of ${blockSize}: ${part}`);
          }
        }
      }
    });
  }

  test('rows of any length, and rows of zeros', () => {
    for (const [rows, columns] of [[1, 1], [3, 5], [7, 1024], [5, 1025], [2, 70_001], [1000, 0]] as const) {
      for (const type of ['fp32', 'fp16', 'bf16'] as const) {
        const values = noise(rows * columns, columns);
        values.fill(0, columns, 2 * columns);
        const tensor = { ...stored(type, values), shape: [rows, columns] };
        const int8 = formatNamed('int8');
        const expected = int8.encode({ ...tensor, values: formatNamed(type).decode(tensor) });
        useNativeEncoder(2);
        const found = int8.encodeStored!(tensor);
        const errors = errorsOf(tensor, expected, int8);
        useWeightEncoder(undefined);
        if (columns > 0) for (const part of ['codes', 'scales']) assert.ok(bytesOf(expected.parts[part]!).equals(bytesOf(found!.parts[part]!)), `${rows} x ${columns} of ${type}: ${part}`);
        assert.equal(errors, errorsOf(tensor, expected, int8));
      }
    }
  });

  test('every fp32 exponent, and numbers beside the halves between two of a 16-bit type, are rounded as half.ts rounds them', () => {
    const words = new Uint32Array(1 << 18);
    for (let i = 0; i < words.length; i++) words[i] = Math.imul(i, 0x4001_0001) ^ (i % 7 < 3 ? 0x1000 * (i % 3) : 0x7fff + i % 3);
    const values = new Float32Array(words.buffer).map((value) => (Math.abs(value) < 65519 ? value : 0));
    for (const [type, bits] of [['fp16', toFp16(values)], ['bf16', toBf16(values)]] as const) {
      useNativeEncoder(2);
      const found = formatNamed(type).encodeStored!(stored('fp32', values))!.parts['bits']!;
      assert.ok(bytesOf(bits).equals(bytesOf(found)), type);
    }
  });

  test('a number that is none in the format is left to encode(), which says so', () => {
    for (const name of ['fp16', 'int8']) {
      const tensor = stored('fp32', Float32Array.of(1, 65520));
      useNativeEncoder(1);
      assert.is(formatNamed(name).encodeStored!(tensor), undefined, name);
      assert.throws(() => formatNamed(name).encode({ ...tensor, values: tensor.parts['values'] as Float32Array }), /w rounded to fp16/);
      assert.ok(formatNamed(name).encodeStored!(stored('fp32', Float32Array.of(1, 65519))), name);
    }
    assert.is(formatNamed('bf16').encodeStored!(stored('fp32', Float32Array.of(3.4e38))), undefined);
  });

  test('every fp16 and bf16 number that is finite', () => {
    useNativeEncoder(2);
    const encoder = weightEncoder();
    for (const [type, finite] of [['fp16', (bits: number) => (bits & 0x7c00) !== 0x7c00], ['bf16', (bits: number) => (bits & 0x7f80) !== 0x7f80]] as const) {
      const bits = Uint16Array.from(Array.from({ length: 0x1_0000 }, (_, i) => Math.imul(i, 40503) & 0xffff).filter(finite));
      const tensor = { name: 'w', format: type, shape: [bits.length], parts: { bits } };
      for (const name of ['nf4', 'fp4']) {
        useWeightEncoder(undefined);
        const expected = formatNamed(name).encode({ ...tensor, values: formatNamed(type).decode(tensor) }).parts;
        useWeightEncoder(encoder);
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
      useWeightEncoder(undefined);
      const expected = quantizeModel(checkpoint, architectureOf(checkpoint).linearNames, format);
      assert.match(useNativeEncoder(2) ?? 'no library', /^native-[0-9a-f]{12}$/);
      assert.equal(quantizeModel(checkpoint, architectureOf(checkpoint).linearNames, format), expected, format.name);
    }
  });
}

test.run();
