/**
 * Edges of the wasm kernels that the conformance suite does not reach (test/conformance/engines.test.ts holds every op and format
 * to the reference). All bit for bit.
 */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { formatNamed, formats } from '../../kernels/index.ts';
import type { Activation, AttentionShape, Ops } from '../../kernels/index.ts';
import { ReferenceOps } from '../../kernels/engines/reference.ts';
import { bundledKernels, instantiate } from '../../kernels/engines/wasm-kernels.ts';
import { RecordedOps } from '../../kernels/engines/recorded-ops.ts';
import { WasmDevice } from '../../kernels/engines/wasm-device.ts';
import { oneThread } from '../../kernels/engines/wasm-threads.ts';
import { quantizeRow } from '../../kernels/int8-rows.ts';
import { testValues } from '../../kernels/op-cases/case.ts';
import { firstDifference } from '../../kernels/selftest.ts';

const compiled = await bundledKernels(false);
const wasmOps = (): Ops => new RecordedOps(new WasmDevice(oneThread(compiled)));

/** Runs the same on both engines. */
async function same(what: string, run: (ops: Ops) => Promise<Float32Array>): Promise<void> {
  const [judge, ops] = [new ReferenceOps(), wasmOps()];
  const [expected, actual] = [await run(judge), await run(ops)];
  const at = firstDifference(expected, actual);
  assert.is(at, undefined, at === undefined ? '' : `${what}: element ${at} is ${actual[at]}, not ${expected[at]}`);
}

function begin(ops: Ops, rows: number): void {
  const each = Int32Array.from({ length: rows }, (_, row) => row);
  ops.begin({ slot: new Int32Array(rows), position: each, token: each });
}

function table(ops: Ops, format: string, rows: number, columns: number, values: Float32Array) {
  return ops.weight(formatNamed(format).encode({ name: 'w', shape: [rows, columns], values }), formatNamed(format));
}

/** An activation of these values; begins a step. */
function input(ops: Ops, rows: number, columns: number, values: Float32Array): Activation {
  begin(ops, rows);
  return ops.embed(table(ops, 'fp32', rows, columns, values));
}

test('int8 with more outlier columns than a block, all columns, and none', async () => {
  for (const [columns, outliers] of [[300, 200], [130, 130], [64, 64], [65, 65], [129, 1], [70, 0]] as const) {
    await same(`${outliers} of ${columns}`, (ops) => {
      const values = testValues(3, 4 * columns, 0.5).map((value, i) => (i % columns < outliers ? (value < 0 ? -6 : 6) + value : Math.max(-5.9, Math.min(5.9, value))));
      const x = input(ops, 4, columns, values);
      return ops.read(ops.linear(x, table(ops, 'int8', 9, columns, testValues(4, 9 * columns, 0.05))), 'int8');
    });
  }
});

test('activations are quantized as int8-rows.ts says, over magnitudes, halves, denormals of fp16 and the threshold', () => {
  const kernels = instantiate(compiled);
  kernels.memory.grow(4);
  // A quantized row (kernels/wasm/assembly/int8.ts): scale, outliers, beyond fp16; codes at 64; then columns, then values.
  const at = { x: 65536, row: 131072, codes: 131072 + 64, columns: 131072 + 64 + 192 * 2, values: 131072 + 64 + 192 * 6 };
  for (let seed = 0; seed < 300; seed++) {
    const row = testValues(seed, 192, [1, 0.01, 30, 2 ** -12][seed % 4]);
    row.set([6, -6, 5.998, -5.9985, 5.99999, 65503, 2 ** -24, 2 ** -25, 1.5 * 2 ** -25, -(2 ** -14), 6.1e-5], (seed * 7) % 180);
    new Float32Array(kernels.memory.buffer, at.x, 192).set(row);
    kernels.quantizeRow(at.x, 3, at.row);
    const { codes, scale, outlierColumns } = quantizeRow(row);
    assert.equal([...new Int16Array(kernels.memory.buffer, at.codes, 192)], [...codes].map((code) => code || 0), `seed ${seed}`);
    assert.is(new Float32Array(kernels.memory.buffer, at.row, 1)[0], scale);
    assert.equal([...new Int32Array(kernels.memory.buffer, at.row + 4, 2)], [outlierColumns.length, 0]);
    assert.equal([...new Int32Array(kernels.memory.buffer, at.columns, outlierColumns.length)], [...outlierColumns]);
    assert.equal([...new Float32Array(kernels.memory.buffer, at.values, outlierColumns.length)], [...outlierColumns].map((column) => row[column]!));
  }
});

test('an activation beyond fp16 is refused by int8, with the count of its row', async () => {
  for (const value of [65520, -70000, Infinity, NaN]) {
    for (const ops of [new ReferenceOps(), wasmOps()]) {
      const values = testValues(1, 3 * 70);
      const x = input(ops, 3, 70, values);
      const bias = new Float32Array(70);
      bias[69] = value;
      const identity = Float32Array.from({ length: 4900 }, (_, i) => (i % 71 === 0 ? 1 : 0));
      const y = ops.linear(x, table(ops, 'fp32', 70, 70, identity), ops.vector(bias));
      const refused = async () => ops.read(ops.linear(y, table(ops, 'int8', 5, 70, testValues(2, 350))), 'test');
      await refused().then(() => assert.unreachable(String(value)), (error) => assert.match(error.message, /rounded to fp16 has 1 value/, String(value)));
    }
  }
});

test('embedding tables in every format', async () => {
  for (const { name, product } of formats) {
    if (product === 'weights') await same(name, (ops) => {
      const w = table(ops, name, 7, 100, testValues(1, 700));
      begin(ops, 7);
      return ops.read(ops.embed(w), 'embed');
    });
  }
  const ops = wasmOps();
  const w = table(ops, 'int8', 7, 100, testValues(1, 700));
  begin(ops, 7);
  assert.throws(() => ops.embed(w), /rows of an int8 matrix/);
});

test('weights larger than the stage in which they are packed', async () => {
  for (const format of ['fp32', 'nf4', 'int8']) {
    await same(format, (ops) => {
      const x = input(ops, 2, 1100, testValues(1, 2200));
      return ops.read(ops.linear(x, table(ops, format, 1001, 1100, testValues(2, 1001 * 1100, 0.05))), 'linear');
    });
  }
});

test('attention over every length around a panel, a lane count and a block, with and without a window', async () => {
  const shapes: AttentionShape[] = [];
  for (const headDim of [8, 32, 33, 64, 96, 128]) for (const window of [0, 1, 17, 65]) shapes.push({ heads: 3, kvHeads: 1, headDim, window });
  for (const shape of shapes) {
    await same(`headDim ${shape.headDim} window ${shape.window}`, async (ops) => {
      const { heads, kvHeads, headDim } = shape;
      const rows = 134;
      const width = heads * headDim;
      const x = input(ops, rows, width, testValues(5, rows * width, 0.7));
      const narrow = Float32Array.from({ length: kvHeads * headDim * width }, (_, i) => (i % (width + 1) === 0 ? 1 : 0));
      const kv = ops.linear(x, table(ops, 'fp32', kvHeads * headDim, width, narrow));
      const cache = ops.kvCache(1, 1, rows, kvHeads, headDim);
      return ops.read(ops.attention(x, kv, kv, cache, 0, shape), 'attention');
    });
  }
});

test('what an earlier sequence left in the cache is never seen', async () => {
  const shape = { heads: 2, kvHeads: 1, headDim: 32, window: 0 };
  const run = async (ops: Ops, dirty: boolean): Promise<Float32Array> => {
    const cache = ops.kvCache(1, 1, 40, 1, 32);
    const attend = (rows: number, scale: number) => {
      const x = input(ops, rows, 64, testValues(6, rows * 64, scale));
      const kv = ops.linear(x, table(ops, 'fp32', 32, 64, testValues(7, 32 * 64)));
      return ops.attention(x, kv, kv, cache, 0, shape);
    };
    // Keys and values so large that they overflow: infinities and NaN stay behind.
    if (dirty) attend(40, 1e38);
    return ops.read(attend(21, 1), 'attention');
  };
  const ops = wasmOps();
  const [clean, dirty] = [await run(ops, false), await run(ops, true)];
  assert.is(firstDifference(clean, dirty), undefined);
});

test('a cache of more bytes than 32 bits count is refused, and what one holds of 2 GiB is not taken for less than nothing', () => {
  const ops = wasmOps();
  // A sequence of 2^32 bytes, one of somewhat more, and two of 2^31.
  for (const [slots, positions] of [[1, 2 ** 17], [1, 2 ** 17 + 5], [2, 2 ** 16]] as const) {
    assert.throws(() => ops.kvCache(1, slots, positions, 32, 128), /the wasm engine has 4 GiB of memory, and 4\d{9} bytes are needed/);
  }
  assert.is(ops.memory().kvCache, 0);
});

test('the counts of memory are those of the layout', () => {
  const ops = wasmOps();
  const nothing = { weights: 0, decodedCopies: 0, tables: 0, kvCache: 0, workspace: 0 };
  assert.equal(ops.memory(), nothing);
  // 5 outputs are two panels of four, 70 columns two blocks of 64. Each weight has a line of 64 bytes that describes it.
  const padded = 8 * 128;
  const line = 64;
  const grows = (format: string, columns: number, by: Partial<typeof nothing>) => {
    const before = ops.memory();
    table(ops, format, 5, columns, testValues(1, 5 * columns));
    const after = ops.memory();
    for (const purpose of Object.keys(nothing) as (keyof typeof nothing)[]) assert.is(after[purpose] - before[purpose], by[purpose] ?? 0, `${format} ${columns} ${purpose}`);
  };
  grows('fp32', 70, { weights: padded * 4 + line });
  for (const format of ['fp16', 'bf16']) grows(format, 70, { weights: padded * 2 + line });
  // Rows that are not whole blocks cross the blocks of the scales: a decoded copy.
  grows('nf4', 70, { decodedCopies: padded * 4 + line });
  // Half a byte a code, one scale for each 64; the values of pairs of codes are there once for each table.
  grows('nf4', 128, { weights: padded / 2 + (padded / 64) * 4 + line, tables: 256 * 8 });
  grows('nf4-dq', 128, { weights: padded / 2 + (padded / 64) * 4 + line });
  grows('fp4', 128, { weights: padded / 2 + (padded / 64) * 4 + line, tables: 256 * 8 });
  // One byte a code; five scales in a row of 64.
  grows('int8', 70, { weights: padded + 256 + line });
  const { tables } = ops.memory();
  const cache = ops.kvCache(2, 3, 10, 2, 40);
  // A head of 40 takes 64; ten keys take three panels of four.
  assert.is(ops.memory().kvCache, 2 * 3 * 2 * (12 + 10) * 64 * 4);
  ops.freeCache(cache);
  ops.freeCache(cache);
  assert.is(ops.memory().kvCache, 0);
  assert.is(ops.memory().tables, tables);
  ops.dispose();
  assert.equal(ops.memory(), nothing);
  assert.throws(() => ops.vector(new Float32Array(1)), /disposed/);
});

test.run();
