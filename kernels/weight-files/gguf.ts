/**
 * Weights in a GGUF file, decoded to what they stand for. Where every matrix is of one 16-bit type, that is the checkpoint's own; in any other
 * file all are fp32, so that the baseline is the decoded values and nothing is rounded on the way.
 */
import type { ByteSource } from '../byte-source.ts';
import { ggufArchitectureOf } from '../gguf/architectures.ts';
import { tensorTypes } from '../gguf/tensor-types.ts';
import { isGguf, readGguf, type Gguf, type GgufTensor } from '../gguf.ts';
import { fromBf16, fromFp16 } from '../half.ts';
import type { WeightFileKind, WeightTensor } from '../weight-files.ts';

const TORCH_TYPES = { fp32: 'float32', fp16: 'float16', bf16: 'bfloat16' } as const;

export const gguf: WeightFileKind = {
  name: 'GGUF',
  weightTypes: tensorTypes.map(({ name }) => name),
  recognises: isGguf,

  open(files) {
    const file = readOne(files);
    const architecture = ggufArchitectureOf(file);
    const format = formatOf(file);
    const tensors = new Map<string, WeightTensor>();
    for (const [name, tensor] of file.tensors) {
      const place = architecture.place(name, file);
      if (place === undefined) throw new Error(`model.gguf: the tensor ${JSON.stringify(name)} has no place in a model of the architecture ${architecture.name}`);
      if (place.name === undefined) continue;
      if (tensors.has(place.name)) throw new Error(`model.gguf: two tensors are ${place.name}`);
      const { undo = (elements) => elements } = place;
      tensors.set(place.name, {
        shape: tensor.shape, storedType: tensor.type.name, storedBytes: tensor.byteLength,
        format: format === 'fp32' ? 'fp32' : tensor.type.format,
        elements: () => undo(format === 'fp32' ? widened(tensor) : tensor.type.decode(tensor.bytes)),
        announce: tensor.announce,
      });
    }
    return tensors;
  },

  config(files) {
    const file = readOne(files);
    const { metadata } = file;
    const tokens = { bos_token_id: metadata.count('tokenizer.ggml.bos_token_id'), eos_token_id: metadata.count('tokenizer.ggml.eos_token_id'), pad_token_id: metadata.count('tokenizer.ggml.padding_token_id') };
    return { ...ggufArchitectureOf(file).config(file), torch_dtype: TORCH_TYPES[formatOf(file)], ...Object.fromEntries(Object.entries(tokens).filter(([, id]) => id !== undefined)) };
  },
};

function readOne(files: readonly ByteSource[]): Gguf {
  const [first, ...others] = files;
  if (first === undefined || others.length > 0) throw new Error(`${files.length} GGUF files; a model is one (llama-gguf-split --merge makes one of parts)`);
  const file = readGguf(first, 'model.gguf');
  if ((file.metadata.count('split.count') ?? 1) > 1) throw new Error('model.gguf: a part of several; merge them (llama-gguf-split --merge)');
  return file;
}

function formatOf({ tensors }: Gguf): 'fp32' | 'fp16' | 'bf16' {
  const matrices = new Set([...tensors.values()].filter(({ shape }) => shape.length > 1).map(({ type }) => type.format));
  const [only] = matrices;
  return matrices.size === 1 && only !== undefined ? only : 'fp32';
}

function widened({ type, bytes }: GgufTensor): Float32Array {
  const decoded = type.decode(bytes);
  if (decoded instanceof Float32Array) return decoded;
  return type.format === 'fp16' ? fromFp16(decoded) : fromBf16(decoded);
}
