/**
 * The GGUF file of a format, and what the program is told of it: a published file as it is, or one that we write. What a format computes in is what
 * llama.cpp's code says of its types (ggml-cpu.c, type_traits_cpu: vec_dot_type): the activations of a product on the processor are rounded to a type
 * that goes with the weights'.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileSource } from '../../../../kernels/byte-source.ts';
import { ggufOfCheckpoint, writeGguf } from '../../../../kernels/gguf-writer.ts';
import { readGguf, type Gguf, type TensorType } from '../../../../kernels/gguf.ts';
import type { PeerComputes, PeerFiles, PeerFormat, PeerWeights } from '../../peers.ts';

interface LlamaFormat extends PeerFormat {
  /** Of the linear layers, in the file that is written; undefined: the published file. */
  readonly type?: string;
  /** Keys and values in fp32 and no flash attention, whose kernels for processors round to fp16: the same arithmetic as ours, but for the order of sums. */
  readonly exactly?: true;
}

/** Of a model that came as a GGUF file: that file. */
export const AS_PUBLISHED = 'as-published';

export const FORMATS: readonly LlamaFormat[] = [
  { name: 'fp32', title: 'F32', sameCodes: false, type: 'F32', exactly: true },
  { name: 'fp16', title: 'F16', sameCodes: false, type: 'F16' },
  { name: 'bf16', title: 'BF16', sameCodes: false, type: 'BF16' },
  { name: 'Q8_0', title: 'Q8_0', sameCodes: false, type: 'Q8_0', beside: ['int8'] },
  { name: 'Q4_0', title: 'Q4_0', sameCodes: false, type: 'Q4_0', beside: ['nf4', 'fp4'] },
  { name: 'Q4_1', title: 'Q4_1', sameCodes: false, type: 'Q4_1', beside: ['nf4', 'fp4'] },
  { name: AS_PUBLISHED, title: 'the GGUF file as it was published', sameCodes: false },
];

/** What weights of a type are multiplied with on a processor. */
export const ACTIVATIONS: { readonly [type: string]: string } = {
  F32: 'fp32', F16: 'fp16', BF16: 'bf16', Q4_0: 'int8 in blocks of 32', Q5_0: 'int8 in blocks of 32', Q8_0: 'int8 in blocks of 32', Q4_1: 'int8 in blocks of 32', Q5_1: 'int8 in blocks of 32',
  Q2_K: 'int8 in blocks of 256', Q3_K: 'int8 in blocks of 256', Q4_K: 'int8 in blocks of 256', Q5_K: 'int8 in blocks of 256', Q6_K: 'int8 in blocks of 256',
};

/**
 * Makes what the program loads as `format`: <folder>/<format>.json, and beside it the GGUF file where it is not the published one. Throws a sentence for a model,
 * a format or a weight that cannot be written.
 */
export async function prepareFormat(folder: string, format: string, files: PeerFiles, device: string, signal: AbortSignal): Promise<void> {
  const found = FORMATS.find(({ name }) => name === format);
  if (found === undefined) throw new Error(`llama.cpp has no format ${JSON.stringify(format)} here; formats are ${FORMATS.map(({ name }) => name).join(', ')}`);
  const checkpoint = await files.checkpoint();
  let path = files.path;
  if (found.type !== undefined) {
    path = join(folder, `${format}.gguf`);
    // Of a program that died, or a write that was interrupted.
    rmSync(path, { force: true });
    await writeGguf(path, ggufOfCheckpoint(checkpoint, { linear: found.type }), signal);
  } else if (files.kind !== 'gguf') throw new Error('the model was not published as a GGUF file, so there is none to compute as it is');
  const eos = checkpoint.config['eos_token_id'];
  const source = fileSource(path);
  try {
    writeFileSync(join(folder, `${format}.json`), JSON.stringify({ path, exactly: found.exactly === true, ends: [eos ?? []].flat(), ...described(readGguf(source), device) }));
  } finally {
    source.close();
  }
}

interface Described { readonly vocabulary: number; readonly weights: PeerWeights; readonly computes: PeerComputes }

function described({ tensors }: Gguf, device: string): Described {
  const linear = new Map<TensorType, number>();
  const weights = { linearWeights: 0, linearBytes: 0, otherWeights: 0, otherBytes: 0 };
  for (const [name, { shape, type, elements, byteLength }] of tensors) {
    const part = shape.length > 1 && name.startsWith('blk.') ? 'linear' : 'other';
    weights[`${part}Weights`] += elements;
    weights[`${part}Bytes`] += byteLength;
    if (part === 'linear') linear.set(type, (linear.get(type) ?? 0) + elements);
  }
  const types = [...linear].sort(([, a], [, b]) => b - a);
  const share = (count: number): string => types.length === 1 ? '' : ` (${Math.round(100 * count / weights.linearWeights)} %)`;
  const activations = [...new Set(types.map(([{ name }]) => ACTIVATIONS[name] ?? `what llama.cpp takes for ${name}`))];
  const embeddings = tensors.get('token_embd.weight');
  if (embeddings === undefined) throw new Error('the GGUF file has no embeddings');
  return {
    vocabulary: embeddings.shape[0]!, weights,
    computes: {
      weights: types.map(([type, count]) => `${words(type)}${share(count)}`).join(', '),
      activations: device === 'cpu' ? activations.join(', ') : `as the kernels of ${device} choose`,
      head: (tensors.get('output.weight') ?? embeddings).type.name,
    },
  };
}

function words({ name, blockElements, blockBytes }: TensorType): string {
  return blockElements === 1 ? name : `${name}, blocks of ${blockElements}, ${8 * blockBytes / blockElements} bits`;
}
