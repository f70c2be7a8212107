/** The wasm engine with helpers: the same bits whatever their number, and whatever becomes of them. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { formatNamed, openEngine, scoreWindow } from '../../kernels/index.ts';
import type { EncodedTensor, EngineInstance, Ops, Weight } from '../../kernels/index.ts';
import { RecordedOps } from '../../kernels/engines/recorded-ops.ts';
import { WasmDevice } from '../../kernels/engines/wasm-device.ts';
import { bundledKernels } from '../../kernels/engines/wasm-kernels.ts';
import { oneThread, startThreads } from '../../kernels/engines/wasm-threads.ts';
import type { Spawn, WasmThreads } from '../../kernels/engines/wasm-threads.ts';
import { referenceStatistics } from '../../kernels/statistics/reference.ts';
import { testValues } from '../../kernels/op-cases/case.ts';
import { firstDifference, opCases, selfTest } from '../../kernels/selftest.ts';
import { bundledCheckpoint, sessionOf, someTokens } from './test-models.ts';

const shared = await bundledKernels(true);

function instanceOn(threads: WasmThreads): EngineInstance {
  return { name: 'wasm', canonical: true, build: '', ops: new RecordedOps(new WasmDevice(threads)), statistics: referenceStatistics };
}

const encoded = new Map<string, EncodedTensor>();

/** A weight of test values, encoded once. */
function weight(ops: Ops, name: string, outFeatures: number, inFeatures: number, seed: number): Weight {
  const key = [name, outFeatures, inFeatures, seed].join();
  const values = () => testValues(seed, outFeatures * inFeatures).map((value) => value * 0.02);
  if (!encoded.has(key)) encoded.set(key, formatNamed(name).encode({ name: 'w', shape: [outFeatures, inFeatures], values: values() }));
  return ops.weight(encoded.get(key)!, formatNamed(name));
}

/** Products large enough to be cut into chunks, of several formats, from one round to the next; many rows and one. */
async function work(ops: Ops): Promise<Float32Array> {
  const results: number[] = [];
  for (const [rows, format] of [[40, 'fp32'], [1, 'nf4'], [33, 'nf4'], [17, 'int8'], [2, 'fp16'], [21, 'bf16']] as const) {
    const each = Int32Array.from({ length: rows }, (_, row) => row);
    ops.begin({ slot: new Int32Array(rows), position: each, token: each });
    const x = ops.embed(weight(ops, 'fp32', rows, 384, 1));
    const [gate, up] = [ops.linear(x, weight(ops, format, 515, 384, 2)), ops.linear(x, weight(ops, format, 515, 384, 3))];
    const y = ops.linear(ops.siluMul(gate, up), weight(ops, format, 384, 515, 4), undefined, x);
    results.push(...await ops.read(ops.rmsNorm(y, ops.vector(testValues(5, 384)), 1e-5), 'work'));
  }
  return Float32Array.from(results);
}

const expected = await (async () => {
  const ops = new RecordedOps(new WasmDevice(oneThread(await bundledKernels(false))));
  const values = await work(ops);
  ops.dispose();
  return values;
})();

async function agrees(ops: Ops, what: string): Promise<void> {
  assert.is(firstDifference(expected, await work(ops)), undefined, what);
}

for (const count of [2, 3, 4]) {
  test(`${count} threads give the bits of one`, async () => {
    const threads = await startThreads(shared, count);
    const lasting = { ...threads, dispose() {} };
    await selfTest('wasm', () => new RecordedOps(new WasmDevice(lasting)), opCases('start'));
    const { ops } = instanceOn(threads);
    for (let i = 0; i < 20; i++) await agrees(ops, `time ${i}`);
    ops.dispose();
  });
}

test('a model on 3 threads has the logits of one thread', async () => {
  const checkpoint = bundledCheckpoint('novel-1m');
  const tokens = someTokens(140, 2048);
  for (const format of ['fp16', 'int8', 'nf4']) {
    const [one, three] = [sessionOf(checkpoint, format, instanceOn(oneThread(await bundledKernels(false)))), sessionOf(checkpoint, format, instanceOn(await startThreads(shared, 3)))];
    assert.is(firstDifference(await scoreWindow(one, tokens), await scoreWindow(three, tokens)), undefined, format);
    one.dispose();
    three.dispose();
  }
});

test('helpers that never start, fail at once, or are ended between and during runs hold nothing up', async () => {
  const absent = instanceOn(await startThreads(shared, 3, () => ({ unref() {}, on() {} })));
  await agrees(absent.ops, 'absent');
  absent.ops.dispose();

  const failing = instanceOn(await startThreads(shared, 3, () => new Worker('throw new Error("no")', { eval: true })));
  await agrees(failing.ops, 'failing');
  failing.ops.dispose();

  const workers: Worker[] = [];
  const recorded: Spawn = (source, workerData) => {
    workers.push(new Worker(source, { eval: true, workerData }));
    return workers.at(-1)!;
  };
  const killed = instanceOn(await startThreads(shared, 3, recorded));
  await agrees(killed.ops, 'before');
  const gone = [workers[0]!.terminate()];
  await agrees(killed.ops, 'while one is ended');
  gone.push(workers[1]!.terminate());
  await Promise.all(gone);
  await agrees(killed.ops, 'after');
  killed.ops.dispose();
});

test('a helper that took a chunk and is gone costs time, no bit; later runs go on alone', async () => {
  // Takes one chunk of the first phase that it sees (the ticket is at 64: chunks in bits 16 to 31, the next in bits 0 to 15).
  const thief = `
    const { memory } = require('node:worker_threads').workerData;
    const ticket = new BigInt64Array(memory.buffer, 64, 1);
    require('node:worker_threads').parentPort.postMessage('ready');
    for (;;) {
      const seen = Atomics.load(ticket, 0);
      if ((seen & 0xffffn) < ((seen >> 16n) & 0xffffn) && Atomics.compareExchange(ticket, 0, seen, seen + 1n) === seen) process.exit();
    }`;
  let worker: Worker | undefined;
  const threads = await startThreads(shared, 2, (_, workerData) => (worker = new Worker(thief, { eval: true, workerData })));
  await once(worker!, 'message');
  const { ops } = instanceOn(threads);
  // On a loaded machine the thief may be late for all chunks of a run.
  for (let tries = 0; tries < 500 && threads.count > 1; tries++) await agrees(ops, 'robbed');
  assert.is(threads.count, 1);
  await agrees(ops, 'alone');
  ops.dispose();
});

test('dispose ends the helpers', async () => {
  const workers: Worker[] = [];
  const threads = await startThreads(shared, 3, (source, workerData) => {
    workers.push(new Worker(source, { eval: true, workerData }));
    return workers.at(-1)!;
  });
  const ends = workers.map((worker) => once(worker, 'exit'));
  const { ops } = instanceOn(threads);
  await agrees(ops, 'first');
  ops.dispose();
  // Helpers keep no process alive, so something else must while they end.
  const alive = setInterval(() => {}, 1000);
  await Promise.all(ends);
  clearInterval(alive);
});

test('BITWIDTH_THREADS is obeyed, and an idle pool keeps no process alive', async () => {
  const before = process.env['BITWIDTH_THREADS'];
  process.env['BITWIDTH_THREADS'] = '2';
  try {
    const { instance } = await openEngine('wasm');
    await agrees(instance.ops, 'by the environment');
    instance.ops.dispose();
  } finally {
    if (before === undefined) delete process.env['BITWIDTH_THREADS'];
    else process.env['BITWIDTH_THREADS'] = before;
  }
  const kernels = fileURLToPath(new URL('../../kernels/index.ts', import.meta.url));
  const script = `import(${JSON.stringify(kernels)}).then(async ({ openEngine }) => { await openEngine('wasm'); console.log('opened'); })`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    encoding: 'utf8', timeout: 60_000, env: { ...process.env, BITWIDTH_THREADS: '3' }, cwd: fileURLToPath(new URL('../..', import.meta.url)),
  });
  assert.is(status, 0, stderr);
  assert.is(stdout, 'opened\n');
});

test.run();
