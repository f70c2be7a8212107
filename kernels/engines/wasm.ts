/**
 * The WebAssembly engine: canonical, one thread, wherever there is no native one (Node without a compiler, a page).
 */
import type { Engine } from '../engines.ts';
import { selfTest } from '../selftest.ts';
import type { Statistics } from '../statistics.ts';
import { statisticsSelfTest } from '../statistics/selftest.ts';
import { instantiateStatistics, wasmStatistics } from '../statistics/wasm.ts';
import { bundledKernels, instantiate } from './wasm-kernels.ts';
import { WasmOps } from './wasm-ops.ts';

/** A module whose one function is i8x16.popcnt(i8x16.splat(0)): valid only where 128-bit vectors are. */
const VECTOR_PROBE = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11]);

/** The self-test of this process, once it has begun; and the statistics, which hold no state between calls: one instance serves all. */
let tested: Promise<Statistics> | undefined;

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
    const { module, sha256 } = await bundledKernels();
    tested ??= testOnce(module);
    const statistics = await tested;
    return { name: 'wasm', canonical: true, build: `wasm-${sha256}`, ops: new WasmOps(instantiate(module)), statistics };
  },
};

/** All cases share an instance, so that each finds memory as the one before left it. */
async function testOnce(module: WebAssembly.Module): Promise<Statistics> {
  const kernels = instantiate(module);
  await selfTest('wasm', () => new WasmOps(kernels));
  const statistics = wasmStatistics(instantiateStatistics(module));
  statisticsSelfTest('wasm', statistics);
  return statistics;
}
