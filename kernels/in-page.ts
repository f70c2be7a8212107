/** The kernels in a page: the engines that run there, with the compiled kernels, which a program for pages holds. */
import { useKernels } from './engines/wasm-kernels.ts';
import kernels from './wasm/kernels.wasm';

export { wasm } from './engines/wasm.ts';
export { webgpu } from './engines/webgpu.ts';

useKernels(kernels);
