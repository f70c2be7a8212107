/**
 * A checkpoint as it is published: config.json and one or more safetensors files (Hugging Face layout). Weights are checked when
 * they are first asked for: a model with a value that is not finite is refused with the tensor's name.
 */
import { countNotFinite } from './finite.ts';
import { formatNamed, type EncodedTensor, type PlainTensor } from './formats.ts';
import { NotFinite } from './ops.ts';
import { parseStrictJson } from './strict-json.ts';
import { elementsOfStored, readSafetensors, type Dtype, type StoredTensor } from './safetensors.ts';

export interface CheckpointFiles {
  /** config.json. */
  readonly config: Uint8Array;
  /** model.safetensors, or its shards in any order. */
  readonly weights: Uint8Array | readonly Uint8Array[];
}

export interface Checkpoint {
  /** The config's model_type: 'llama'. */
  readonly architecture: string;
  /** config.json, parsed. The architecture checks what it needs of it. */
  readonly config: Readonly<Record<string, unknown>>;
  /** The type that most weights are stored in: what `base` means for this model. */
  readonly baseFormat: 'fp32' | 'fp16' | 'bf16';
  readonly names: readonly string[];
  has(name: string): boolean;
  shape(name: string): readonly number[];
  /** The tensor widened to fp32, exactly. Throws when it is missing, not of a floating type, or not finite. */
  tensor(name: string): PlainTensor;
  /** The tensor in the checkpoint's own type, sharing the file's memory where alignment allows. Throws as tensor() does. */
  stored(name: string): EncodedTensor;
  /** Bytes that the tensor takes in the file. */
  storedBytes(name: string): number;
}

const LARGEST_CONFIG_BYTES = 1_000_000;

/** The format that a safetensors type is, and its part. */
const FORMAT_OF: Partial<Record<Dtype, { readonly format: Checkpoint['baseFormat']; readonly part: string }>> = {
  F32: { format: 'fp32', part: 'values' },
  F16: { format: 'fp16', part: 'bits' },
  BF16: { format: 'bf16', part: 'bits' },
};

/** Reads both headers; throws what is wrong with them. Nothing is widened or copied yet. */
export function openCheckpoint(files: CheckpointFiles): Checkpoint {
  const config = readConfig(files.config);
  const architecture = config['model_type'];
  if (typeof architecture !== 'string') throw new Error('config.json: model_type is missing; it names the architecture, for example "llama"');
  const tensors = readShards(files.weights instanceof Uint8Array ? [files.weights] : files.weights);
  const checked = new Set<string>();

  const find = (name: string): StoredTensor => {
    const tensor = tensors.get(name);
    if (tensor === undefined) throw new Error(`the checkpoint has no tensor ${JSON.stringify(name)}; it has ${tensors.size}, for example ${[...tensors.keys()].slice(0, 3).join(', ')}`);
    return tensor;
  };
  const stored = (name: string): EncodedTensor => {
    const tensor = find(name);
    const kind = FORMAT_OF[tensor.dtype];
    if (kind === undefined) throw new Error(`${name} is stored as ${tensor.dtype}; weights may be ${Object.keys(FORMAT_OF).join(', ')}`);
    const elements = elementsOfStored(tensor) as Float32Array | Uint16Array; // by FORMAT_OF
    if (!checked.has(name)) {
      const count = countNotFinite(elements, kind.format);
      if (count > 0) throw new NotFinite(name, count);
      checked.add(name);
    }
    return { name, format: kind.format, shape: tensor.shape, parts: { [kind.part]: elements } };
  };
  return {
    architecture,
    config,
    baseFormat: prevailingFormat(tensors.values()),
    names: [...tensors.keys()],
    has: (name) => tensors.has(name),
    shape: (name) => find(name).shape,
    tensor(name) {
      const encoded = stored(name);
      return { name, shape: encoded.shape, values: formatNamed(encoded.format).decode(encoded) };
    },
    stored,
    storedBytes: (name) => find(name).bytes.length,
  };
}

function readConfig(bytes: Uint8Array): Record<string, unknown> {
  if (bytes.length > LARGEST_CONFIG_BYTES) throw new Error(`config.json has ${bytes.length} bytes; at most ${LARGEST_CONFIG_BYTES} are allowed`);
  const config = parseStrictJson(bytes, 'config.json');
  if (typeof config !== 'object' || config === null || Array.isArray(config)) throw new Error('config.json is not a JSON object');
  return config as Record<string, unknown>;
}

function readShards(shards: readonly Uint8Array[]): Map<string, StoredTensor> {
  if (shards.length === 0) throw new Error('a checkpoint needs at least one safetensors file');
  const tensors = new Map<string, StoredTensor>();
  shards.forEach((shard, index) => {
    const where = shards.length === 1 ? 'model.safetensors' : `safetensors file ${index + 1} of ${shards.length}`;
    for (const [name, tensor] of readSafetensors(shard, where).tensors) {
      if (tensors.has(name)) throw new Error(`${where}: tensor ${JSON.stringify(name)} is in an earlier file too; each may stand in one`);
      tensors.set(name, tensor);
    }
  });
  return tensors;
}

function prevailingFormat(tensors: Iterable<StoredTensor>): Checkpoint['baseFormat'] {
  const weights = { fp32: 0, fp16: 0, bf16: 0 };
  for (const { dtype, shape } of tensors) {
    const kind = FORMAT_OF[dtype];
    if (kind !== undefined) weights[kind.format] += shape.reduce((product, size) => product * size, 1);
  }
  if (weights.fp32 + weights.fp16 + weights.bf16 === 0) throw new Error('the checkpoint has no weights of type F32, F16 or BF16');
  return (['fp32', 'fp16', 'bf16'] as const).reduce((best, format) => (weights[format] > weights[best] ? format : best));
}
