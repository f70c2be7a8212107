/**
 * safetensors, read and written: 8 bytes little-endian length, a JSON header, the tensors' bytes
 * (https://github.com/huggingface/safetensors, "Format"). A file is hostile until checked: nothing is allocated or looked at beyond
 * what has been proved to lie inside it, names are data (a Map's keys, never paths), and a tensor's bytes are read when they are asked
 * for: views of a file in memory, read from one on a disk.
 */
import { sourceOf, type ByteSource } from './byte-source.ts';
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

/** A tensor and its bytes, little-endian, row-major. */
export interface StoredTensor {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** A tensor in a file, whose `bytes` are read anew each time that they are asked for. */
export interface LocatedTensor extends StoredTensor {
  readonly byteLength: number;
  /** Its bytes will be asked for next. */
  announce(): void;
}

export interface Safetensors {
  readonly metadata: ReadonlyMap<string, string>;
  /** In the order of their bytes in the file. */
  readonly tensors: ReadonlyMap<string, LocatedTensor>;
}

/** Reads the header. `where` names the file in errors; what they say: which tensor, what is wrong, what is allowed. */
export function readSafetensors(content: Uint8Array | ByteSource, where = 'safetensors'): Safetensors {
  const refuse = (problem: string): never => { throw new Error(`${where}: ${problem}`); };
  const file = sourceOf(content);
  if (file.bytes < 8) refuse(`${file.bytes} bytes; a file has at least 8`);
  const start = file.read(0, 8);
  const headerBytes = new DataView(start.buffer, start.byteOffset, 8).getBigUint64(0, true);
  if (headerBytes > BigInt(LARGEST_HEADER_BYTES)) refuse(`the header claims ${headerBytes} bytes; at most ${LARGEST_HEADER_BYTES} are allowed`);
  if (headerBytes > BigInt(file.bytes - 8)) refuse(`the header claims ${headerBytes} bytes, but only ${file.bytes - 8} follow; the file is cut short or no safetensors file`);
  const dataStart = 8 + Number(headerBytes);
  const headerText = file.read(8, Number(headerBytes));
  if (headerText[0] !== 0x7b) refuse('the header does not start with {');
  const header = parseStrictJson(headerText, `${where}: the header`);
  if (!isObject(header)) return refuse('the header is not a JSON object');

  const dataBytes = file.bytes - dataStart;
  const entries: Entry[] = [];
  let metadata: ReadonlyMap<string, string> = new Map();
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') metadata = checkedMetadata(value, refuse);
    else entries.push(checkedEntry(name, value, dataBytes, refuse));
  }

  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  const tensors = new Map<string, LocatedTensor>();
  let covered = 0;
  for (const { name, dtype, shape, begin, end } of entries) {
    if (begin !== covered) refuse(`tensor ${quoted(name)} begins at ${begin}, but ${begin < covered ? 'the tensor before it ends' : 'the bytes before it are taken up to'} ${covered}; tensors follow each other without ${begin < covered ? 'overlap' : 'holes'}`);
    covered = end;
    tensors.set(name, { name, dtype, shape, byteLength: end - begin, get bytes() { return file.read(dataStart + begin, end - begin); }, announce: () => file.readNext?.(dataStart + begin, end - begin) });
  }
  if (covered !== dataBytes) refuse(`${dataBytes - covered} bytes follow the last tensor; none are allowed`);
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

/** Little-endian bytes as a typed array: a view where their alignment allows. */
export function viewAs<T>(type: { new (buffer: ArrayBufferLike, offset: number, length: number): T; readonly BYTES_PER_ELEMENT: number }, bytes: Uint8Array): T {
  const aligned = bytes.byteOffset % type.BYTES_PER_ELEMENT === 0 ? bytes : new Uint8Array(bytes); // Buffer's slice() would not copy
  return new type(aligned.buffer, aligned.byteOffset, aligned.byteLength / type.BYTES_PER_ELEMENT);
}

/** Where everything of a file will lie, known before the bytes of any tensor are. */
export interface SafetensorsPlan {
  /** Of the whole file. */
  readonly bytes: number;
  /** What the file begins with. */
  readonly head: Uint8Array<ArrayBuffer>;
  /** Tensor -> where its bytes begin in the file. */
  readonly offsets: ReadonlyMap<string, number>;
}

/**
 * A file that depends only on the arguments' values: metadata by key, tensors by element size (so that each stays aligned),
 * then name; the header is padded with spaces to 8 bytes. Throws on equal names.
 */
export function planSafetensors(tensors: Iterable<Omit<StoredTensor, 'bytes'>>, metadata: ReadonlyMap<string, string> = new Map()): SafetensorsPlan {
  const sorted = [...tensors].sort((a, b) => BYTES_OF[b.dtype] - BYTES_OF[a.dtype] || compare(a.name, b.name));
  // Built as text, because an object puts keys that look like numbers first and takes __proto__ for its own.
  const entries: string[] = [];
  if (metadata.size > 0) {
    const pairs = [...metadata].sort(([a], [b]) => compare(a, b)).map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
    entries.push(`"__metadata__":{${pairs.join(',')}}`);
  }
  const begins = new Map<string, number>();
  let offset = 0;
  for (const { name, dtype, shape } of sorted) {
    if (name === '__metadata__' || begins.has(name)) throw new Error(`tensor ${quoted(name)} cannot be written: the name is ${name === '__metadata__' ? 'reserved' : 'there twice'}`);
    const end = offset + bytesNeeded(dtype, shape);
    entries.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [offset, end] })}`);
    begins.set(name, offset);
    offset = end;
  }
  const header = new TextEncoder().encode(`{${entries.join(',')}}`);
  const head = new Uint8Array(8 + Math.ceil(header.length / 8) * 8).fill(0x20);
  new DataView(head.buffer).setBigUint64(0, BigInt(head.length - 8), true);
  head.set(header, 8);
  return { bytes: head.length + offset, head, offsets: new Map([...begins].map(([name, begin]) => [name, head.length + begin])) };
}

/** Writes a planned file in memory. Throws on bytes that do not fit a shape, and as planSafetensors() does. */
export function writeSafetensors(tensors: Iterable<StoredTensor>, metadata?: ReadonlyMap<string, string>): Uint8Array<ArrayBuffer> {
  const all = [...tensors];
  const { bytes, head, offsets } = planSafetensors(all, metadata);
  const misfit = all.find((tensor) => tensor.bytes.length !== bytesNeeded(tensor.dtype, tensor.shape));
  if (misfit) throw new Error(`tensor ${quoted(misfit.name)} has ${misfit.bytes.length} bytes, but ${misfit.dtype} of shape ${quoted(misfit.shape)} needs ${bytesNeeded(misfit.dtype, misfit.shape)}`);
  const file = new Uint8Array(bytes);
  file.set(head);
  for (const tensor of all) file.set(tensor.bytes, offsets.get(tensor.name)!);
  return file;
}

const bytesNeeded = (dtype: Dtype, shape: readonly number[]): number => shape.reduce((product, size) => product * size, BYTES_OF[dtype]);

/** By UTF-16 code unit: the same in every locale. */
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
