/** The built library in this process: loaded once, from a file that somebody names; never built or looked for on import. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { basename } from 'node:path';
import type { StatisticsExports } from '../statistics/native.ts';

/** A device of the library; opaque. */
export type NativeHandle = object;

/** What kernels/c/node.c exports. */
export interface NativeFunctions {
  open(instructionSet: string, threads: number): NativeHandle;
  close(device: NativeHandle): void;
  /** Of the library and of this processor, best first. */
  instructionSets(): string[];
  /** As instructionSets(), of the engine `fast`; may be empty. */
  fastInstructionSets(): string[];
  fp32(device: NativeHandle, values: Float32Array, out: number, inFeatures: number, copied: boolean): number;
  bits16(device: NativeHandle, bits: Uint16Array, out: number, inFeatures: number, isBf16: boolean): number;
  table4(device: NativeHandle, codes: Uint8Array, scales: Float32Array, table: Float32Array, blockSize: number, out: number, inFeatures: number, expanded: boolean): number;
  int8(device: NativeHandle, codes: Int8Array, scales: Float32Array, out: number, inFeatures: number): number;
  vector(device: NativeHandle, values: Float32Array, length: number): number;
  rotary(device: NativeHandle, cos: Float32Array, sin: Float32Array, positions: number, half: number): number;
  cache(device: NativeHandle, layers: number, slots: number, positions: number, kvHeads: number, headDim: number): number;
  freeCache(device: NativeHandle, handle: number): void;
  /** -1, or the first refusal as op * 2^32 + count. */
  run(device: NativeHandle, words: Int32Array, ops: number, lists: Int32Array, listLength: number, lines: number): number;
  /** How many values are not finite. */
  floats(device: NativeHandle, line: number, rows: number, cols: number, values: Float32Array): number;
  integers(device: NativeHandle, line: number, count: number, values: Int32Array): void;
  memory(device: NativeHandle, bytes: Float64Array): void;
  /** kernels/c/encode.h; `stored`: 0 fp32, 1 fp16, 2 bf16. 1: every value is finite. */
  encode4(values: Float32Array | Uint16Array, stored: number, block: number, bounds: Float32Array, order: Int32Array, codes: Uint8Array, absmax: Float32Array, threads: number): number;
  encode8(values: Float32Array | Uint16Array, stored: number, columns: number, codes: Int8Array, scales: Float32Array, threads: number): number;
  /** `to` null: only whether every value is finite. */
  convert(values: Float32Array | Uint16Array, stored: number, type: number, to: Float32Array | Uint16Array | null, threads: number): number;
  /** `kind`: 0 codes of a table, 1 rows of 8-bit codes, 2 plain numbers of `type`, whose scales and table are empty. */
  compare(values: Float32Array | Uint16Array, stored: number, kind: number, codes: Uint8Array | Int8Array | Float32Array | Uint16Array, scales: Float32Array, block: number, table: Float32Array, type: number, sums: Float64Array, threads: number): void;
  /** Row statistics in that instruction set. */
  statistics(instructionSet: string): StatisticsExports;
}

export interface NativeLibrary {
  readonly functions: NativeFunctions;
  /** First 12 hex digits of the file's sha256. */
  readonly sha256: string;
}

/** Names the library's file where nobody called useNativeLibrary: for plain scripts, tests and benches. */
export const LIBRARY_VARIABLE = 'BITWIDTH_NATIVE_LIBRARY';

let library: NativeLibrary | undefined;
let why: string | undefined;

/** Loads the library in `file` for this process; the file may be removed afterwards. Why it cannot be used, or undefined. */
export function useNativeLibrary(file: string): string | undefined {
  if (library !== undefined) return undefined;
  try {
    const bytes = readFileSync(file);
    const unfit = unfitLibrary(bytes);
    if (unfit !== undefined) throw new Error(unfit);
    const sha256 = createHash('sha256').update(bytes).digest('hex').slice(0, 12);
    const module: { exports: unknown } = { exports: {} };
    process.dlopen(module as NodeJS.Module, file, constants.dlopen.RTLD_NOW);
    if (typeof (module.exports as Partial<NativeFunctions>).instructionSets !== 'function') throw new Error('it is a module of another program');
    library = { functions: module.exports as NativeFunctions, sha256 };
    return (why = undefined);
  } catch (error) {
    // Without the folder, which whoever called knows: this is recorded and published, and a task's folder is another one each time.
    const [said = ''] = (error as Error).message.split('\n');
    return (why = `its library cannot be loaded: ${said.replaceAll(file, basename(file))}`);
  }
}

/** What can be seen of a library's bytes, and would end the process that loads it or be told in words that mislead; undefined where there is nothing. */
export function unfitLibrary(bytes: Buffer): string | undefined {
  if (isCutShort(bytes)) return 'the file ends too early';
  const other = otherProcessor(bytes);
  return other === undefined ? undefined : `it was built for another processor (${other}; this one is ${process.arch})`;
}

const isElf = (bytes: Buffer): boolean => bytes.length >= 64 && bytes.readUInt32BE(0) === 0x7f454c46;

/** Whether an ELF file ends before its table of sections, which linkers put last. Loading one crashes the process instead of failing. */
function isCutShort(bytes: Buffer): boolean {
  return isElf(bytes) && Number(bytes.readBigUInt64LE(0x28)) + bytes.readUInt16LE(0x3a) * bytes.readUInt16LE(0x3c) > bytes.length;
}

/** e_machine of an ELF file, by Node's name for it. */
const MACHINES: { readonly [machine: number]: string } = { 0x3e: 'x64', 0xb7: 'arm64', 0x03: 'ia32', 0x28: 'arm', 0xf3: 'riscv64', 0x15: 'ppc64', 0x16: 's390x' };

/** What an ELF file was built for, where that is not this processor: the system says only that it cannot be opened. */
function otherProcessor(bytes: Buffer): string | undefined {
  if (!isElf(bytes)) return undefined;
  const machine = MACHINES[bytes.readUInt16LE(0x12)];
  return machine === process.arch ? undefined : machine;
}

/** True once a library is loaded. */
export function hasNativeLibrary(): boolean {
  return library !== undefined;
}

/** There is no library, for this reason. */
export function noNativeLibrary(reason: string): void {
  if (library === undefined) why = reason;
}

/** The library, or why there is none. */
export function nativeLibrary(): NativeLibrary | string {
  const named = process.env[LIBRARY_VARIABLE];
  if (library === undefined && why === undefined && named && useNativeLibrary(named) !== undefined) why = `${why} (${LIBRARY_VARIABLE} names ${JSON.stringify(named)})`;
  return library ?? why ?? 'its library is not built yet; "npx bitwidth run" builds it, a script calls buildNative() and useNativeLibrary()';
}
