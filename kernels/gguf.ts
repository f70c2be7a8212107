/**
 * GGUF, read (ggml's docs/gguf.md; versions 2 and 3, little-endian): a header of metadata and of tensors' places, then their bytes. A file
 * is hostile until checked: whatever the header claims is held to the file's size before anything is made of it, names are data
 * (a Map's keys, never paths), and tensors lie one after another without overlap or room in between for what nobody looks at.
 */
import { sourceOf, type ByteSource } from './byte-source.ts';
import { Cursor, type Refuse } from './gguf/cursor.ts';
import { MOST_METADATA_VALUES, quoted, readMetadata, type GgufMetadata } from './gguf/metadata.ts';
import { tensorTypeOf, type TensorType } from './gguf/tensor-types.ts';

export type { GgufMetadata } from './gguf/metadata.ts';
export type { TensorType } from './gguf/tensor-types.ts';

export interface GgufTensor {
  readonly name: string;
  /** Row-major, the last axis contiguous: the reverse of the file's order. */
  readonly shape: readonly number[];
  readonly type: TensorType;
  readonly elements: number;
  readonly byteLength: number;
  /** Read anew each time. */
  readonly bytes: Uint8Array;
  /** They will be asked for next. */
  announce(): void;
}

export interface Gguf {
  readonly version: 2 | 3;
  readonly metadata: GgufMetadata;
  /** In the order of their bytes in the file. */
  readonly tensors: ReadonlyMap<string, GgufTensor>;
}

const MAGIC = 0x4655_4747; // 'GGUF'
const MOST_TENSORS = 65_536;
const LARGEST_NAME_BYTES = 4096;
const LARGEST_RANK = 4;
const DEFAULT_ALIGNMENT = 32;
const LARGEST_ALIGNMENT = 1 << 16;
/** Name, rank, one axis, type, offset. */
const LEAST_TENSOR_BYTES = 8 + 4 + 8 + 4 + 8;
/** Key, type, one byte of value. */
const LEAST_VALUE_BYTES = 8 + 4 + 1;

/** Whether a file that begins with these bytes calls itself GGUF. */
export function isGguf(start: Uint8Array): boolean {
  return start.length >= 4 && start[0] === 0x47 && start[1] === 0x47 && start[2] === 0x55 && start[3] === 0x46;
}

/** Reads the header. `where` names the file in errors; what they say: which value or tensor, what is wrong, what is allowed. */
export function readGguf(content: Uint8Array | ByteSource, where = 'GGUF'): Gguf {
  const source = sourceOf(content);
  const refuse: Refuse = (problem) => { throw new Error(`${where}: ${problem}`); };
  const cursor = new Cursor(source, refuse);
  if (source.bytes < 24) refuse(`${source.bytes} bytes; a file has at least 24`);
  if (cursor.u32('the magic') !== MAGIC) refuse('the file does not begin with "GGUF"');
  const version = cursor.u32('the version');
  if (version !== 2 && version !== 3) {
    return refuse(version === 0x0200_0000 || version === 0x0300_0000 ? 'the file is big-endian; convert it to little-endian' : `the version is ${version}; 2 and 3 can be read`);
  }
  const tensorCount = cursor.count('the number of tensors', LEAST_TENSOR_BYTES, MOST_TENSORS);
  const metadata = readMetadata(cursor, cursor.count('the number of metadata values', LEAST_VALUE_BYTES, MOST_METADATA_VALUES), source, refuse);
  const alignment = metadata.count('general.alignment') ?? DEFAULT_ALIGNMENT;
  if (alignment < 8 || alignment > LARGEST_ALIGNMENT || (alignment & (alignment - 1)) !== 0) refuse(`general.alignment is ${alignment}; it must be a power of two from 8 to ${LARGEST_ALIGNMENT}`);

  const places: Place[] = [];
  const names = new Set<string>();
  for (let i = 0; i < tensorCount; i++) {
    const place = readPlace(cursor, `tensor ${i + 1} of ${tensorCount}`, refuse);
    if (names.has(place.name)) refuse(`tensor ${quoted(place.name)} is there twice; each name may stand once`);
    names.add(place.name);
    places.push(place);
  }
  return { version, metadata, tensors: locate(places, aligned(cursor.position, alignment), alignment, source, refuse) };
}

interface Place { readonly name: string; readonly shape: readonly number[]; readonly type: TensorType; readonly elements: number; readonly byteLength: number; readonly offset: number }

function readPlace(cursor: Cursor, which: string, refuse: Refuse): Place {
  const name = cursor.text(`the name of ${which}`, LARGEST_NAME_BYTES);
  const where = `tensor ${quoted(name)}`;
  const rank = cursor.u32(`the rank of ${where}`);
  if (rank < 1 || rank > LARGEST_RANK) refuse(`${where} has ${rank} dimensions; 1 to ${LARGEST_RANK} are allowed`);
  const axes = Array.from({ length: rank }, (_, axis) => cursor.u64(`dimension ${axis + 1} of ${where}`));
  const type = tensorTypeOf(cursor.u32(`the type of ${where}`), where, refuse);
  const offset = cursor.u64(`the offset of ${where}`);
  // Products in whole numbers of any size: what overflows 64 bits would fit again.
  const elements = axes.reduce((product, size) => product * size, 1n);
  const shown = `[${axes.join(', ')}]`;
  if (elements === 0n) refuse(`${where} has the dimensions ${shown}, which hold nothing`);
  if (axes[0]! % BigInt(type.blockElements) !== 0n) refuse(`${where} has rows of ${axes[0]}, which ${type.name} cannot cut into blocks of ${type.blockElements}`);
  const byteLength = elements / BigInt(type.blockElements) * BigInt(type.blockBytes);
  const left = BigInt(cursor.bytesLeft);
  if (byteLength > left) refuse(`${where} of ${type.name} with the dimensions ${shown} needs ${byteLength} bytes, but only ${left} follow`);
  if (offset > left) refuse(`${where} begins at ${offset}, but only ${left} bytes follow`);
  return { name, type, shape: axes.map(Number).reverse(), elements: Number(elements), byteLength: Number(byteLength), offset: Number(offset) };
}

/** Holds each place to the end of the one before it, and the last to the end of the file. */
function locate(places: readonly Place[], dataStart: number, alignment: number, source: ByteSource, refuse: Refuse): Map<string, GgufTensor> {
  const tensors = new Map<string, GgufTensor>();
  let expected = 0;
  let end = 0;
  for (const { name, offset, ...place } of [...places].sort((a, b) => a.offset - b.offset)) {
    if (offset !== expected) {
      refuse(`tensor ${quoted(name)} begins at ${offset}; it must begin at ${expected}: tensors follow each other in steps of ${alignment}, without ${offset < end ? 'overlap' : 'holes'}`);
    }
    end = offset + place.byteLength;
    expected = aligned(end, alignment);
    if (dataStart + end > source.bytes) refuse(`tensor ${quoted(name)} ends at ${dataStart + end}, but the file has ${source.bytes} bytes; it is cut short`);
    tensors.set(name, { name, ...place, get bytes() { return source.read(dataStart + offset, place.byteLength); }, announce: () => source.readNext?.(dataStart + offset, place.byteLength) });
  }
  if (source.bytes > dataStart + expected) refuse(`${source.bytes - dataStart - expected} bytes follow the last tensor; none are allowed`);
  return tensors;
}

const aligned = (at: number, alignment: number): number => Math.ceil(at / alignment) * alignment;
