/** The contract of kernels/formats.ts, looped over the register: a new format is tested on the day it is listed. */
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { encodedBytes, formatNamed, formats, type EncodedTensor, type Format, type FormatOptions, type PlainTensor } from '../../kernels/formats.ts';
import { NotFinite } from '../../kernels/ops.ts';

const TINY = 1.4012984643248170709e-45; // smallest fp32 above 0

/** Numbers in [-1, 1) from a linear congruential generator; the same on every machine. */
function noise(length: number, seed = 1): Float32Array {
  let state = seed;
  return Float32Array.from({ length }, () => (state = (Math.imul(state, 1664525) + 1013904223) | 0) / 2 ** 31);
}

/** Sums of four: bell-shaped, as weights are. */
const bell = (length: number, seed = 1): Float32Array => noise(4 * length, seed).reduce((sums, value, i) => ((sums[i >> 2]! += value * 0.02), sums), new Float32Array(length));

const tensor = (values: Float32Array, shape: readonly number[] = [values.length]): PlainTensor => ({ name: 'layer.weight', shape, values });

/** Value sets that each format must keep within its tolerance. */
const VALUES: Record<string, Float32Array> = {
  bell: bell(4096),
  uniform: noise(1024),
  'heavy tails': noise(1024).map((x) => x / (1.02 - Math.abs(x))),
  'one outlier': bell(256).map((x, i) => (i === 77 ? 40 : x)),
  'many zeros': noise(512).map((x, i) => (i % 3 === 0 ? x : 0)),
  zeros: new Float32Array(192),
  'negative zeros': new Float32Array(64).fill(-0),
  'a zero block in the middle': bell(192).map((x, i) => (i >= 64 && i < 128 ? 0 : x)),
  'a zero tail': bell(71).map((x, i) => (i >= 64 ? 0 : x)),
  constant: new Float32Array(128).fill(-0.7),
  'largest fp16': Float32Array.of(65504, -65504, 1, 0),
  'fp32 denormals': Float32Array.from({ length: 128 }, (_, i) => (i - 64) * 1000 * TINY),
  'fp16 denormals': noise(128).map((x) => x / 2 ** 15),
  'mixed scales': noise(256).map((x, i) => x * 2 ** ((i % 40) - 28)),
};

const LENGTHS = [1, 2, 3, 31, 32, 33, 63, 64, 65, 127, 197, 4097, 16385];
const BLOCK_SIZES = [32, 64, 128, 256, 512, 1024, 2048, 4096];

/**
 * Asserts |decode(encode(x)) - x| <= relative * (largest within) + absolute, for every element. Returns the largest share of
 * what is allowed that was used.
 */
function assertWithinTolerance(format: Format, plain: PlainTensor, options: FormatOptions, what: string): number {
  const decoded = format.decode(format.encode(plain, options));
  assert.is(decoded.length, plain.values.length, what);
  const { relative, within, absolute } = format.tolerance;
  let used = 0;
  const length = { value: 1, block: options.blockSize ?? 64, row: plain.shape.at(-1)!, tensor: plain.values.length }[within];
  for (let begin = 0; begin < decoded.length; begin += length) {
    const originals = plain.values.subarray(begin, begin + length);
    const allowed = relative * originals.reduce((largest, x) => Math.max(largest, Math.abs(x)), 0) + absolute;
    originals.forEach((x, i) => {
      const error = Math.abs(decoded[begin + i]! - x);
      used = Math.max(used, error / allowed);
      if (!(error <= allowed)) assert.unreachable(`${what}: element ${begin + i} ${x} -> ${decoded[begin + i]}, error ${error} > ${allowed}`);
    });
  }
  return used;
}

test('names are plain and unique, and the register finds them', () => {
  assert.is(new Set(formats.map(({ name }) => name)).size, formats.length);
  for (const format of formats) {
    assert.match(format.name, /^[a-z0-9]+(-[a-z0-9]+)*$/);
    assert.is(formatNamed(format.name), format);
    assert.ok(format.title.length > 0);
  }
});

test('an unknown name is answered with the allowed ones', () => {
  for (const name of ['nf5', '', 'NF4', '__proto__', 'toString']) {
    assert.throws(() => formatNamed(name), (error: Error) => error.message.startsWith(`unknown format ${JSON.stringify(name)}; formats are fp32, fp16, `) && formats.every((f) => error.message.includes(f.name)));
  }
});

/** The table of docs/formats.md, from the register. */
function layoutTable(): string {
  const number = (value: number): string => String(Number(value.toPrecision(4)));
  const rows = formats.flatMap((format) => format.layout.map(({ part, what, bits, perWeights }, i) => {
    const { relative, within, absolute } = format.tolerance;
    const error = relative === 0 ? 'none' : `${number(relative)} of the ${within} + ${number(absolute)}`;
    const first = i === 0 ? [`\`${format.name}\``, number(format.nominalBitsPerWeight), error] : ['', '', ''];
    return `| ${[...first, `\`${part}\``, perWeights === 0 ? `${bits}` : `${bits} per ${perWeights === 1 ? 'weight' : `${perWeights} weights`}`, what].join(' | ')} |`;
  }));
  return ['| format | bits per weight | largest error | part | bits | what |', '| --- | --- | --- | --- | --- | --- |', ...rows].join('\n');
}

test('the table in docs/formats.md is that of the register', () => {
  const page = readFileSync(new URL('../../docs/formats.md', import.meta.url), 'utf8');
  const [, table] = /<!-- layout:.*-->\n([^]*?)<!-- \/layout -->/.exec(page) ?? [];
  assert.is(table?.trim(), layoutTable(), `docs/formats.md needs this table:\n${layoutTable()}\n`);
});

for (const format of formats) {
  const is = (title: string, body: () => void): void => void test(`${format.name}: ${title}`, body);
  const fourBit = format.family === 'nf4' || format.family === 'fp4';
  const blockSizes = fourBit ? BLOCK_SIZES : [64];

  is('round trip within its tolerance', () => {
    for (const [what, values] of Object.entries(VALUES)) {
      for (const blockSize of blockSizes) assertWithinTolerance(format, tensor(values), { blockSize }, `${what}, block ${blockSize}`);
      assertWithinTolerance(format, tensor(values), {}, what);
    }
  });

  is('the tolerance is what the format needs, not more', () => {
    if (format.tolerance.relative === 0) return;
    const used = assertWithinTolerance(format, tensor(noise(16384), [64, 256]), {}, 'uniform');
    assert.ok(used > 0.8, `only ${used} of the tolerance was used`);
  });

  is('the lengths and types of parts are known before', () => {
    for (const blockSize of blockSizes) {
      for (const shape of [[0], [1], [3, 67], [64, 64], [5, 1], [2, 3, 500], [16385]]) {
        const values = bell(shape.reduce((product, size) => product * size, 1));
        const { parts } = format.encode(tensor(values, shape), { blockSize });
        assert.equal(Object.fromEntries(Object.entries(parts).map(([part, { length }]) => [part, length])), format.partLengths(shape, { blockSize }));
        const types = { F32: Float32Array, F16: Uint16Array, BF16: Uint16Array, U8: Uint8Array, I8: Int8Array };
        for (const { part, dtype } of format.layout) assert.instance(parts[part], types[dtype]);
      }
    }
  });

  is('ragged lengths', () => {
    for (const length of LENGTHS) {
      for (const blockSize of blockSizes) assertWithinTolerance(format, tensor(bell(length, length)), { blockSize }, `${length} elements, block ${blockSize}`);
    }
  });

  is('matrices whose rows are no multiple of a block', () => {
    for (const shape of [[6, 80], [5, 7], [1, 300], [300, 1], [3, 4, 50]]) {
      const values = bell(shape.reduce((a, b) => a * b), 9);
      assertWithinTolerance(format, tensor(values, shape), {}, `[${shape}]`);
      const encoded = format.encode(tensor(values, shape));
      assert.is(encoded.name, 'layer.weight');
      assert.is(encoded.format, format.name);
      assert.equal(encoded.shape, shape);
    }
  });

  is('zeros stay zeros', () => {
    for (const length of [64, 100, 256]) assert.ok(format.decode(format.encode(tensor(new Float32Array(length)))).every((value) => value === 0));
  });

  is('an empty tensor stays empty', () => {
    assert.is(format.decode(format.encode(tensor(new Float32Array(0), [0, 64]))).length, 0);
  });

  is('parts are those of the layout, and nominal bits are what a long tensor costs', () => {
    const [rows, columns] = [64, 4096];
    const weights = rows * columns;
    const encoded = format.encode(tensor(noise(weights, 5), [rows, columns]));
    assert.equal(Object.keys(encoded.parts).sort(), format.layout.map(({ part }) => part).sort());
    let nominal = 0;
    let once = 0;
    for (const { part, what, bits, perWeights } of format.layout) {
      const bytes = encoded.parts[part]!.byteLength;
      assert.ok(what.length > 0);
      if (perWeights === 0) once += bytes;
      else {
        assert.is(bytes, (weights * bits) / perWeights / 8, part);
        nominal += bits / perWeights;
      }
    }
    assert.is(format.nominalBitsPerWeight, nominal);
    assert.is(encodedBytes(encoded), (weights * nominal) / 8 + once);
    assert.ok((once * 8) / weights <= 32 / columns, 'what is stored once per row or tensor is small');
  });

  is('encoding twice gives the same bytes, and leaves the input alone', () => {
    const values = bell(1000, 3);
    const before = values.slice();
    const [first, second] = [format.encode(tensor(values)), format.encode(tensor(values.slice()))];
    assert.equal(first, second);
    assert.equal(values, before);
  });

  is('a view into a larger buffer is encoded as a copy is', () => {
    const around = noise(300, 4);
    const view = around.subarray(17, 217);
    assert.equal(format.encode(tensor(view)), format.encode(tensor(view.slice())));
    assert.equal(format.decode(format.encode(tensor(view))), format.decode(format.encode(tensor(view.slice()))));
  });

  is('values that are not finite are refused with the tensor and their number', () => {
    for (const bad of [Infinity, -Infinity, NaN]) {
      for (const at of [0, 63, 64, 129]) {
        const values = bell(130);
        values[at] = bad;
        assert.throws(() => format.encode(tensor(values)), (error: Error) => error instanceof NotFinite && error.what === 'layer.weight' && error.message.includes(' 1 value'));
      }
    }
  });

  is('the largest numbers are kept within the tolerance, or refused; never infinite', () => {
    const largest = 3.4028234663852886e38;
    for (const length of [2, 64 * 300]) {
      const plain = tensor(new Float32Array(length).fill(largest));
      try {
        format.encode(plain);
      } catch (error) {
        assert.ok(error instanceof NotFinite && error.what.startsWith('layer.weight'), String(error));
        continue;
      }
      assert.ok(format.decode(format.encode(plain)).every(Number.isFinite));
      assertWithinTolerance(format, plain, {}, 'largest fp32');
    }
  });

  is('values that do not fill the shape are refused', () => {
    assert.throws(() => format.encode(tensor(noise(10), [3, 4])), /layer\.weight: 10 values do not fill the shape \[3, 4\]/);
  });

  is('a block size is taken from the allowed ones', () => {
    if (!fourBit) return assert.equal(format.encode(tensor(noise(64)), { blockSize: 32 }), format.encode(tensor(noise(64))));
    for (const blockSize of [0, 16, 48, 64.5, -64, 8192, NaN]) {
      assert.throws(() => format.encode(tensor(noise(64)), { blockSize }), /block size .* is not allowed; allowed are 32, 64, 128/);
    }
  });

  is('parts that are missing, of another type or length are refused with their name', () => {
    const good = format.encode(tensor(bell(1000), [10, 100]));
    const damaged = (part: string, value: EncodedTensor['parts'][string] | undefined): EncodedTensor => {
      const parts = Object.fromEntries(Object.entries({ ...good.parts, [part]: value }).filter(([, it]) => it !== undefined));
      return { ...good, parts: parts as EncodedTensor['parts'] };
    };
    for (const [part, elements] of Object.entries(good.parts)) {
      const names = new RegExp(`layer\\.weight: (part ${part} is|no allowed block size)`);
      assert.throws(() => format.decode(damaged(part, undefined)), names);
      assert.throws(() => format.decode(damaged(part, elements.slice(1))), names);
      assert.throws(() => format.decode(damaged(part, elements instanceof Float32Array ? new Uint8Array(elements.length) : new Float32Array(elements.length))), names);
    }
    assert.throws(() => format.decode({ ...good, shape: [11, 100] }), /layer\.weight: /);
  });
}

test.run();
