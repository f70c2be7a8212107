/**
 * A quantized model as one safetensors file: each linear weight's parts under `<tensor>.<part>`; format and shapes in the
 * metadata. Embeddings, norms and the output head are not in it: they stay in the checkpoint, in its own type.
 */
import type { ByteSource } from './byte-source.ts';
import type { Checkpoint } from './checkpoint.ts';
import { countNotFinite } from './finite.ts';
import { encodedBytes, formatNamed, type EncodedTensor, type Format, type FormatOptions, type Part } from './formats.ts';
import { DEFAULT_BLOCK_SIZE } from './formats/blockwise4.ts';
import { dropPartMemory, giveBackParts } from './formats/part-memory.ts';
import { elementsOf } from './formats/parts.ts';
import { NotFinite } from './ops.ts';
import { parseStrictJson } from './strict-json.ts';
import { elementsOfStored, planSafetensors, readSafetensors, type Dtype, type SafetensorsPlan, type StoredTensor } from './safetensors.ts';
import { errorsOf, type WeightErrors } from './weight-errors.ts';

/** What quantizing cost one tensor, against the checkpoint's values. */
export interface TensorError extends WeightErrors {
  readonly tensor: string;
  readonly weights: number;
  /** Bytes of all its parts. */
  readonly bytes: number;
}

export interface QuantizationReport {
  /** One per linear weight, in the order of `linearNames`. */
  readonly errors: readonly TensorError[];
  /** Every decoded weight has the bits of the checkpoint's, and products are taken with them: the format computes what the base computes. */
  readonly lossless: boolean;
  readonly linearWeights: number;
  readonly linearBytes: number;
}

export interface QuantizedModel extends QuantizationReport {
  /** The artifact: safetensors. Equal arguments give equal bytes. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Takes an artifact's bytes: each of them once, in any order. */
export interface ArtifactSink {
  /** Called first: how large the file will be. */
  begin(bytes: number): void;
  write(offset: number, bytes: Uint8Array): void;
}

/** The tensors of an artifact by name, which may be read when they are asked for. A Map is one. */
export interface Artifact {
  keys(): Iterable<string>;
  get(name: string): EncodedTensor | undefined;
}

const VERSION = '1';

const FLOAT_TYPES: Partial<Record<Dtype, 'fp32' | 'fp16' | 'bf16'>> = { F32: 'fp32', F16: 'fp16', BF16: 'bf16' };

/** quantizeTo() into memory. */
export function quantizeModel(checkpoint: Checkpoint, linearNames: readonly string[], format: Format, options: FormatOptions = {}): QuantizedModel {
  let file = new Uint8Array(0);
  const report = quantizeTo({
    begin: (bytes) => { file = new Uint8Array(bytes); },
    write: (offset, bytes) => file.set(bytes, offset),
  }, checkpoint, linearNames, format, options);
  return { bytes: file, ...report };
}

/**
 * Encodes the tensors named in `linearNames` (an architecture's linear layers but the head) in `format`, one after another: of none
 * but the one at work is there a copy in fp32. Throws when a name is missing or there twice, NotFinite when a value is not finite
 * or too large for the format; what was written until then is no artifact.
 */
export function quantizeTo(sink: ArtifactSink, checkpoint: Checkpoint, linearNames: readonly string[], format: Format, options: FormatOptions = {}): QuantizationReport {
  if (new Set(linearNames).size !== linearNames.length) throw new Error('a linear weight is named twice');
  const plan = planArtifact(checkpoint, linearNames, format, options);
  sink.begin(plan.bytes);
  sink.write(0, plan.head);
  const found = new Map<string, TensorError>();
  // As they lie in the files: who reads those may hash them on the way.
  const places = new Map(checkpoint.names.map((name, place) => [name, place]));
  const inFileOrder = [...linearNames].sort((a, b) => (places.get(a) ?? 0) - (places.get(b) ?? 0));
  for (const [at, name] of inFileOrder.entries()) {
    // Not looked at for what is not finite: encoding does.
    const original = checkpoint.stored(name, { unchecked: true });
    checkpoint.announce(inFileOrder[at + 1]);
    const encoded = encodeStored(original, format, options);
    found.set(name, { tensor: name, weights: elementsOf(original.shape), bytes: encodedBytes(encoded), ...errorsOf(original, encoded, format) });
    for (const { part } of format.layout) sink.write(plan.offsets.get(`${name}.${part}`)!, bytesOf(encoded.parts[part]!));
    checkpoint.release(original);
    giveBackParts(encoded);
  }
  dropPartMemory();
  const errors = linearNames.map((name) => found.get(name)!);
  const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
  return {
    errors,
    lossless: format.product === 'weights' && errors.every(({ lossless }) => lossless),
    linearWeights: sum(errors.map((error) => error.weights)),
    linearBytes: sum(errors.map((error) => error.bytes)),
  };
}

function planArtifact(checkpoint: Checkpoint, linearNames: readonly string[], format: Format, options: FormatOptions): SafetensorsPlan {
  const metadata = new Map([
    ['bitwidth.artifact', VERSION],
    ['bitwidth.format', format.name],
    ['bitwidth.shapes', JSON.stringify(Object.fromEntries(linearNames.map((name) => [name, checkpoint.shape(name)])))],
  ]);
  if (format.layout.some(({ perWeights }) => perWeights > 1)) metadata.set('bitwidth.block_size', String(options.blockSize ?? DEFAULT_BLOCK_SIZE));
  return planSafetensors(linearNames.flatMap((name) => {
    const lengths = format.partLengths(checkpoint.shape(name), options);
    return format.layout.map(({ part, dtype }) => ({ name: `${name}.${part}`, dtype, shape: [lengths[part]!] }));
  }), metadata);
}

/** Apart from its caller, so that the widened values are garbage when it has returned. */
function encodeStored(original: EncodedTensor, format: Format, options: FormatOptions): EncodedTensor {
  const { name, shape } = original;
  return format.encodeStored?.(original, options) ?? format.encode({ name, shape, values: formatNamed(original.format).decode(original) }, options);
}

/** Reads an artifact's header and lays its tensors out; each is read, and checked, when it is asked for. Throws what is wrong with the file. */
export function openArtifact(content: Uint8Array | ByteSource, where = 'artifact'): Artifact {
  const { metadata, tensors } = readSafetensors(content, where);
  const version = metadata.get('bitwidth.artifact');
  if (version !== VERSION) throw new Error(`${where}: the metadata names artifact version ${version ?? 'none'}; ${VERSION} can be read`);
  const format = formatNamed(metadata.get('bitwidth.format') ?? '');
  const shapes = readShapes(metadata.get('bitwidth.shapes') ?? '', where);
  const partNames = format.layout.map(({ part }) => part);
  if (tensors.size !== shapes.size * partNames.length) throw new Error(`${where}: ${tensors.size} parts; ${shapes.size} tensors of ${format.name} have ${partNames.join(', ')} each`);
  for (const name of shapes.keys()) {
    const missing = partNames.find((part) => !tensors.has(`${name}.${part}`));
    if (missing !== undefined) throw new Error(`${where}: ${name} has no part ${missing}; ${format.name} has ${partNames.join(', ')}`);
  }
  return {
    keys: () => shapes.keys(),
    get(name) {
      const shape = shapes.get(name);
      if (shape === undefined) return undefined;
      const parts = Object.fromEntries(partNames.map((part) => [part, checkedPart(tensors.get(`${name}.${part}`)!, where)]));
      return { name, format: format.name, shape, parts };
    },
  };
}

/** All tensors of an artifact, sharing its memory where alignment allows. Throws as openArtifact(), and when a scale is not finite. */
export function readArtifact(content: Uint8Array | ByteSource, where = 'artifact'): Map<string, EncodedTensor> {
  const artifact = openArtifact(content, where);
  return new Map(Array.from(artifact.keys(), (name) => [name, artifact.get(name)!]));
}

function checkedPart(stored: StoredTensor, where: string): Part {
  const elements = elementsOfStored(stored);
  if (elements instanceof Int32Array) throw new Error(`${where}: ${stored.name} is I32; no part is`);
  const type = FLOAT_TYPES[stored.dtype];
  const bad = type === undefined ? 0 : countNotFinite(elements as Float32Array | Uint16Array, type);
  if (bad > 0) throw new NotFinite(`${where}: ${stored.name}`, bad);
  return elements;
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

/** The bytes of an array in memory: little-endian on every platform that Node supports. */
const bytesOf = (elements: Part): Uint8Array => new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength);
