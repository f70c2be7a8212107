/**
 * safetensors, read and written: 8 bytes little-endian length, a JSON header, the tensors' bytes
 * (https://github.com/huggingface/safetensors, "Format"). A file is hostile until checked: nothing is allocated or looked at beyond
 * what has been proved to lie inside it, names are data (a Map's keys, never paths), and tensors are views, not copies.
 */
import type { Part } from './formats.ts';
import { parseStrictJson } from './strict-json.ts';

const BYTES_OF = {
  F64: 8, F32: 4, F16: 2, BF16: 2, F8_E4M3: 1, F8_E5M2: 1,
  I64: 8, I32: 4, I16: 2, I8: 1, U64: 8, U32: 4, U16: 2, U8: 1, BOOL: 1,
} as const;

export type Dtype = keyof typeof BYTES_OF;

/** As the reference implementation: a longer header is refused. */
const LARGEST_HEADER_BYTES = 100_000_000;
const LARGEST_RANK = 16;

/** A tensor in a file: `bytes` is a view of it, little-endian, row-major. */
export interface StoredTensor {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

export interface Safetensors {
  readonly metadata: ReadonlyMap<string, string>;
  /** In the order of their bytes in the file. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

/** Reads a whole file. `where` names it in errors; what they say: which tensor, what is wrong, what is allowed. */
export function readSafetensors(file: Uint8Array, where = 'safetensors'): Safetensors {
  const refuse = (problem: string): never => { throw new Error(`${where}: ${problem}`); };
  if (file.length < 8) refuse(`${file.length} bytes; a file has at least 8`);
  const headerBytes = new DataView(file.buffer, file.byteOffset, 8).getBigUint64(0, true);
  if (headerBytes > BigInt(LARGEST_HEADER_BYTES)) refuse(`the header claims ${headerBytes} bytes; at most ${LARGEST_HEADER_BYTES} are allowed`);
  if (headerBytes > BigInt(file.length - 8)) refuse(`the header claims ${headerBytes} bytes, but only ${file.length - 8} follow; the file is cut short or no safetensors file`);
  const dataStart = 8 + Number(headerBytes);
  if (file[8] !== 0x7b) refuse('the header does not start with {');
  const header = parseStrictJson(file.subarray(8, dataStart), `${where}: the header`);
  if (!isObject(header)) return refuse('the header is not a JSON object');

  const data = file.subarray(dataStart);
  const entries: Entry[] = [];
  let metadata: ReadonlyMap<string, string> = new Map();
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') metadata = checkedMetadata(value, refuse);
    else entries.push(checkedEntry(name, value, data.length, refuse));
  }

  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  const tensors = new Map<string, StoredTensor>();
  let covered = 0;
  for (const { name, dtype, shape, begin, end } of entries) {
    if (begin !== covered) refuse(`tensor ${quoted(name)} begins at ${begin}, but ${begin < covered ? 'the tensor before it ends' : 'the bytes before it are taken up to'} ${covered}; tensors follow each other without ${begin < covered ? 'overlap' : 'holes'}`);
    covered = end;
    tensors.set(name, { name, dtype, shape, bytes: data.subarray(begin, end) });
  }
  if (covered !== data.length) refuse(`${data.length - covered} bytes follow the last tensor; none are allowed`);
  return { metadata, tensors };
}

interface Entry { readonly name: string; readonly dtype: Dtype; readonly shape: readonly number[]; readonly begin: number; readonly end: number }

type Refuse = (problem: string) => never;

function checkedEntry(name: string, value: unknown, dataBytes: number, refuse: Refuse): Entry {
  const where = `tensor ${quoted(name)}`;
  if (!isObject(value)) return refuse(`${where} is not an object; it needs dtype, shape, data_offsets`);
  for (const key of Object.keys(value)) if (!['dtype', 'shape', 'data_offsets'].includes(key)) refuse(`${where} has ${quoted(key)}; allowed are dtype, shape, data_offsets`);
  const { dtype, shape, data_offsets: offsets } = value;
  if (!isDtype(dtype)) return refuse(`${where} has the dtype ${quoted(dtype)}; allowed are ${Object.keys(BYTES_OF).join(', ')}`);
  if (!isCounts(shape) || shape.length > LARGEST_RANK) return refuse(`${where} has the shape ${quoted(shape)}; allowed are at most ${LARGEST_RANK} whole numbers from 0`);
  if (!isCounts(offsets) || offsets.length !== 2) return refuse(`${where} has the data_offsets ${quoted(offsets)}; allowed are two whole numbers from 0`);
  const [begin, end] = offsets as [number, number];
  if (begin > end) refuse(`${where} ends at ${end}, before it begins at ${begin}`);
  if (end > dataBytes) refuse(`${where} ends at ${end}, but the file has ${dataBytes} bytes of data`);
  const needed = shape.reduce((bytes, size) => bytes * BigInt(size), BigInt(BYTES_OF[dtype]));
  if (needed !== BigInt(end - begin)) refuse(`${where} is given ${end - begin} bytes, but ${dtype} of shape ${quoted(shape)} needs ${needed}`);
  return { name, dtype, shape, begin, end };
}

function checkedMetadata(value: unknown, refuse: Refuse): Map<string, string> {
  if (!isObject(value)) return refuse('__metadata__ is not an object of strings');
  const metadata = new Map<string, string>();
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') return refuse(`__metadata__ ${quoted(key)} is not a string; only strings are allowed`);
    metadata.set(key, text);
  }
  return metadata;
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
const isCounts = (value: unknown): value is number[] => Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && !Object.is(size, -0) && size >= 0);
const isDtype = (value: unknown): value is Dtype => typeof value === 'string' && Object.hasOwn(BYTES_OF, value);

/** A value from the file as JSON, cut to a length that fits a message. */
function quoted(value: unknown): string {
  let text: string;
  try {
    text = JSON.stringify(value) ?? 'undefined';
  } catch {
    text = 'a value nested too deeply to show';
  }
  return text.length > 120 ? `${text.slice(0, 117)}...` : text;
}

/**
 * The elements as a typed array: fp16 and bf16 as their bits. Without a copy where the file's alignment allows.
 * Throws for types that no format stores.
 */
export function elementsOfStored(tensor: StoredTensor): Part | Int32Array {
  switch (tensor.dtype) {
    case 'F32': return viewAs(Float32Array, tensor.bytes);
    case 'F16': case 'BF16': case 'U16': return viewAs(Uint16Array, tensor.bytes);
    case 'U8': return viewAs(Uint8Array, tensor.bytes);
    case 'I8': return viewAs(Int8Array, tensor.bytes);
    case 'I32': return viewAs(Int32Array, tensor.bytes);
    default: throw new Error(`tensor ${quoted(tensor.name)} has the dtype ${tensor.dtype}; F32, F16, BF16, U16, U8, I8, I32 can be read`);
  }
}

function viewAs<T>(type: { new (buffer: ArrayBufferLike, offset: number, length: number): T; readonly BYTES_PER_ELEMENT: number }, bytes: Uint8Array): T {
  const aligned = bytes.byteOffset % type.BYTES_PER_ELEMENT === 0 ? bytes : new Uint8Array(bytes); // Buffer's slice() would not copy
  return new type(aligned.buffer, aligned.byteOffset, aligned.byteLength / type.BYTES_PER_ELEMENT);
}

/**
 * Writes a file whose bytes depend only on the arguments' values: metadata by key, tensors by element size (so that each stays
 * aligned), then name; the header is padded with spaces to 8 bytes. Throws on equal names and on bytes that do not fit a shape.
 */
export function writeSafetensors(tensors: Iterable<StoredTensor>, metadata: ReadonlyMap<string, string> = new Map()): Uint8Array<ArrayBuffer> {
  const sorted = [...tensors].sort((a, b) => BYTES_OF[b.dtype] - BYTES_OF[a.dtype] || compare(a.name, b.name));
  // Built as text, because an object puts keys that look like numbers first and takes __proto__ for its own.
  const entries: string[] = [];
  if (metadata.size > 0) {
    const pairs = [...metadata].sort(([a], [b]) => compare(a, b)).map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
    entries.push(`"__metadata__":{${pairs.join(',')}}`);
  }
  const names = new Set(['__metadata__']);
  let offset = 0;
  for (const { name, dtype, shape, bytes } of sorted) {
    if (names.has(name)) throw new Error(`tensor ${quoted(name)} cannot be written: the name is ${name === '__metadata__' ? 'reserved' : 'there twice'}`);
    names.add(name);
    const needed = shape.reduce((product, size) => product * size, BYTES_OF[dtype]);
    if (bytes.length !== needed) throw new Error(`tensor ${quoted(name)} has ${bytes.length} bytes, but ${dtype} of shape ${quoted(shape)} needs ${needed}`);
    entries.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [offset, offset + bytes.length] })}`);
    offset += bytes.length;
  }
  const header = new TextEncoder().encode(`{${entries.join(',')}}`);
  const headerBytes = Math.ceil(header.length / 8) * 8;
  const file = new Uint8Array(8 + headerBytes + offset);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerBytes), true);
  file.fill(0x20, 8 + header.length, 8 + headerBytes);
  file.set(header, 8);
  let at = 8 + headerBytes;
  for (const { bytes } of sorted) {
    file.set(bytes, at);
    at += bytes.length;
  }
  return file;
}

/** By UTF-16 code unit: the same in every locale. */
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
