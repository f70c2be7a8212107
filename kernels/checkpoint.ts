/**
 * A checkpoint: the files of its weights, of whichever kind (weight-files.ts), and its config.json, which some files imply. A tensor is
 * read when it is asked for, so a checkpoint may be larger than memory, and is checked when it is first read: a model with a
 * value that is not finite is refused with the tensor's name.
 */
import { sourceOf, type ByteSource } from './byte-source.ts';
import { countNotFinite } from './finite.ts';
import { formatNamed, type EncodedTensor, type PlainTensor } from './formats.ts';
import { NotFinite } from './ops.ts';
import { parseStrictJson } from './strict-json.ts';
import { weightFileKindOf, type WeightTensor } from './weight-files.ts';

/** A file, in memory or to be read in ranges. */
type File = Uint8Array | ByteSource;

export interface CheckpointFiles {
  /** config.json. May be left out where the weights' files say what it would (GGUF). */
  readonly config?: Uint8Array;
  /** The file of weights, or its shards in any order. */
  readonly weights: File | readonly File[];
}

export interface Checkpoint {
  /** The config's model_type: 'llama'. */
  readonly architecture: string;
  /** config.json, parsed. The architecture checks what it needs of it. */
  readonly config: Readonly<Record<string, unknown>>;
  /** The type of most weights as they are computed with: what `base` means for this model. fp32 where the file has them quantized. */
  readonly baseFormat: 'fp32' | 'fp16' | 'bf16';
  /** In the order of the files. */
  readonly names: readonly string[];
  has(name: string): boolean;
  shape(name: string): readonly number[];
  /** The tensor widened to fp32, exactly. Throws when it is missing, not of a floating type, or not finite. */
  tensor(name: string): PlainTensor;
  /**
   * The tensor in the checkpoint's own type, sharing the file's memory where alignment allows. Throws as tensor() does; `unchecked`: whether it is finite is left to
   * who asks.
   */
  stored(name: string, how?: { readonly unchecked: boolean }): EncodedTensor;
  /** Of this tensor stored() or tensor() will be asked for next; undefined: of none any more. Where it pays, its file is read meanwhile. */
  announce(name: string | undefined): void;
  /** What stored() gave is not looked at any more, nor what shares its memory: the next tensor may be read to where it was. */
  release(stored: EncodedTensor): void;
  /** Bytes that stored() gives. */
  storedBytes(name: string): number;
  /** What the tensor is stored as in its file, in that file's words ('BF16', 'Q4_1'), and the bytes that it takes there. */
  inFile(name: string): { readonly type: string; readonly bytes: number };
}

const LARGEST_CONFIG_BYTES = 1_000_000;

const BASE_FORMATS = ['fp32', 'fp16', 'bf16'] as const;
const PART_OF = { fp32: 'values', fp16: 'bits', bf16: 'bits' } as const;
const BYTES_OF = { fp32: 4, fp16: 2, bf16: 2 } as const;

/** Reads the headers; throws what is wrong with them. Nothing is widened or copied yet. */
export function openCheckpoint(files: CheckpointFiles): Checkpoint {
  const given = files.weights;
  const weights = (given instanceof Uint8Array || 'bytes' in given ? [given] : given).map(sourceOf);
  const kind = weightFileKindOf(weights);
  const config = files.config === undefined ? kind.config?.(weights) : readConfig(files.config);
  if (config === undefined) throw new Error(`a checkpoint of ${kind.name} needs config.json`);
  const architecture = config['model_type'];
  if (typeof architecture !== 'string') throw new Error('config.json: model_type is missing; it names the architecture, for example "llama"');
  const tensors = kind.open(weights);
  const checked = new Set<string>();

  const find = (name: string): WeightTensor => {
    const tensor = tensors.get(name);
    if (tensor === undefined) throw new Error(`the checkpoint has no tensor ${JSON.stringify(name)}; it has ${tensors.size}, for example ${[...tensors.keys()].slice(0, 3).join(', ')}`);
    return tensor;
  };
  const stored = (name: string, { unchecked } = { unchecked: false }): EncodedTensor => {
    const tensor = find(name);
    const { format } = tensor;
    if (format === undefined) throw new Error(`${name} is stored as ${tensor.storedType}; weights may be ${kind.weightTypes.join(', ')}`);
    const elements = tensor.elements();
    if (!unchecked && !checked.has(name)) {
      const count = countNotFinite(elements, format);
      if (count > 0) throw new NotFinite(name, count);
      checked.add(name);
    }
    return { name, format, shape: tensor.shape, parts: { [PART_OF[format]]: elements } };
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
    announce(name) {
      if (name === undefined) for (const file of weights) file.readNoMore?.();
      // What it takes while another is at work is no more than that one widened to fp32.
      else if (tensors.get(name)?.format !== 'fp32' || find(name).storedBytes <= 2 * weightsOf(find(name).shape)) find(name).announce();
    },
    release({ parts }) {
      for (const part of Object.values(parts)) for (const file of weights) file.reuse?.(new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
    },
    storedBytes(name) {
      const { shape, format, storedBytes } = find(name);
      return format === undefined ? storedBytes : weightsOf(shape) * BYTES_OF[format];
    },
    inFile(name) {
      const { storedType, storedBytes } = find(name);
      return { type: storedType, bytes: storedBytes };
    },
  };
}

function readConfig(bytes: Uint8Array): Record<string, unknown> {
  if (bytes.length > LARGEST_CONFIG_BYTES) throw new Error(`config.json has ${bytes.length} bytes; at most ${LARGEST_CONFIG_BYTES} are allowed`);
  const config = parseStrictJson(bytes, 'config.json');
  if (typeof config !== 'object' || config === null || Array.isArray(config)) throw new Error('config.json is not a JSON object');
  return config as Record<string, unknown>;
}

const weightsOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

function prevailingFormat(tensors: Iterable<WeightTensor>): Checkpoint['baseFormat'] {
  const weights = { fp32: 0, fp16: 0, bf16: 0 };
  for (const { format, shape } of tensors) if (format !== undefined) weights[format] += weightsOf(shape);
  if (weights.fp32 + weights.fp16 + weights.bf16 === 0) throw new Error('the checkpoint has no weights of type F32, F16 or BF16');
  return BASE_FORMATS.reduce((best, format) => (weights[format] > weights[best] ? format : best));
}
