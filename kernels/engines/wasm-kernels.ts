/**
 * The compiled kernels (kernels/wasm): the exports of kernels.wasm, compiled once per process, one instance per thread of an engine.
 */

/** Addresses and byte counts are bytes in linear memory. kernels/wasm/assembly says what each does. */
export interface WasmKernels {
  readonly memory: WebAssembly.Memory;
  packRows(x: number, rows: number, blocks: number, packed: number): void;
  packWeight(x: number, first: number, rows: number, blocks: number, packed: number): void;
  packHalves(x: number, first: number, rows: number, blocks: number, packed: number): void;
  packCodes4(x: number, first: number, rows: number, blocks: number, packed: number): void;
  packCodes(x: number, first: number, rows: number, blocks: number, packed: number): void;
  moveExponents(packed: number, bytes: number): void;
  quantizeRow(x: number, blocks: number, row: number): void;
  sequenceBytes(positions: number, kvHeads: number, dim: number): number;
  countNotFinite(x: number, rows: number, columns: number, stride: number): number;
  preparedBytesOf(words: number, ops: number): number;
  scratchBytesOf(words: number, ops: number): number;
  stateBytesOf(ops: number): number;
  runProgram(
    words: number, ops: number, lists: number, workspace: number, state: number, prepared: number, scratch: number, scratchBytes: number, threads: number,
  ): number;
  refusedCount(): number;
  stop(): void;
}

/** Answers of runProgram() that are not ops. */
export const FINISHED = -1;
export const LOST = -2;

/** WebAssembly addresses are 32 bits wide. */
export const MOST_PAGES = 65536;

/** The module for memory that threads share or one has alone, and the first 12 hex digits of the file's sha256. */
export interface CompiledKernels { readonly module: WebAssembly.Module; readonly shared: boolean; readonly sha256: string }

let bytes: Promise<Uint8Array<ArrayBuffer>> | undefined;
const compiled = new Map<boolean, Promise<CompiledKernels>>();

/** kernels.wasm from beside this package, compiled on first use in this process. */
export function bundledKernels(shared: boolean): Promise<CompiledKernels> {
  bytes ??= readBundled();
  let kernels = compiled.get(shared);
  if (kernels === undefined) compiled.set(shared, (kernels = bytes.then((file) => compileKernels(file, shared))));
  return kernels;
}

/** In a page, which has them in its program: the bytes of kernels.wasm. Before the first engine is opened. */
export function useKernels(file: Uint8Array<ArrayBuffer>): void {
  bytes = Promise.resolve(file);
}

async function readBundled(): Promise<Uint8Array<ArrayBuffer>> {
  const { readFile } = await import('node:fs/promises');
  return new Uint8Array(await readFile(new URL('../wasm/kernels.wasm', import.meta.url)));
}

/** Compiles bytes that came from elsewhere (a page has them embedded). */
async function compileKernels(file: Uint8Array<ArrayBuffer>, shared: boolean): Promise<CompiledKernels> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', file));
  const sha256 = Array.from(digest.subarray(0, 6), (byte) => byte.toString(16).padStart(2, '0')).join('');
  return { module: await WebAssembly.compile(shared ? file : forOneThread(file)), shared, sha256 };
}

const ascii = (text: string): number[] => Array.from(text, (letter) => letter.charCodeAt(0));

/** The import of env.memory: names with their lengths, kind 2, then the flags of its limits: 3, shared and with a maximum. */
const MEMORY_IMPORT = [3, ...ascii('env'), 6, ...ascii('memory'), 2, 3];
/** Not shared, with a maximum. */
const ONE_THREAD = 1;

/**
 * The same code with a memory that is not shared, which a page has without special headers: the flag is the only byte that differs,
 * and atomic operations are allowed on such a memory.
 */
function forOneThread(file: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const changed = file.slice();
  const at = changed.findIndex((_, from) => MEMORY_IMPORT.every((byte, i) => changed[from + i] === byte));
  if (at < 0) throw new Error('kernels.wasm does not import a shared memory; npm run build in kernels/wasm makes it anew');
  changed[at + MEMORY_IMPORT.length - 1] = ONE_THREAD;
  return changed;
}

/** An instance with a memory of its own; both go when the last reference does. */
export function instantiate<Kernels extends { readonly memory: WebAssembly.Memory } = WasmKernels>({ module, shared }: CompiledKernels): Kernels {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: MOST_PAGES, shared });
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  return { ...exports, memory } as unknown as Kernels;
}
