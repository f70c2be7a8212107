/**
 * Writing GGUF version 3, little-endian (ggml's docs/gguf.md): header, metadata, the places of the tensors, their bytes. In pieces, one tensor in
 * memory at a time. What is written can be read by kernels/gguf.ts, and no more of the format is used than that reads.
 */
import type { TensorEncoder } from './encoders.ts';

/** Whole numbers are written as uint32, lists of them as int32, as ggml's own writer has them. */
export type MetadataValue = string | boolean | number | { readonly float32: number } | { readonly texts: readonly string[] } | { readonly int32: readonly number[] };

export interface TensorToWrite {
  readonly name: string;
  /** Row-major, the last axis contiguous; the file has the reverse. */
  readonly shape: readonly number[];
  readonly encoder: TensorEncoder;
  /** Asked for when its turn comes. */
  values(): Float32Array;
}

export interface GgufFile {
  /** Of the whole file. */
  readonly bytes: number;
  /** Of the tensors, without what fills the room between them. */
  readonly weightBytes: number;
  /** The file, from its beginning. Throws what an encoder throws, with the tensor's name. */
  chunks(): Iterable<Uint8Array>;
}

/** The format's default, so the file does not say it. */
const ALIGNMENT = 32;
const TYPE = { uint32: 4, int32: 5, float32: 6, bool: 7, string: 8, array: 9 } as const;

/** Throws a RangeError for a tensor whose rows are no whole number of its type's blocks. Nothing is encoded yet. */
export function ggufFile(metadata: ReadonlyMap<string, MetadataValue>, tensors: readonly TensorToWrite[]): GgufFile {
  const head: Buffer[] = [Buffer.from('GGUF'), u32(3), u64(tensors.length), u64(metadata.size)];
  for (const [key, value] of metadata) head.push(text(key), ...valueBytes(value));
  let [offset, weightBytes] = [0, 0];
  for (const tensor of tensors) {
    const bytes = bytesOf(tensor);
    head.push(text(tensor.name), u32(tensor.shape.length), ...[...tensor.shape].reverse().map(u64), u32(tensor.encoder.type.id), u64(offset));
    offset += aligned(bytes);
    weightBytes += bytes;
  }
  const beginning = padded(Buffer.concat(head));
  return {
    bytes: beginning.length + offset, weightBytes,
    * chunks() {
      yield beginning;
      for (const tensor of tensors) yield padded(encoded(tensor));
    },
  };
}

function bytesOf({ name, shape, encoder: { type } }: TensorToWrite): number {
  const columns = shape.at(-1)!;
  if (columns % type.blockElements !== 0) throw new RangeError(`${name} has rows of ${columns} weights, which ${type.name} cannot cut into blocks of ${type.blockElements}`);
  return shape.reduce((product, size) => product * size, 1) / type.blockElements * type.blockBytes;
}

function encoded({ name, encoder, values }: TensorToWrite): Uint8Array {
  try {
    return encoder.encode(values());
  } catch (error) {
    if (error instanceof RangeError) throw new RangeError(`${name}: ${error.message}`);
    throw error;
  }
}

function valueBytes(value: MetadataValue): Buffer[] {
  if (typeof value === 'string') return [u32(TYPE.string), text(value)];
  if (typeof value === 'boolean') return [u32(TYPE.bool), Buffer.of(value ? 1 : 0)];
  if (typeof value === 'number') return [u32(TYPE.uint32), u32(value)];
  if ('float32' in value) return [u32(TYPE.float32), f32(value.float32)];
  if ('texts' in value) return [u32(TYPE.array), u32(TYPE.string), u64(value.texts.length), ...value.texts.map(text)];
  return [u32(TYPE.array), u32(TYPE.int32), u64(value.int32.length), Buffer.from(Int32Array.from(value.int32).buffer)];
}

const aligned = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

function padded(bytes: Uint8Array): Uint8Array {
  if (bytes.length % ALIGNMENT === 0) return bytes;
  const out = new Uint8Array(aligned(bytes.length));
  out.set(bytes);
  return out;
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function f32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return bytes;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([u64(bytes.length), bytes]);
}
