/**
 * Writes GGUF version 3, the file that llama.cpp loads: header, metadata, descriptions of the tensors, their bytes
 * (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md). Only the tensor types that the benchmark needs.
 *
 * Blocks of 32 weights along a row (ggml-quants.c, quantize_row_q4_0_ref and quantize_row_q8_0_ref):
 *   Q8_0  fp16 scale d = largest magnitude / 127, then 32 signed bytes round(x / d): 34 bytes.
 *   Q4_0  fp16 scale d = (the value of largest magnitude) / -8, then 16 bytes; byte j holds the codes trunc(x / d + 8.5), at most
 *         15, of weight j (low half) and j + 16 (high half): 18 bytes.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import { toFp16 } from '../../../kernels/half.ts';

export type GgufType = 'F32' | 'F16' | 'Q8_0' | 'Q4_0';

/** ggml's number of a type, weights of a block, bytes of a block. */
const TYPES: { readonly [type in GgufType]: { readonly id: number; readonly weights: number; readonly bytes: number } } = {
  F32: { id: 0, weights: 1, bytes: 4 },
  F16: { id: 1, weights: 1, bytes: 2 },
  Q4_0: { id: 2, weights: 32, bytes: 18 },
  Q8_0: { id: 8, weights: 32, bytes: 34 },
};

/** Each tensor's bytes begin at a multiple of this, the format's default. */
const ALIGNMENT = 32;

export interface GgufTensor {
  readonly name: string;
  /** Row-major, the fastest dimension last; GGUF lists it first. */
  readonly shape: readonly number[];
  readonly type: GgufType;
  /** Asked for when its turn comes, so that one tensor is in memory at a time. */
  values(): Float32Array;
}

/** A number is written as uint32, unless wrapped. */
export type GgufValue = string | number | { readonly float32: number };

/** Bytes that a tensor takes. Throws when a row is no whole number of blocks. */
export function ggufBytes({ name, shape, type }: Pick<GgufTensor, 'name' | 'shape' | 'type'>): number {
  const { weights, bytes } = TYPES[type];
  const columns = shape.at(-1) ?? 1;
  if (columns % weights !== 0) throw new RangeError(`${name}: rows of ${columns} weights; ${type} needs a multiple of ${weights}`);
  return (shape.reduce((product, size) => product * size, 1) / weights) * bytes;
}

/** Writes the file; an existing one is replaced. Bytes of all tensors are returned. */
export function writeGguf(path: string, metadata: ReadonlyMap<string, GgufValue>, tensors: readonly GgufTensor[]): number {
  const head = new Writer();
  head.raw(Buffer.from('GGUF'));
  head.u32(3);
  head.u64(tensors.length);
  head.u64(metadata.size);
  for (const [key, value] of metadata) {
    head.text(key);
    if (typeof value === 'string') { head.u32(8); head.text(value); }
    else if (typeof value === 'number') { head.u32(4); head.u32(value); }
    else { head.u32(6); head.f32(value.float32); }
  }
  let offset = 0;
  for (const tensor of tensors) {
    head.text(tensor.name);
    head.u32(tensor.shape.length);
    for (const size of [...tensor.shape].reverse()) head.u64(size);
    head.u32(TYPES[tensor.type].id);
    head.u64(offset);
    offset += aligned(ggufBytes(tensor));
  }
  const file = openSync(path, 'w');
  try {
    writeWhole(file, padded(head.bytes()));
    for (const { type, values } of tensors) writeWhole(file, padded(ggufEncode(type, values())));
  } finally {
    closeSync(file);
  }
  return offset;
}

/** The bytes of weights in a type. */
export function ggufEncode(type: GgufType, values: Float32Array): Uint8Array {
  if (type === 'F32') return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  if (type === 'F16') return new Uint8Array(toFp16(values).buffer);
  const { weights, bytes } = TYPES[type];
  const blocks = values.length / weights;
  const out = new Uint8Array(blocks * bytes);
  const scales = new Float32Array(blocks);
  const encodeBlock = type === 'Q8_0' ? q80Block : q40Block;
  for (let block = 0; block < blocks; block++) scales[block] = encodeBlock(values, block * weights, out, block * bytes + 2);
  const halves = toFp16(scales);
  for (let block = 0; block < blocks; block++) {
    out[block * bytes] = halves[block]! & 255;
    out[block * bytes + 1] = halves[block]! >>> 8;
  }
  return out;
}

/** Writes a block's codes and gives its scale. */
function q80Block(values: Float32Array, from: number, out: Uint8Array, to: number): number {
  let largest = 0;
  for (let i = 0; i < 32; i++) largest = Math.max(largest, Math.abs(values[from + i]!));
  const scale = Math.fround(largest / 127);
  const inverse = scale === 0 ? 0 : Math.fround(1 / scale);
  for (let i = 0; i < 32; i++) {
    const scaled = Math.fround(values[from + i]! * inverse);
    // roundf: halves away from zero, where Math.round takes them up.
    out[to + i] = Math.sign(scaled) * Math.floor(Math.abs(scaled) + 0.5);
  }
  return scale;
}

function q40Block(values: Float32Array, from: number, out: Uint8Array, to: number): number {
  let extreme = 0;
  for (let i = 0; i < 32; i++) if (Math.abs(values[from + i]!) > Math.abs(extreme)) extreme = values[from + i]!;
  const scale = Math.fround(extreme / -8);
  const inverse = scale === 0 ? 0 : Math.fround(1 / scale);
  const code = (i: number): number => Math.min(15, Math.trunc(Math.fround(Math.fround(values[from + i]! * inverse) + 8.5)));
  for (let i = 0; i < 16; i++) out[to + i] = code(i) | (code(i + 16) << 4);
  return scale;
}

const aligned = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

function padded(bytes: Uint8Array): Uint8Array {
  if (bytes.length % ALIGNMENT === 0) return bytes;
  const out = new Uint8Array(aligned(bytes.length));
  out.set(bytes);
  return out;
}

function writeWhole(file: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) done += writeSync(file, bytes, done);
}

/** Little-endian. */
class Writer {
  readonly #pieces: Buffer[] = [];
  raw(bytes: Buffer): void { this.#pieces.push(bytes); }
  u32(value: number): void { const b = Buffer.alloc(4); b.writeUInt32LE(value); this.raw(b); }
  u64(value: number): void { const b = Buffer.alloc(8); b.writeBigUInt64LE(BigInt(value)); this.raw(b); }
  f32(value: number): void { const b = Buffer.alloc(4); b.writeFloatLE(value); this.raw(b); }
  text(value: string): void { const b = Buffer.from(value); this.u64(b.length); this.raw(b); }
  bytes(): Buffer { return Buffer.concat(this.#pieces); }
}
