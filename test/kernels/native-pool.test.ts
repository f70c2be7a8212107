/** Threads, and the life of a device: many users at once, more threads than processors, what is held and given back. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { formats, scoreWindow } from '../../kernels/index.ts';
import { openNative } from '../../kernels/engines/native.ts';
import { notRun } from '../not-run.ts';
import { nativeForTests } from './native-library.ts';
import { runProgram } from './native/replay-program.ts';
import { sessionOf, someTokens, tinyCheckpoint } from './test-models.ts';

const WORK = fileURLToPath(new URL('native/work.ts', import.meta.url));
const LOADER = ['--import', 'tsx'];
const NOTHING = { weights: 0, decodedCopies: 0, tables: 0, kvCache: 0, workspace: 0 };

const library = await nativeForTests();
if (typeof library === 'string') notRun('threads of the native engine', library);
else {
  const { file, functions } = library;
  const env = { BITWIDTH_NATIVE_LIBRARY: file };

  /** What work.ts must answer: the reference's bits. */
  const expected = async (): Promise<string> => {
    const session = sessionOf(tinyCheckpoint('llama'), 'nf4');
    const logits = await scoreWindow(session, someTokens(24, session.shape.vocabulary));
    session.dispose();
    return createHash('sha256').update(new Uint8Array(logits.buffer)).digest('hex');
  };
  const inWorker = async (threads: number, times: number): Promise<string> => {
    // A worker's first file is not loaded through hooks; one that is no file registers them.
    const begin = `import(${JSON.stringify(import.meta.resolve('tsx/esm/api'))}).then(({ register }) => { register(); return import(${JSON.stringify(WORK)}); });`;
    const worker = new Worker(begin, { eval: true, workerData: [threads, times], execArgv: [], env: { ...process.env, ...env } });
    const [answer] = await once(worker, 'message');
    await worker.terminate();
    return answer;
  };
  const inProcess = async (threads: number, times: number): Promise<string> => (await runProgram(process.execPath, [...LOADER, WORK, String(threads), String(times)], env)).output;

  test('worker threads and processes at once have the reference\'s bits', async () => {
    const wanted = await expected();
    const answers = await Promise.all([inWorker(2, 200), inWorker(3, 200), inProcess(2, 200), inProcess(4, 200)]);
    assert.equal(answers, answers.map(() => wanted));
    // A worker that is gone takes nothing with it.
    assert.is(await inWorker(2, 1), wanted);
  });

  test('more threads than processors, and more than there may be', async () => {
    const wanted = await expected();
    for (const threads of [16, 64, 1000]) {
      const session = sessionOf(tinyCheckpoint('llama'), 'nf4', await openNative({ threads }));
      const tokens = someTokens(24, session.shape.vocabulary);
      for (let time = 0; time < 5; time++) assert.is(createHash('sha256').update(new Uint8Array((await scoreWindow(session, tokens)).buffer)).digest('hex'), wanted, `${threads} threads`);
      session.dispose();
    }
  });

  test('what is held is counted to the byte, and given back', async () => {
    const { ops } = await openNative({ threads: 1 });
    const weightOf = (name: string, outFeatures: number, inFeatures: number) => {
      const format = formats.find((one) => one.name === name)!;
      return format.encode({ name: 'w', shape: [outFeatures, inFeatures], values: new Float32Array(outFeatures * inFeatures).fill(0.5) });
    };
    const add = (name: string, outFeatures: number, inFeatures: number) => ops.weight(weightOf(name, outFeatures, inFeatures), formats.find((one) => one.name === name)!);
    const held = { ...NOTHING };
    const now = (what: string): void => assert.equal(ops.memory(), held, what);
    now('nothing');
    // Outputs come in panels of 16, columns in blocks of 64.
    add('fp32', 17, 65);
    held.weights += 32 * 128 * 4;
    now('fp32');
    add('fp16', 3, 64);
    held.weights += 16 * 64 * 2;
    now('fp16');
    add('nf4', 16, 128);
    held.weights += 16 * 2 * 36;
    now('nf4');
    add('nf4-dq', 16, 128);
    held.weights += 16 * 2 * 32;
    held.decodedCopies += 16 * 2 * 4;
    now('nf4-dq: expanded scales are a copy');
    add('nf4', 16, 65);
    held.decodedCopies += 16 * 128 * 4;
    now('nf4 whose rows are no whole blocks');
    add('int8', 5, 10);
    held.weights += 16 * 64 + 16 * 4;
    now('int8');
    ops.vector(new Float32Array(70));
    held.weights += 128 * 4;
    now('vector');
    ops.rotary(new Float32Array(40), new Float32Array(40), 5, 8);
    held.tables += 2 * 64 * 4;
    now('rotary');
    const cache = ops.kvCache(2, 3, 10, 2, 20);
    // Keys: sixteen positions of 32 dimensions; values: ten positions of 32.
    held.kvCache += 2 * 3 * 2 * (16 * 32 + 10 * 32) * 4;
    now('cache');
    ops.freeCache(cache);
    held.kvCache = 0;
    now('cache given back');
    ops.freeCache(cache);
    now('given back twice');
    // A weight takes the cache's place and is given back once.
    add('fp16', 16, 64);
    held.weights += 16 * 64 * 2;
    now('weight in its place');
    ops.dispose();
    ops.dispose();
    assert.equal(ops.memory(), NOTHING);
  });

  test('a device that was given back, and things that are no devices, are refused', async () => {
    const { ops } = await openNative();
    ops.dispose();
    assert.throws(() => ops.vector(new Float32Array(3)), /disposed/);
    const device = functions.open('', 1);
    const vector = functions.vector(device, new Float32Array(3), 3);
    assert.is(vector, 0);
    functions.close(device);
    functions.close(device);
    assert.throws(() => functions.vector(device, new Float32Array(3), 3), /no device, or it was closed/);
    assert.throws(() => functions.run(device, new Int32Array(16), 1, new Int32Array(0), 0, 1), /no device, or it was closed/);
    assert.throws(() => functions.memory(device, new Float64Array(5)), /no device, or it was closed/);
    for (const other of [{}, null, 7, 'device']) assert.throws(() => functions.vector(other as object, new Float32Array(3), 3), /no device/);
    assert.throws(() => functions.open('sse9', 1), /lacks the instruction set/);
  });

  test('arguments that would damage memory are refused', async () => {
    const device = functions.open('', 1);
    assert.throws(() => functions.fp32(device, new Float32Array(5), 2, 3, false), /values has another type or is too short/);
    assert.throws(() => functions.fp32(device, new Float64Array(6) as unknown as Float32Array, 2, 3, false), /another type/);
    assert.throws(() => functions.fp32(device, new Float32Array(6), -2, -3, false), /out of range/);
    assert.throws(() => functions.fp32(device, new Float32Array(6), 2 ** 31, 1, false), /out of range/);
    assert.throws(() => functions.table4(device, new Uint8Array(32), new Float32Array(1), new Float32Array(16), 48, 1, 64, false), /blocks do not fit/);
    assert.throws(() => functions.table4(device, new Uint8Array(32), new Float32Array(1), new Float32Array(15), 64, 1, 64, false), /table/);
    assert.throws(() => functions.int8(device, new Int8Array(6), new Float32Array(1), 2, 3), /scales/);
    assert.throws(() => functions.cache(device, 1, 1, 0, 1, 1), /out of range/);
    // 3 * 2^68 and 2^75 bytes, which wrap to 0.
    assert.throws(() => functions.cache(device, 2 ** 24, 2 ** 24, 16, 2 ** 10, 16), /not enough memory/);
    assert.throws(() => functions.cache(device, 1, 1, 2 ** 24, 2 ** 24, 2 ** 24), /not enough memory/);
    assert.throws(() => functions.freeCache(device, 0), /no cache/);
    const values = new Float32Array(64);
    assert.throws(() => functions.floats(device, 0, 1, 64, values), /no such values/);
    assert.throws(() => functions.floats(device, -4, 1, 64, values), /no such values/);
    // 2^58 lines are 2^64 bytes, which wrap to 0.
    assert.throws(() => functions.floats(device, 2 ** 58 - 32, 8, 64, values), /no such values/);
    assert.throws(() => functions.integers(device, 2 ** 58, 0, new Int32Array(0)), /no such values/);
    assert.throws(() => functions.floats(device, 0, 2 ** 31, 64, values), /out of range/);
    assert.throws(() => functions.floats(device, 0, 0, 2 ** 31 - 1, values), /out of range/);
    assert.throws(() => functions.integers(device, 0, 3, new Int32Array(2)), /no such values/);
    assert.throws(() => functions.run(device, new Int32Array(15), 1, new Int32Array(0), 0, 1), /words/);
    assert.throws(() => functions.run(device, new Int32Array(16), 1, new Int32Array(0), 0, 1), /not one that this library can run/);
    assert.throws(() => functions.run(device, new Int32Array(16), 65536, new Int32Array(0), 0, 1), /too long/);
    assert.throws(() => functions.run(device, new Int32Array(16), 0, new Int32Array(0), 0, 2 ** 50), /too long/);
    functions.close(device);
  });
}

test.run();
