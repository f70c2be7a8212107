/**
 * A checkpoint as the GGUF file that llama.cpp loads, as its convert_hf_to_gguf.py would write it: other names for the tensors, the rows of q and k in
 * llama.cpp's order, the settings and the tokenizer as metadata. The linear layers that the study quantizes are written in the type asked for;
 * embeddings and output head in one of their own, because here as there they stay what they were; vectors as fp32, the only type that llama.cpp
 * computes them in. Which models can be written: gguf/targets.ts; in which types: gguf/encoders.ts.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import type { Checkpoint } from './checkpoint.ts';
import { tensorEncoderNamed } from './gguf/encoders.ts';
import { ggufFile, type GgufFile, type MetadataValue, type TensorToWrite } from './gguf/file-writer.ts';
import { placesOf } from './gguf/model-places.ts';
import { ggufTargetOf } from './gguf/targets.ts';
import { tokenizerMetadata, type TokenizerToWrite } from './gguf/tokenizer-writer.ts';
import { architectureOf, architectureNamed, tensorsOf } from './models.ts';
import { readSettings } from './models/config.ts';
import type { GatedDecoder } from './models/gated-decoder.ts';
import { ropeFrequencies } from './models/rope.ts';

export type { GgufFile } from './gguf/file-writer.ts';
export type { TokenizerToWrite } from './gguf/tokenizer-writer.ts';

export interface GgufTypes {
  /** Of the linear layers but the head: a name of gguf/encoders.ts. */
  readonly linear: string;
  /** Of embeddings and head. Default: the checkpoint's own type, which fp32 holds as well where the layers are fp32. */
  readonly head?: string;
}

/** Of a checkpoint's own type. */
const PLAIN = { fp32: 'F32', fp16: 'F16', bf16: 'BF16' } as const;
/** general.file_type: llama.cpp's llama_ftype of what most tensors are. */
const FILE_TYPES: { readonly [type: string]: number } = { F32: 0, F16: 1, Q4_0: 2, Q4_1: 3, Q8_0: 7, BF16: 32 };
/** general.quantization_version: of the layout of quantized blocks. */
const QUANTIZATION_VERSION = 2;
/** The system writes at most 2 GiB at once. */
const LARGEST_WRITE_BYTES = 1 << 30;

/**
 * Without a tokenizer the file has a vocabulary of none (`no_vocab`): it takes and gives token ids. Throws a sentence for a model, a setting of its
 * config.json, a tokenizer or a type that cannot be written. Tensors are read and encoded when the chunks are asked for.
 */
export function ggufOfCheckpoint(checkpoint: Checkpoint, { linear, head = linear === 'F32' ? linear : PLAIN[checkpoint.baseFormat] }: GgufTypes, tokenizer?: TokenizerToWrite): GgufFile {
  const target = ggufTargetOf(checkpoint.architecture);
  const model = readSettings(checkpoint.config, target.read);
  const { linearNames } = architectureOf(checkpoint);
  const { names } = tensorsOf(architectureNamed(checkpoint.architecture), checkpoint);
  const [linearType, headType, vectorType] = [tensorEncoderNamed(linear), tensorEncoderNamed(head), tensorEncoderNamed('F32')];
  const quantized = new Set(linearNames);
  const places = placesOf(names, target.pairs ? model.headDim : undefined);
  const tensors = places.map(({ name, from, order }): TensorToWrite => {
    const shape = checkpoint.shape(from);
    return {
      name, shape, encoder: quantized.has(from) ? linearType : shape.length > 1 ? headType : vectorType,
      values: () => order(checkpoint.tensor(from).values, shape),
    };
  });
  return ggufFile(
    new Map<string, MetadataValue>([
      ...settingsMetadata(target.architecture, model),
      ['general.file_type', FILE_TYPES[linear]!],
      ...(linearType.type.blockElements === 1 && headType.type.blockElements === 1 ? [] : [['general.quantization_version', QUANTIZATION_VERSION] as const]),
      ...tokenizerMetadata(tokenizer, model.vocabulary),
    ]),
    [...tensors, ...factorsOf(model)],
  );
}

/** Writes the file; there must be none at `path`. Throws the file system's error, what a tensor cannot be written for, and the signal's reason, between two tensors. */
export async function writeGguf(path: string, { chunks }: GgufFile, signal?: AbortSignal): Promise<void> {
  const file = openSync(path, 'wx');
  try {
    for (const chunk of chunks()) {
      for (let done = 0; done < chunk.length;) done += writeSync(file, chunk, done, Math.min(chunk.length - done, LARGEST_WRITE_BYTES));
      // A tensor takes up to a second; whoever wants to interrupt is heard after each.
      await new Promise<void>((resolve) => setImmediate(resolve));
      signal?.throwIfAborted();
    }
  } finally {
    closeSync(file);
  }
}

function settingsMetadata(prefix: string, model: GatedDecoder): [string, MetadataValue][] {
  const { scaling } = model.rope;
  return [
    ['general.architecture', prefix],
    [`${prefix}.context_length`, model.contextTokens],
    [`${prefix}.embedding_length`, model.hiddenSize],
    [`${prefix}.block_count`, model.layers],
    [`${prefix}.feed_forward_length`, model.feedForwardSize],
    [`${prefix}.attention.head_count`, model.heads],
    [`${prefix}.attention.head_count_kv`, model.kvHeads],
    [`${prefix}.attention.key_length`, model.headDim],
    [`${prefix}.attention.value_length`, model.headDim],
    [`${prefix}.attention.layer_norm_rms_epsilon`, { float32: model.normEps }],
    [`${prefix}.rope.dimension_count`, model.headDim],
    [`${prefix}.rope.freq_base`, { float32: model.rope.theta }],
    ...(scaling.type === 'linear' ? [[`${prefix}.rope.scaling.type`, 'linear'], [`${prefix}.rope.scaling.factor`, { float32: scaling.factor }]] satisfies [string, MetadataValue][] : []),
    [`${prefix}.vocab_size`, model.vocabulary],
  ];
}

/** Llama 3's scaling is a tensor: what each frequency is divided by. */
function factorsOf({ rope, headDim }: GatedDecoder): TensorToWrite[] {
  if (rope.scaling.type !== 'llama3') return [];
  const scaled = ropeFrequencies(rope, headDim);
  const values = ropeFrequencies({ ...rope, scaling: { type: 'default' } }, headDim).map((frequency, i) => frequency / scaled[i]!);
  return [{ name: 'rope_freqs.weight', shape: [values.length], encoder: tensorEncoderNamed('F32'), values: () => values }];
}
