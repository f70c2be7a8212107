/**
 * The WebAssembly engine: canonical, wherever there is no native one (Node without a compiler, a page). Several threads in Node, when asked
 * for; one elsewhere.
 */
import type { Engine } from '../engines.ts';
import { selfTest } from '../selftest.ts';
import type { Statistics } from '../statistics.ts';
import { statisticsSelfTest } from '../statistics/selftest.ts';
import { instantiateStatistics, wasmStatistics } from '../statistics/wasm.ts';
import { threadCount } from '../threads.ts';
import { RecordedOps } from './recorded-ops.ts';
import { WasmDevice } from './wasm-device.ts';
import { bundledKernels } from './wasm-kernels.ts';
import { oneThread, startThreads } from './wasm-threads.ts';
import type { WasmThreads } from './wasm-threads.ts';

/** A module whose one function is i8x16.popcnt(i8x16.splat(0)): valid only where 128-bit vectors are. */
const VECTOR_PROBE = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11]);

/** The self-tests of this process, once begun: with one thread, with several. */
const tested = new Map<boolean, Promise<void>>();
/** The statistics, tested; they hold no state between calls, so one instance serves all. */
let statistics: Promise<Statistics> | undefined;

export const wasm: Engine = {
  name: 'wasm',
  title: 'WebAssembly, 128-bit vectors',
  rank: 10,
  canonical: true,
  async unavailable() {
    if (typeof WebAssembly === 'undefined') return 'this JavaScript runtime has no WebAssembly';
    if (!WebAssembly.validate(VECTOR_PROBE)) return 'this JavaScript runtime or processor has no WebAssembly vectors (SIMD)';
    return undefined;
  },
  async open() {
    const count = threadCount();
    const several = count > 1;
    const compiled = await bundledKernels(several);
    const threads = several ? await startThreads(compiled, count) : oneThread(compiled);
    let test = tested.get(several);
    if (test === undefined) tested.set(several, (test = testOn(threads)));
    try {
      await test;
      return { name: 'wasm', canonical: true, build: `wasm-${compiled.sha256}`, ops: new RecordedOps(new WasmDevice(threads)), statistics: await wasmStatisticsTested() };
    } catch (error) {
      threads.dispose();
      throw error;
    }
  },
};

/** All cases share the threads and their memory, so that each finds it as the one before left it. */
async function testOn(threads: WasmThreads): Promise<void> {
  await selfTest('wasm', () => new RecordedOps(new WasmDevice({ kernels: threads.kernels, get count() { return threads.count; }, dismiss: threads.dismiss, dispose() {} })));
}

/** The statistics of this process, which engines without compiled ones of their own use too. */
export function wasmStatisticsTested(): Promise<Statistics> {
  return (statistics ??= testedStatistics());
}

async function testedStatistics(): Promise<Statistics> {
  const own = wasmStatistics(instantiateStatistics(await bundledKernels(false)));
  statisticsSelfTest('wasm', own);
  return own;
}
