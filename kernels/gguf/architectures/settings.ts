/** Reading what most architectures have under `<architecture>.` in a file's metadata. */
import type { Gguf } from '../../gguf.ts';

/** Settings of a decoder in the words of config.json. */
export function decoderSettings(file: Gguf, prefix: string): Readonly<Record<string, unknown>> {
  const hiddenSize = required(file, `${prefix}.embedding_length`);
  const heads = required(file, `${prefix}.attention.head_count`);
  const headDim = file.metadata.count(`${prefix}.attention.key_length`) ?? hiddenSize / heads;
  refuseUnless(file, `${prefix}.attention.value_length`, headDim);
  refuseUnless(file, `${prefix}.rope.dimension_count`, headDim);
  refuseUnless(file, `${prefix}.expert_count`, 0);
  return {
    hidden_size: hiddenSize,
    num_hidden_layers: required(file, `${prefix}.block_count`),
    num_attention_heads: heads,
    num_key_value_heads: file.metadata.count(`${prefix}.attention.head_count_kv`) ?? heads,
    head_dim: headDim,
    intermediate_size: required(file, `${prefix}.feed_forward_length`),
    max_position_embeddings: required(file, `${prefix}.context_length`),
    rms_norm_eps: real(file, `${prefix}.attention.layer_norm_rms_epsilon`) ?? missing(`${prefix}.attention.layer_norm_rms_epsilon`),
    rope_theta: real(file, `${prefix}.rope.freq_base`) ?? 10000,
    vocab_size: file.tensors.get('token_embd.weight')?.shape[0] ?? missing('the tensor token_embd.weight'),
    tie_word_embeddings: !file.tensors.has('output.weight'),
  };
}

/** rope_scaling of config.json, where the file names a kind of scaling. */
export function scalingSettings(file: Gguf, prefix: string): Readonly<Record<string, unknown>> {
  const type = file.metadata.text(`${prefix}.rope.scaling.type`) ?? 'none';
  const factor = real(file, `${prefix}.rope.scaling.factor`);
  return type === 'none' || (type === 'linear' && (factor === undefined || factor === 1)) ? {} : { rope_scaling: { rope_type: type, factor } };
}

function required({ metadata }: Gguf, key: string): number {
  return metadata.count(key) ?? missing(key);
}

/** The shortest decimal of an fp32 number, which is what config.json had before it was rounded to one: 1e-5, not 9.999999747378752e-6. */
export function real({ metadata }: Gguf, key: string): number | undefined {
  const value = metadata.number(key);
  if (value === undefined || Math.fround(value) !== value) return value;
  for (let digits = 1; digits < 9; digits++) {
    const shorter = Number(value.toPrecision(digits));
    if (Math.fround(shorter) === value) return shorter;
  }
  return value;
}

function refuseUnless({ metadata }: Gguf, key: string, allowed: number): void {
  const value = metadata.count(key);
  if (value !== undefined && value !== allowed) throw new Error(`the metadata ${key} is ${value}; only ${allowed} is computed`);
}

function missing(what: string): never {
  throw new Error(`the file lacks ${what}`);
}
