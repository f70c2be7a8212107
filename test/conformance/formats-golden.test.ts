/** Every case of test/fixtures/bitsandbytes, bit for bit: the formats are those of bitsandbytes 0.50.2 on a CPU. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { dot } from '../../kernels/arithmetic.ts';
import { formatNamed } from '../../kernels/formats.ts';
import { decodeDynamic, DYNAMIC_MAP, encodeDynamic } from '../../kernels/formats/dynamic-map.ts';
import { FP4_TABLE } from '../../kernels/formats/fp4-table.ts';
import { NF4_TABLE } from '../../kernels/formats/nf4-table.ts';
import { toBf16, toFp16 } from '../../kernels/half.ts';
import { int8Output, quantizeCall, quantizeRow, scaleInt8Product } from '../../kernels/int8-rows.ts';
import { NotFinite } from '../../kernels/ops.ts';
import { assertSameBits, goldenFile, type GoldenFile } from './golden-file.ts';

const int8 = formatNamed('int8');

/** Decoded values in the type that the fixture stores them in. */
function assertDecoded(golden: GoldenFile, name: string, decoded: Float32Array): void {
  const { dtype } = golden.stored(name);
  assertSameBits(dtype === 'F16' ? toFp16(decoded) : dtype === 'BF16' ? toBf16(decoded) : decoded, golden.elements(name), name);
}

test('the fixtures are the files that the manifest lists', () => {
  const folder = new URL('../fixtures/bitsandbytes/', import.meta.url);
  const { files } = JSON.parse(readFileSync(new URL('manifest.json', folder), 'utf8')) as { files: Record<string, { sha256: string }> };
  for (const [file, { sha256 }] of Object.entries(files)) assert.is(createHash('sha256').update(readFileSync(new URL(file, folder))).digest('hex'), sha256, file);
});

test('code tables, bounds and the dynamic map', () => {
  const golden = goldenFile('codes.safetensors');
  for (const [name, table] of [['nf4', NF4_TABLE], ['fp4', FP4_TABLE]] as const) {
    assertSameBits(table.values, golden.elements(`${name}.code`), `${name}.code`);
    assertSameBits(table.bounds, golden.elements(`${name}.bounds`), `${name}.bounds`);
    assert.equal([...table.order], [...golden.elements(`${name}.order`)], `${name}.order`);
  }
  assertSameBits(DYNAMIC_MAP, golden.elements('dynamic8.code'), 'dynamic8.code');
});

test('quant4: codes, absmax and decoded values', () => {
  const golden = goldenFile('quant4.safetensors');
  assert.is(golden.cases.length, 110);
  for (const { x, key, quant_type: name, blocksize: blockSize } of golden.cases) {
    const format = formatNamed(name);
    const values = golden.values(x);
    const encoded = format.encode({ name: key, shape: [values.length], values }, { blockSize });
    assertSameBits(encoded.parts['codes']!, golden.elements(`${key}.packed`), `${key}.packed`);
    assertSameBits(encoded.parts['absmax']!, golden.elements(`${key}.absmax`), `${key}.absmax`);
    assertDecoded(golden, `${key}.dequant`, format.decode(encoded));
  }
});

test('double_quant: codes, nested state and decoded values', () => {
  const golden = goldenFile('double_quant.safetensors');
  assert.is(golden.cases.length, 8);
  for (const { x, key, quant_type: name, blocksize: blockSize, nested_blocksize: nestedBlockSize } of golden.cases) {
    const format = formatNamed(`${name}-dq`);
    const values = golden.values(x);
    const encoded = format.encode({ name: key, shape: [values.length], values }, { blockSize });
    const { codes, absmax_codes: absmaxCodes, absmax_scales: scales, absmax_offset: offset } = encoded.parts;
    assertSameBits(codes!, golden.elements(`${key}.packed`), `${key}.packed`);
    assertSameBits(absmaxCodes!, golden.elements(`${key}.absmax_q`), `${key}.absmax_q`);
    assertSameBits(scales!, golden.elements(`${key}.nested_absmax`), `${key}.nested_absmax`);
    assertSameBits(offset!, golden.elements(`${key}.offset`), `${key}.offset`);
    const restored = decodeDynamic(absmaxCodes as Uint8Array, scales as Float32Array, nestedBlockSize).map((value) => value + offset![0]!);
    assertSameBits(restored, golden.elements(`${key}.absmax_restored`), `${key}.absmax_restored`);
    assertSameBits(formatNamed(name).encode({ name: key, shape: [values.length], values }, { blockSize }).parts['absmax']!, golden.elements(`${key}.absmax_raw`), `${key}.absmax_raw`);
    assertDecoded(golden, `${key}.dequant`, format.decode(encoded));
  }
});

test('quant8_blockwise: the codec of the nested absmax', () => {
  const golden = goldenFile('quant8_blockwise.safetensors');
  assert.is(golden.cases.length, 10);
  for (const { x, key, blocksize: blockSize } of golden.cases) {
    const { codes, absmax } = encodeDynamic(golden.values(x), blockSize);
    assertSameBits(codes, golden.elements(`${key}.q`), `${key}.q`);
    assertSameBits(absmax, golden.elements(`${key}.absmax`), `${key}.absmax`);
    assertSameBits(decodeDynamic(codes, absmax, blockSize), golden.elements(`${key}.dequant`), `${key}.dequant`);
  }
});

test('linear4: weights of layers; products within the rounding of another order of summation', () => {
  const golden = goldenFile('linear4.safetensors');
  assert.is(golden.cases.length, 16);
  for (const { key, x, W, bias, quant_type: name, double_quant: doubled, blocksize: blockSize, N, K, M } of golden.cases) {
    const format = formatNamed(doubled ? `${name}-dq` : name);
    const encoded = format.encode({ name: key, shape: [N, K], values: golden.values(W) }, { blockSize });
    assertSameBits(encoded.parts['codes']!, golden.elements(`${key}.packed`), `${key}.packed`);
    if (!doubled) assertSameBits(encoded.parts['absmax']!, golden.elements(`${key}.absmax`), `${key}.absmax`);
    const weights = format.decode(encoded);
    const [activations, biases, expected] = [golden.values(x), golden.values(bias), golden.values(`${key}.y_f32`)];
    for (let row = 0; row < M; row++) {
      for (let out = 0; out < N; out++) assertNear(dot(weights, out * K, activations, row * K, K) + biases[out]!, expected[row * N + out]!, key);
    }
  }
});

test('quirk_rowblock: blocks run over the flat tensor, where the library loses the row ends', () => {
  const golden = goldenFile('quirk_rowblock.safetensors');
  for (const name of ['nf4', 'fp4']) {
    const format = formatNamed(name);
    const encoded = format.encode({ name: 'W', shape: [6, 80], values: golden.values('W') });
    assertSameBits(encoded.parts['codes']!, golden.elements(`${name}.packed`), `${name}.packed`);
    assertSameBits(encoded.parts['absmax']!, golden.elements(`${name}.absmax`), `${name}.absmax`);
    assertSameBits(format.decode(encoded), golden.elements(`${name}.dequant_flat`), `${name}.dequant_flat`);
    assert.not.equal(format.decode(encoded), golden.elements(`${name}.dequant_2d_bnb`));
    const odd = format.encode({ name: 'Wodd', shape: [5, 7], values: golden.values('Wodd') }, { blockSize: 32 });
    assertSameBits(odd.parts['codes']!, golden.elements(`${name}.odd.packed`), `${name}.odd.packed`);
    assertSameBits(odd.parts['absmax']!, golden.elements(`${name}.odd.absmax`), `${name}.odd.absmax`);
    assertSameBits(format.decode(odd), golden.elements(`${name}.odd.dequant`), `${name}.odd.dequant`);
  }
});

test('nonfinite: refused with the name, where the library stores a poisoned block', () => {
  const golden = goldenFile('nonfinite.safetensors');
  assert.is(golden.cases.length, 6);
  for (const { x, quant_type: name } of golden.cases) {
    const values = golden.values(x);
    assert.throws(() => formatNamed(name).encode({ name: x, shape: [values.length], values }), (error: Error) => error instanceof NotFinite && error.what === x);
  }
});

test('int8: weights, their scales and dequantized values', () => {
  const golden = goldenFile('int8.safetensors');
  assert.is(golden.cases.length, 10);
  for (const { name, N, K } of golden.cases) {
    const encoded = int8.encode({ name, shape: [N, K], values: golden.values(`${name}.W`) });
    assertSameBits(encoded.parts['codes']!, golden.elements(`${name}.CB`), `${name}.CB`);
    assertSameBits(encoded.parts['scales']!, golden.elements(`${name}.SCB`), `${name}.SCB`);
    assertSameBits(int8.decode(encoded), golden.elements(`${name}.W_dequant`), `${name}.W_dequant`);
  }
});

test('int8: activations, integer products and outputs of a call', () => {
  const golden = goldenFile('int8.safetensors');
  for (const { name, key, threshold, M, N, K, outlier_cols: outlierColumns } of golden.cases) {
    const x = golden.values(`${name}.x`);
    const rows = Array.from({ length: M }, (_, row) => x.subarray(row * K, (row + 1) * K));
    const quantized = quantizeCall(rows, threshold);
    if (M === 1) assert.equal(quantized, [quantizeRow(rows[0]!, threshold)], 'one row: the whole call is the row');
    const weights = { codes: golden.elements(`${name}.CB`) as Int8Array, scales: golden.values(`${name}.SCB`) };
    const [codes, scales, products, outputs, biases] = [golden.elements(`${key}.CA`), golden.values(`${key}.SCA`), golden.elements(`${key}.acc_i32`), golden.values(`${key}.y_f32`), golden.values(`${name}.bias`)];
    quantized.forEach((row, m) => {
      assert.equal([...row.outlierColumns], outlierColumns, `${key} outlier columns`);
      assertSameBits(row.codes, codes.subarray(m * K, (m + 1) * K), `${key}.CA row ${m}`);
      assert.is(row.scale, scales[m], `${key}.SCA row ${m}`);
      for (let n = 0; n < N; n++) {
        const product = row.codes.reduce((sum, code, k) => sum + code * weights.codes[n * K + k]!, 0);
        assert.is(product, products[m * N + n], `${key}.acc_i32`);
        const output = int8Output(rows[m]!, row, weights, n, biases[n], (a, b) => dot(a, 0, b, 0, a.length));
        const expected = outputs[m * N + n]!;
        // With outliers the library sums their products in another order; the rest is exact.
        if (row.outlierColumns.length > 0) assertNear(output, expected, key);
        else {
          assert.is(output, expected, `${key} row ${m} output ${n}`);
          assert.is(output, Math.fround(scaleInt8Product(product, row.scale, weights.scales[n]!) + biases[n]!));
        }
      }
    });
  }
});

test('int8: a row does not depend on its neighbours, unlike the library', () => {
  const golden = goldenFile('int8.safetensors');
  const x = golden.values('outlier.x');
  const rows = [0, 1, 2, 3].map((row) => x.subarray(row * 96, (row + 1) * 96));
  const own = rows.map((row) => quantizeRow(row));
  assert.equal(own.map(({ outlierColumns }) => outlierColumns.length), [1, 1, 2, 0]);
  assert.ok(quantizeCall(rows).some(({ codes }, i) => codes.some((code, k) => code !== own[i]!.codes[k])));
});

function assertNear(actual: number, expected: number, what: string): void {
  assert.ok(Math.abs(actual - expected) <= 4e-6 * Math.max(1, Math.abs(expected)), `${what}: ${actual} is not near ${expected}`);
}

test.run();
