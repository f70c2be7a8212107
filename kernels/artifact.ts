/**
 * A quantized model as one safetensors file: each linear weight's parts under `<tensor>.<part>`; format and shapes in the
 * metadata. Embeddings, norms and the output head are not in it: they stay in the checkpoint, in its own type.
 */
import { createHash } from 'node:crypto';
import type { Checkpoint } from './checkpoint.ts';
import { countNotFinite } from './finite.ts';
import { encodedBytes, formatNamed, type EncodedTensor, type Format, type FormatOptions, type Part } from './formats.ts';
import { DEFAULT_BLOCK_SIZE } from './formats/blockwise4.ts';
import { elementsOf } from './formats/parts.ts';
import { NotFinite } from './ops.ts';
import { parseStrictJson } from './strict-json.ts';
import { elementsOfStored, readSafetensors, writeSafetensors, type Dtype, type StoredTensor } from './safetensors.ts';

/** What quantizing cost one tensor. Errors are float64 sums in index order, against the checkpoint's values. */
export interface TensorError {
  readonly tensor: string;
  readonly weights: number;
  /** Bytes of all its parts. */
  readonly bytes: number;
  /** rms(decoded - original) / rms(original); 0 for a tensor of zeros. */
  readonly relativeRmsError: number;
  readonly maxAbsError: number;
}

export interface QuantizedModel {
  /** The artifact: safetensors. Equal arguments give equal bytes. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** One per linear weight, in the order of `linearNames`. */
  readonly errors: readonly TensorError[];
  /** Over the kind of product and every decoded fp32 value: formats of equal hash compute the same. */
  readonly decodedSha256: string;
  readonly linearWeights: number;
  readonly linearBytes: number;
  readonly otherWeights: number;
  readonly otherBytes: number;
}

const VERSION = '1';

const FLOAT_TYPES: Partial<Record<Dtype, 'fp32' | 'fp16' | 'bf16'>> = { F32: 'fp32', F16: 'fp16', BF16: 'bf16' };

/**
 * Encodes the tensors named in `linearNames` (an architecture's linear layers but the head) in `format`. Throws when a name is
 * missing or there twice, NotFinite when a value is not finite or too large for the format.
 */
export function quantizeModel(checkpoint: Checkpoint, linearNames: readonly string[], format: Format, options: FormatOptions = {}): QuantizedModel {
  const linear = new Set(linearNames);
  if (linear.size !== linearNames.length) throw new Error('a linear weight is named twice');
  const hash = createHash('sha256').update(`${format.product}\n`);
  const stored: StoredTensor[] = [];
  const errors: TensorError[] = [];
  for (const name of linearNames) {
    const original = checkpoint.tensor(name);
    const encoded = format.encode(original, options);
    const decoded = format.decode(encoded);
    hash.update(`${JSON.stringify([name, original.shape])}\n`).update(bytesOf(decoded));
    errors.push({ tensor: name, weights: decoded.length, bytes: encodedBytes(encoded), ...errorOf(original.values, decoded) });
    for (const [part, elements] of Object.entries(encoded.parts)) {
      stored.push({ name: `${name}.${part}`, dtype: dtypeOf(elements, format.name), shape: [elements.length], bytes: bytesOf(elements) });
    }
  }
  const others = checkpoint.names.filter((name) => !linear.has(name));
  const shapes = Object.fromEntries(linearNames.map((name) => [name, checkpoint.shape(name)]));
  const metadata = new Map([
    ['bitwidth.artifact', VERSION],
    ['bitwidth.format', format.name],
    ['bitwidth.shapes', JSON.stringify(shapes)],
  ]);
  if (format.layout.some(({ perWeights }) => perWeights > 1)) metadata.set('bitwidth.block_size', String(options.blockSize ?? DEFAULT_BLOCK_SIZE));
  const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
  return {
    bytes: writeSafetensors(stored, metadata),
    errors,
    decodedSha256: hash.digest('hex'),
    linearWeights: sum(errors.map((error) => error.weights)),
    linearBytes: sum(errors.map((error) => error.bytes)),
    otherWeights: sum(others.map((name) => elementsOf(checkpoint.shape(name)))),
    otherBytes: sum(others.map((name) => checkpoint.storedBytes(name))),
  };
}

/** The tensors of an artifact by name, sharing its memory where alignment allows. Throws what is wrong with the file. */
export function readArtifact(file: Uint8Array, where = 'artifact'): Map<string, EncodedTensor> {
  const { metadata, tensors } = readSafetensors(file, where);
  const version = metadata.get('bitwidth.artifact');
  if (version !== VERSION) throw new Error(`${where}: the metadata names artifact version ${version ?? 'none'}; ${VERSION} can be read`);
  const format = formatNamed(metadata.get('bitwidth.format') ?? '');
  const shapes = readShapes(metadata.get('bitwidth.shapes') ?? '', where);
  const partNames = format.layout.map(({ part }) => part);
  if (tensors.size !== shapes.size * partNames.length) throw new Error(`${where}: ${tensors.size} parts; ${shapes.size} tensors of ${format.name} have ${partNames.join(', ')} each`);
  const encoded = new Map<string, EncodedTensor>();
  for (const [name, shape] of shapes) {
    const parts: Record<string, Part> = {};
    for (const part of partNames) {
      const stored = tensors.get(`${name}.${part}`);
      if (stored === undefined) throw new Error(`${where}: ${name} has no part ${part}; ${format.name} has ${partNames.join(', ')}`);
      const elements = elementsOfStored(stored);
      if (elements instanceof Int32Array) throw new Error(`${where}: ${name}.${part} is I32; no part is`);
      const type = FLOAT_TYPES[stored.dtype];
      const bad = type === undefined ? 0 : countNotFinite(elements as Float32Array | Uint16Array, type);
      if (bad > 0) throw new NotFinite(`${where}: ${name}.${part}`, bad);
      parts[part] = elements;
    }
    encoded.set(name, { name, format: format.name, shape, parts });
  }
  return encoded;
}

function readShapes(json: string, where: string): Map<string, number[]> {
  const value = parseStrictJson(new TextEncoder().encode(json), `${where}: bitwidth.shapes`);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error(`${where}: bitwidth.shapes is not an object of shapes`);
  const shapes = new Map<string, number[]>();
  for (const [name, shape] of Object.entries(value)) {
    if (!Array.isArray(shape) || !shape.every((size) => Number.isSafeInteger(size) && size >= 0)) throw new Error(`${where}: the shape of ${JSON.stringify(name)} is not a list of whole numbers from 0`);
    shapes.set(name, shape as number[]);
  }
  return shapes;
}

function errorOf(original: Float32Array, decoded: Float32Array): { relativeRmsError: number; maxAbsError: number } {
  let squares = 0;
  let errorSquares = 0;
  let maxAbsError = 0;
  for (let i = 0; i < original.length; i++) {
    const error = Math.abs(decoded[i]! - original[i]!);
    squares += original[i]! * original[i]!;
    errorSquares += error * error;
    if (error > maxAbsError) maxAbsError = error;
  }
  return { relativeRmsError: squares === 0 ? 0 : Math.sqrt(errorSquares / squares), maxAbsError };
}

function dtypeOf(elements: Part, format: string): Dtype {
  if (elements instanceof Float32Array) return 'F32';
  if (elements instanceof Uint16Array) return format === 'bf16' ? 'BF16' : format === 'fp16' ? 'F16' : 'U16';
  return elements instanceof Int8Array ? 'I8' : 'U8';
}

/** The bytes of an array in memory: little-endian on every platform that Node supports. */
const bytesOf = (elements: Part): Uint8Array => new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength);
