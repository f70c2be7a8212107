/**
 * The compiled kernels (kernels/wasm): the exports of kernels.wasm, compiled once per process, one instance per engine.
 */

/** Addresses and byte counts are bytes in linear memory; a `stride` is bytes from one row to the next. kernels/wasm/assembly says what each does. */
export interface WasmKernels {
  readonly memory: WebAssembly.Memory;
  packRows(x: number, rows: number, blocks: number, packed: number): void;
  packWeight(x: number, first: number, rows: number, blocks: number, packed: number): void;
  embed(packed: number, tokens: number, rows: number, blocks: number, out: number): void;
  linear(w: number, panels: number, x: number, rows: number, blocks: number, bias: number, residual: number, out: number, outStride: number, scratch: number): void;
  packCodes(codes: number, first: number, rows: number, columns: number, blocks: number, packed: number): void;
  quantizeRows(x: number, rows: number, blocks: number, threshold: number, codes: number, scales: number, outliers: number, scratch: number): number;
  int8Linear(
    w: number, weightScales: number, panels: number, codes: number, rowScales: number, rows: number, blocks: number, bias: number, out: number, outStride: number,
  ): void;
  addOutliers(
    w: number, weightScales: number, panels: number, x: number, rows: number, blocks: number, threshold: number, outliers: number,
    out: number, outStride: number, scratch: number,
  ): void;
  embedCodes(w: number, weightScales: number, tokens: number, rows: number, blocks: number, out: number): void;
  rmsNorm(x: number, rows: number, blocks: number, weight: number, reciprocal: number, eps: number, out: number): void;
  layerNorm(x: number, rows: number, columns: number, blocks: number, weight: number, bias: number, ones: number, reciprocal: number, eps: number, out: number): void;
  add(a: number, b: number, bytes: number, out: number): void;
  siluMul(gate: number, up: number, bytes: number, out: number): void;
  gelu(x: number, erf: number, bytes: number, out: number): void;
  rotate(
    x: number, rows: number, stride: number, heads: number, headDim: number, half: number, positions: number, cosines: number, sines: number, out: number,
  ): void;
  clearTails(x: number, rows: number, columns: number, stride: number): void;
  countNotFinite(x: number, rows: number, columns: number, stride: number): number;
  sequenceBytes(positions: number, kvHeads: number, dim: number): number;
  remember(
    layer: number, capacity: number, kvHeads: number, headDim: number, dim: number, k: number, v: number, rows: number, stride: number, slots: number, positions: number,
  ): void;
  attendScratchBytes(group: number, dim: number, capacity: number): number;
  attend(
    layer: number, capacity: number, kvHeads: number, headDim: number, dim: number, heads: number, window: number, scale: number,
    q: number, rows: number, stride: number, slots: number, positions: number, out: number, scratch: number,
  ): void;
}

/** A module and the first 12 hex digits of its sha256. */
interface CompiledKernels { readonly module: WebAssembly.Module; readonly sha256: string }

let compiled: Promise<CompiledKernels> | undefined;

/** kernels.wasm from beside this package, compiled on first use in this process. */
export function bundledKernels(): Promise<CompiledKernels> {
  compiled ??= readBundled().then(compileKernels);
  return compiled;
}

async function readBundled(): Promise<Uint8Array<ArrayBuffer>> {
  const { readFile } = await import('node:fs/promises');
  return new Uint8Array(await readFile(new URL('../wasm/kernels.wasm', import.meta.url)));
}

/** Compiles bytes that came from elsewhere (a page has them embedded). */
async function compileKernels(bytes: Uint8Array<ArrayBuffer>): Promise<CompiledKernels> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  const sha256 = Array.from(digest.subarray(0, 6), (byte) => byte.toString(16).padStart(2, '0')).join('');
  return { module: await WebAssembly.compile(bytes), sha256 };
}

/** An instance with a memory of its own; both go when the last reference does. */
export function instantiate(module: WebAssembly.Module): WasmKernels {
  return new WebAssembly.Instance(module).exports as unknown as WasmKernels;
}
