/**
 * Every kernel that a GPU engine may choose is in its self-test. No GPU computes here: programs are planned as they would be for one, and what the plans name is held against
 * the kernels that there are, so that a new one is not forgotten.
 */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Ops } from '../../kernels/index.ts';
import type { Device } from '../../kernels/engines/device.ts';
import { toleranceCases } from '../../kernels/engines/fast-selftest.ts';
import { boundedGpuCases, exactGpuCases, openingCases, PIECE_BYTES, productTrials, remembered, SHORT_ROWS } from '../../kernels/engines/gpu-selftest.ts';
import type { GpuCase } from '../../kernels/engines/gpu-selftest.ts';
import { RecordedOps } from '../../kernels/engines/recorded-ops.ts';
import { EngineUnfit, opCases } from '../../kernels/selftest.ts';
import { Arena } from '../../kernels/webgpu/arena.ts';
import { CUTS, planOf } from '../../kernels/webgpu/dispatches.ts';
import type { Dispatch, GpuCache, Holdings } from '../../kernels/webgpu/dispatches.ts';
import { planFast, productKernel } from '../../kernels/webgpu/fast-dispatches.ts';
import { GpuFull } from '../../kernels/webgpu/gpu-full.ts';
import { filled, GpuMemory } from '../../kernels/webgpu/memory.ts';
import { KERNELS } from '../../kernels/webgpu/pipelines.ts';
import { loadWeight } from '../../kernels/webgpu/weights.ts';
import type { GpuWeight } from '../../kernels/webgpu/weights.ts';

const nothing = (): void => {};
const gpu = { limits: { maxBufferSize: 2 ** 31, maxStorageBufferBindingSize: 2 ** 31 }, queue: { writeBuffer: nothing }, pushErrorScope: nothing, popErrorScope: async () => null, createBuffer: () => ({ destroy: nothing }) } as unknown as GpuDevice;

/** As an engine plans: with kernels of the fast one, of fp16, or of neither. */
type Engine = 'webgpu' | 'webgpu-fast' | 'webgpu-fast-f16';

/** What a case has planned. Its values are zeros. */
async function planned(engine: Engine, { run, cut }: GpuCase): Promise<Dispatch[]> {
  const dispatches: Dispatch[] = [];
  const memory = new GpuMemory(gpu);
  const room = engine === 'webgpu' ? memory : new Arena(memory);
  const none = memory.take(16, 'tables', 'a placeholder');
  const [weights, vectors, tables, caches] = [new Map<number, GpuWeight>(), new Map(), new Map(), new Map<number, GpuCache>()];
  const holdings: Holdings = { weights, vectors, tables, caches, none, cuts: cut === 'rows' ? SHORT_ROWS : CUTS };
  let handles = 0;
  const device: Device = {
    weight: (family) => (weights.set(++handles, loadWeight(room, family, { none, most: cut === 'pieces' ? PIECE_BYTES : undefined, quads: engine !== 'webgpu' })), handles),
    vector: (values) => (vectors.set(++handles, filled(room, values, 'weights', 'a vector')), handles),
    rotary: (cos, sin) => (tables.set(++handles, { cos: filled(room, cos, 'tables', ''), sin: filled(room, sin, 'tables', '') }), handles),
    kvCache: (layers, _slots, positions, kvHeads, headDim) => (caches.set(++handles, { layers: Array.from({ length: layers }, () => ({ keys: none, values: none })), positions, kvHeads, headDim }), handles),
    freeCache: nothing,
    async run(program) {
      dispatches.push(...(engine === 'webgpu' ? planOf(program, holdings) : planFast(program, holdings, engine === 'webgpu-fast-f16')).dispatches);
      return undefined;
    },
    floats: async () => 0,
    integers: async (_line, count) => new Int32Array(count),
    memory: () => memory.use(),
    dispose: nothing,
  };
  const ops: Ops = new RecordedOps(device);
  await run(ops);
  return dispatches;
}

async function kernelsOf(engine: Engine, cases: readonly GpuCase[]): Promise<Set<string>> {
  return new Set((await Promise.all(cases.map((one) => planned(engine, one)))).flat().map(({ kernel }) => kernel));
}

/** What is computed with before a trial of its own is of no kernel of products, or is one that ops of the other kinds take. */
const selfTested = async (engine: Engine): Promise<Set<string>> => {
  if (engine === 'webgpu') return kernelsOf(engine, [...opCases('start'), ...exactGpuCases()]);
  const trials = productTrials(engine === 'webgpu-fast-f16');
  const tried = await Promise.all(Array.from(trials, async ([kernel, cases]) => {
    const kernels = await kernelsOf(engine, cases);
    assert.ok(kernels.has(kernel), `${engine} tries ${kernel} with cases that compute with ${[...kernels].join(', ')}`);
    return kernels;
  }));
  return new Set([...await kernelsOf(engine, openingCases()), ...tried.flatMap((kernels) => [...kernels])]);
};

const tested = { webgpu: await selfTested('webgpu'), 'webgpu-fast': await selfTested('webgpu-fast'), 'webgpu-fast-f16': await selfTested('webgpu-fast-f16') };

test('every kernel that there is is in the self-test of an engine', () => {
  const all = new Set(Object.values(tested).flatMap((kernels) => [...kernels]));
  assert.equal(Object.keys(KERNELS).filter((kernel) => !all.has(kernel)), []);
});

for (const engine of ['webgpu-fast', 'webgpu-fast-f16'] as const) {
  test(`${engine}: every kernel that a product of any shape takes has a trial`, () => {
    const trials = productTrials(engine === 'webgpu-fast-f16');
    const chosen = new Set<string>();
    for (const kind of ['fp32', 'fp16', 'bf16', 'table4', 'int8'] as const) {
      for (let rows = 1; rows <= 600; rows++) for (let columns = 64; columns <= 40_000; columns *= 2) chosen.add(productKernel({ kind, rows, columns }, engine === 'webgpu-fast-f16').kernel);
    }
    assert.equal([...chosen].sort(), [...trials.keys()].sort());
  });
}

test('every kernel that ops of many shapes take is in the self-test of the engine that takes it', async () => {
  for (const [engine, kernels] of Object.entries(tested) as [Engine, Set<string>][]) {
    const chosen = await kernelsOf(engine, engine === 'webgpu' ? opCases('full') : [...toleranceCases('full'), ...opCases('start')]);
    assert.equal([...chosen].filter((kernel) => !kernels.has(kernel)), [], engine);
  }
});

test('where the engine webgpu is held to bounds, it is so in all cases but attention, whose scores none survives', () => {
  const names = (cases: readonly { readonly name: string }[]): string[] => cases.map(({ name }) => name);
  for (const extent of ['start', 'full'] as const) {
    const bounded = new Set(names(boundedGpuCases(extent)));
    assert.equal(names([...toleranceCases(extent), ...exactGpuCases()]).filter((name) => !bounded.has(name) && !name.startsWith('attention')), []);
  }
});

test('a self-test that failed is remembered where the engine computes wrongly, and forgotten where what failed may pass', async () => {
  for (const [error, forgotten] of [[new EngineUnfit('x', 'add: element 0 is 1, not 2'), false], [new GpuFull('no memory'), true], [new Error('the GPU was lost'), true]] as const) {
    let times = 0;
    const seen = await remembered(Promise.reject(error), () => times++).catch((reason: unknown) => reason);
    assert.equal([seen, times > 0], [error, forgotten], error.message);
  }
});

test('each way of cutting work is in the self-test, of each kernel that cuts', async () => {
  for (const engine of ['webgpu', 'webgpu-fast'] as const) {
    const cases = engine === 'webgpu' ? exactGpuCases() : [...openingCases(), ...[...productTrials(false).values()].flat()];
    const dispatches = (await Promise.all(cases.map((one) => planned(engine, one)))).flat();
    // Heads, rows and pairs of rows are not laid out in rows of workgroups.
    const inRows = new Set(dispatches.filter(({ kernel, groups }) => !/^(attend|norm|quantize|sample)/.test(kernel) && (groups[2] > 1 || (groups[1] > 1 && groups[0] === SHORT_ROWS.across))).map(({ kernel }) => kernel));
    assert.equal([...new Set(dispatches.map(({ kernel }) => kernel))].filter((kernel) => !/^(attend|norm|quantize|sample)/.test(kernel) && !inRows.has(kernel)), [], `${engine}: workgroups in several rows`);
    const attends = dispatches.filter(({ kernel }) => kernel.startsWith('attend'));
    for (const kernel of new Set(attends.map((one) => one.kernel))) assert.ok(attends.some((one) => one.kernel === kernel && one.parts[0]!.extra[2]! > 0), `${engine}: ${kernel} in several dispatches`);
    if (engine === 'webgpu-fast') for (const kernel of ['row fp16 1 32', 'tile table4 64', 'int8 tile', 'int8 row 4 32']) assert.ok(dispatches.some((one) => one.kernel === kernel && one.parts.length > 1), `${kernel} does several ops at once`);
  }
});

test.run();
