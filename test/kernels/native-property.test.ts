/** Products of random shapes, formats, rows and threads on every instruction set here, bit for bit the reference's. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { formats } from '../../kernels/index.ts';
import type { Ops } from '../../kernels/index.ts';
import { openNative } from '../../kernels/engines/native.ts';
import { ReferenceOps } from '../../kernels/engines/reference.ts';
import { testValues } from '../../kernels/op-cases/case.ts';
import { firstDifference } from '../../kernels/selftest.ts';
import { threefry2x32 } from '../../kernels/threefry.ts';
import { notRun } from '../not-run.ts';
import { nativeForTests } from './native-library.ts';

/** A different one each run; it is printed, and can be given. */
const seed = Number(process.env['BITWIDTH_TEST_SEED'] ?? Date.now() % 1_000_000);
const CASES = 150;

const library = await nativeForTests();
if (typeof library === 'string') notRun('random products on the native engine', library);
else {
  const sets = library.functions.instructionSets();

  test(`random products (BITWIDTH_TEST_SEED=${seed})`, async () => {
    for (let index = 0; index < CASES; index++) {
      let drawn = 0;
      const below = (n: number): number => (threefry2x32(seed, index, drawn++, 0)[0] >>> 0) % n;
      // Half of the shapes lie around multiples of the block and of the panel.
      const size = (step: number, most: number): number => (below(2) ? Math.max(1, step * (1 + below(most / step)) + below(3) - 1) : 1 + below(most));
      const [rows, outFeatures, inFeatures] = [size(8, 72), size(16, 96), size(64, 384)];
      const format = formats[below(formats.length)]!;
      const [hasBias, hasResidual] = [below(2) === 1, below(2) === 1];
      const scale = [0.05, 1, 1e-6, 30][below(4)]!;
      const [instructionSet, threads] = [sets[below(sets.length)]!, 1 + below(4)];
      const compute = async (ops: Ops): Promise<Float32Array> => {
        const fp32 = formats.find(({ name }) => name === 'fp32')!;
        const each = Int32Array.from({ length: rows }, (_, row) => row);
        const table = (of: number, cols: number, by: number) => ops.weight(fp32.encode({ name: 'x', shape: [rows, cols], values: testValues(of, rows * cols, by) }), fp32);
        const w = ops.weight(format.encode({ name: 'w', shape: [outFeatures, inFeatures], values: testValues(index + 1000, outFeatures * inFeatures, scale) }), format);
        const bias = hasBias ? ops.vector(testValues(index + 2000, outFeatures)) : undefined;
        const [x, residual] = [table(index, inFeatures, 1), table(index + 3000, outFeatures, 1)];
        ops.begin({ slot: new Int32Array(rows), position: each, token: each });
        return ops.read(ops.linear(ops.embed(x), w, bias, hasResidual ? ops.embed(residual) : undefined), 'product');
      };
      const what = `case ${index}: ${rows} x [${outFeatures}, ${inFeatures}] ${format.name}, bias ${hasBias}, residual ${hasResidual}, scale ${scale}, ${instructionSet}, ${threads} threads`;
      const { ops } = await openNative({ instructionSet, threads });
      try {
        const [expected, actual] = [await compute(new ReferenceOps()), await compute(ops)];
        const at = firstDifference(expected, actual);
        assert.is(at, undefined, `BITWIDTH_TEST_SEED=${seed}, ${what}: element ${at} is ${actual[at ?? 0]}, not ${expected[at ?? 0]}`);
      } finally {
        ops.dispose();
      }
    }
  });
}

test.run();
