/**
 * The threads of a wasm engine: this one, and helpers that run the same module over the same memory (kernels/wasm/assembly/program.ts).
 */
import { instantiate } from './wasm-kernels.ts';
import type { CompiledKernels, WasmKernels } from './wasm-kernels.ts';

/** What a helper does, in a worker of Node; its source is text so that no bundler needs to know of it. */
const HELPER = `
const { module, memory, thread } = require('node:worker_threads').workerData;
new WebAssembly.Instance(module, { env: { memory } }).exports.help(thread);
`;

/** A helper, as far as it matters here. */
interface Helper { unref(): void; on(event: 'error' | 'exit', listener: () => void): unknown }

export interface WasmThreads {
  readonly kernels: WasmKernels;
  /** Threads that may take part in the next run, this one included. */
  readonly count: number;
  /** Goes on alone. */
  dismiss(): void;
  dispose(): void;
}

/** This thread alone. */
export function oneThread(compiled: CompiledKernels): WasmThreads {
  return { kernels: instantiate(compiled), count: 1, dismiss() {}, dispose() {} };
}

/** What begins a helper with this source and data. */
export type Spawn = (source: string, workerData: { readonly module: WebAssembly.Module; readonly memory: WebAssembly.Memory; readonly thread: number }) => Helper;

/** With helpers, which need not have started when this returns; `compiled` is for shared memory. */
export async function startThreads(compiled: CompiledKernels, count: number, spawn?: Spawn): Promise<WasmThreads> {
  const { Worker } = await import('node:worker_threads');
  spawn ??= (source, workerData) => new Worker(source, { eval: true, workerData });
  const kernels = instantiate(compiled);
  let working = count;
  const dismiss = (): void => {
    working = 1;
    kernels.stop();
  };
  for (let thread = 1; thread < count; thread++) {
    const helper = spawn(HELPER, { module: compiled.module, memory: kernels.memory, thread });
    // An idle helper keeps no process alive, and one that fails leaves its work to the others.
    helper.unref();
    helper.on('error', () => {});
    helper.on('exit', () => { working = Math.max(1, working - 1); });
  }
  return { kernels, get count() { return working; }, dismiss, dispose: dismiss };
}
