/**
 * What a GPU's kernels are tried on beside the cases of every engine: weights whose rows begin with a block of scales, rows longer than a workgroup has threads, and work that is
 * cut as that of large models is (weights in several buffers, workgroups in several rows, attention in several dispatches), with small ones.
 *
 * Of the engines webgpu-fast each kernel of products is tried on its own, before the first step that needs it: there are dozens, a model needs some, and compiling one takes longer
 * than trying it.
 */
import { formats } from '../formats.ts';
import type { Ops, Weight } from '../ops.ts';
import { attentionCases } from '../op-cases/attention.ts';
import { input, joined, table, testValues } from '../op-cases/case.ts';
import type { OpCase } from '../op-cases/case.ts';
import { columnCases, elementCases, rotateCases } from '../op-cases/rows.ts';
import { rotaryTables } from '../rotary.ts';
import { allOrFirst, EngineUnfit, opCases } from '../selftest.ts';
import type { GpuContext } from '../webgpu/context.ts';
import { WebGpuDevice } from '../webgpu/device.ts';
import { productKernel, productShapes } from '../webgpu/fast-dispatches.ts';
import type { ProductShape } from '../webgpu/fast-dispatches.ts';
import { GpuLost } from '../webgpu/gpu-lost.ts';
import { toleranceCases, toleranceTest } from './fast-selftest.ts';
import type { BoundedCase, Computes } from './fast-selftest.ts';
import { RecordedOps } from './recorded-ops.ts';

/** `cut`: weights into pieces, or workgroups into rows and attention into dispatches, each as small as may be. */
export interface GpuCase extends OpCase { readonly cut?: 'pieces' | 'rows' }

/** Bytes of a piece, for which the least rows that there may be are taken, 64. */
export const PIECE_BYTES = 1;
export const SHORT_ROWS = { across: 2, scoreBytes: 1 } as const;

/** Instances for cases. */
export function gpuOps(context: GpuContext): (one: GpuCase) => Ops {
  return ({ cut }) => new RecordedOps(new WebGpuDevice(context, cut === 'pieces' ? PIECE_BYTES : undefined, cut === 'rows' ? SHORT_ROWS : undefined));
}

const inPieces = (one: OpCase): GpuCase => ({ ...one, name: `${one.name}, in pieces`, cut: 'pieces' });
const inRows = (one: OpCase): GpuCase => ({ ...one, name: `${one.name}, in short rows`, cut: 'rows' });

let common: readonly GpuCase[] | undefined;
let exact: readonly GpuCase[] | undefined;

/** For kernels that both engines have. */
function commonCases(): readonly GpuCase[] {
  return common ??= [
    ...['nf4', 'fp4-dq'].map((format) => embedCase(format, 9)), ...['fp32', 'fp16', 'bf16', 'nf4'].flatMap((format) => [inPieces(embedCase(format, 150)), inRows(embedCase(format, 9))]),
    ...[longRotateCase(), rotateCases()[2]!, columnCases()[2]!, elementCases().at(-1)!].map(inRows),
    ...(['rmsNorm', 'layerNorm'] as const).map(longNormCase),
  ];
}

/** Of the engine webgpu, beside opCases(). */
export function exactGpuCases(): readonly GpuCase[] {
  return exact ??= [
    ...commonCases(), ...attentionCases(false).map(inRows), ...['nf4', 'fp4-dq'].map((format) => productCase(format, 5, 17, 192)),
    ...['fp32', 'fp16', 'bf16', 'int8', 'fp4-dq'].flatMap((format) => [1, 5].map((rows) => productCase(format, rows, 150, 128)).flatMap((one) => [inPieces(one), inRows(one)])),
  ];
}

/** What the engine webgpu is held to where it has not the reference's bits. Exact cases of attention have scores that no bound survives. */
export function boundedGpuCases(extent: 'start' | 'full'): readonly (BoundedCase & GpuCase)[] {
  return [...toleranceCases(extent), ...exactGpuCases().filter(({ name }) => !name.startsWith('attention'))];
}

let opening: readonly BoundedCase[] | undefined;

/** Of the engines webgpu-fast, before anything is computed: all but products by weights, which come when a step needs them. */
export function openingCases(): readonly BoundedCase[] {
  const start = toleranceCases('start');
  return opening ??= [
    ...start.filter(({ name }) => !ofProducts(name)), ...commonCases(),
    ...start.filter(({ name }) => name.startsWith('attention')).slice(1, 3).map(inRows),
  ];
}

/** Products with weights of a format: of int8 all, of others those that are about nothing else. */
const ofProducts = (name: string): boolean => /^int8 |^linear (?!with )/.test(name);

/** The kernel that computes the cases about int8 alone, which all engines have. */
const FEW_INT8 = productKernel({ kind: 'int8', rows: 9, columns: 192 }, false).kernel;

/** For each kernel of products what it is tried on. */
export function productTrials(f16: boolean): ReadonlyMap<string, readonly GpuCase[]> {
  return new Map(Array.from(productShapes(f16), ([kernel, shapes]) => [kernel, [
    ...shapes.flatMap((shape) => formatsOf(shape).flatMap((format) => {
      // Of long rows few outputs, of short ones more than a piece has; of both so many of a whole block that a row of workgroups that is computed in another's place is missed.
      const long = shape.columns > 4 * 64;
      const one = productCase(format, shape.rows, long ? 58 : 230, shape.columns);
      return long ? [one, inRows(one)] : [inPieces(one), inRows(one)];
    })),
    ...(kernel === FEW_INT8 ? opCases('start').filter(({ name }) => name.startsWith('int8 ')) : []),
  ]]));
}

/** Those of 4 bits in two kinds: scales as they are stored, and expanded ones, of larger blocks. */
function formatsOf({ kind }: ProductShape): readonly string[] {
  return kind === 'table4' ? ['nf4', 'fp4-dq'] : [formats.find(({ name }) => name === kind)!.name];
}

/** A test on a device: where that is lost, whatever the test says comes of it. */
export async function lossFirst(context: GpuContext, test: Promise<void>): Promise<void> {
  await test.catch((error: unknown) => {
    const loss = context.loss();
    throw loss === undefined ? error : new GpuLost(loss, { cause: error });
  });
}

/** toleranceTest() on a device. Throws EngineUnfit only for what was computed: a loss of the device and want of memory are errors of their own, which may pass. */
export async function gpuToleranceTest(engine: string, computes: Computes, context: GpuContext, cases: readonly GpuCase[]): Promise<void> {
  await lossFirst(context, toleranceTest(engine, computes, gpuOps(context), cases, true));
}

/** What was tried is remembered, but for a failure that may pass: then `forget` has the next who asks try again. Trials take memory beside weights, and may find none. */
export function remembered<T>(attempt: Promise<T>, forget: () => void): Promise<T> {
  attempt.catch((error: unknown) => {
    if (!(error instanceof EngineUnfit)) forget();
  });
  return attempt;
}

/** A context that tries each kernel of products before the first step that needs it, once. What it was tried with computes without waiting. */
export function trying(engine: string, computes: Computes, context: GpuContext): GpuContext {
  const trials = productTrials(context.f16);
  const tried = new Map<string, Promise<void>>();
  const trial = (kernel: string, cases: readonly GpuCase[]): Promise<void> => {
    let test = tried.get(kernel);
    if (test === undefined) tried.set(kernel, (test = remembered(gpuToleranceTest(engine, computes, context, cases), () => tried.delete(kernel))));
    return test;
  };
  return { ...context, tried: (kernels) => allOrFirst([...new Set(kernels)].flatMap((kernel) => (trials.has(kernel) ? [trial(kernel, trials.get(kernel)!)] : []))) };
}

/**
 * Two products of one activation, which may be one dispatch, and one that waits for the first. `columns`: of 4-bit weights whole blocks; of others the last has a rest.
 * Of int8 every fifth activation or so is an outlier: in long rows more than a team has threads.
 */
function productCase(format: string, rows: number, outFeatures: number, columns: number): OpCase {
  const inFeatures = /4/.test(format) ? columns : columns - 3;
  const weight = (ops: Ops, seed: number, outputs: number): Weight => table(ops, format, outputs, inFeatures, repeated(seed, outputs * inFeatures, 0.05), blockSizeFor(format));
  return {
    name: `products ${format} [${rows}, ${inFeatures}] x [${outFeatures}, ${inFeatures}]`,
    async run(ops) {
      // Nothing reads it, so the first product gets its place, and x lies behind that: a row too many shows in what comes after.
      input(ops, rows, outFeatures, new Float32Array(rows * outFeatures));
      const x = ops.embed(table(ops, 'fp32', rows, inFeatures, repeated(401, rows * inFeatures, format === 'int8' ? 8 : 1)));
      const [w, other] = [weight(ops, 402, outFeatures), weight(ops, 403, 7)];
      const bias = ops.vector(testValues(404, outFeatures));
      const [first, second] = [ops.linear(x, w, bias), ops.linear(x, other)];
      const third = ops.linear(x, w, undefined, first);
      return joined([await ops.read(third, 'products'), await ops.read(second, 'products')]);
    },
  };
}

/** Four blocks of the dot product share a scale, rows part in the middle of one; or each has its own. */
function blockSizeFor(format: string): number | undefined {
  return format === 'fp4-dq' ? 256 : undefined;
}

/** Test values of which there are many: some thousand, over and over, as many as a prime number, so that rows differ. */
function repeated(seed: number, length: number, scale = 1): Float32Array {
  const some = testValues(seed, Math.min(length, 1999), scale);
  return Float32Array.from({ length }, (_, i) => some[i % some.length]!);
}

function embedCase(format: string, tokens: number): OpCase {
  return {
    name: `embed ${format} of ${tokens} rows of whole blocks`,
    run(ops) {
      const weight = table(ops, format, tokens, 128, testValues(410, tokens * 128), blockSizeFor(format));
      ops.begin({ slot: new Int32Array(9), position: Int32Array.from({ length: 9 }, (_, i) => i), token: Int32Array.of(0, tokens - 1, 3, 3, 7, 8, tokens >> 1, 1, 2) });
      return ops.read(ops.embed(weight), 'embed');
    },
  };
}

/** Of each head a part turns, in whole vectors. */
function longRotateCase(): OpCase {
  return {
    name: 'rotate 16 of 64 of 10 rows',
    async run(ops) {
      const { cos, sin, positions, halfDim } = rotaryTables(10000, 16, 40);
      const x = input(ops, 10, 5 * 64, testValues(415, 10 * 5 * 64));
      return ops.read(ops.rotate(x, ops.rotary(cos, sin, positions, halfDim), 64), 'rotate');
    },
  };
}

/** More columns than a workgroup has vectors, and an eps that no rounding hides. */
function longNormCase(norm: 'rmsNorm' | 'layerNorm'): OpCase {
  const cols = 1100;
  return {
    name: `${norm} over ${cols}`,
    run(ops) {
      const [x, weight] = [input(ops, 2, cols, testValues(411, 2 * cols)), ops.vector(testValues(412, cols))];
      return ops.read(norm === 'rmsNorm' ? ops.rmsNorm(x, weight, 0.1) : ops.layerNorm(x, weight, ops.vector(testValues(413, cols)), 0.1), norm);
    },
  };
}
