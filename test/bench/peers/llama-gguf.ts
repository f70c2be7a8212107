/**
 * A Llama checkpoint as a GGUF file for llama.cpp. Its tensors have other names there, and rows of q and k another order:
 * llama.cpp turns neighbours (2i, 2i + 1) of a head where Hugging Face turns (i, i + d/2); convert_hf_to_gguf.py reorders the same way.
 * No tokenizer: the benchmark feeds token ids, and a vocabulary of none is the smallest that loads.
 */
import { architectureOf } from '../../../kernels/index.ts';
import type { Checkpoint } from '../../../kernels/index.ts';
import { writeGguf } from './gguf-file.ts';
import type { GgufTensor, GgufType, GgufValue } from './gguf-file.ts';

/** `linear`: the type of the linear layers; `head`: of the tied embedding and output head. Norms are fp32. Bytes of all tensors are returned. */
export function writeLlamaGguf(path: string, checkpoint: Checkpoint, types: { readonly linear: GgufType; readonly head: GgufType }): number {
  const { shape } = architectureOf(checkpoint);
  const { config } = checkpoint;
  const metadata = new Map<string, GgufValue>([
    ['general.architecture', 'llama'],
    ['general.name', 'random weights'],
    ['llama.context_length', shape.contextTokens],
    ['llama.embedding_length', shape.hiddenSize],
    ['llama.block_count', shape.layers],
    ['llama.feed_forward_length', shape.feedForwardSize],
    ['llama.attention.head_count', shape.heads],
    ['llama.attention.head_count_kv', shape.kvHeads],
    ['llama.attention.layer_norm_rms_epsilon', { float32: config['rms_norm_eps'] as number }],
    ['llama.rope.dimension_count', shape.headDim],
    ['llama.rope.freq_base', { float32: config['rope_theta'] as number }],
    ['llama.vocab_size', shape.vocabulary],
    ['tokenizer.ggml.model', 'no_vocab'],
  ]);
  const tensor = (name: string, from: string, type: GgufType, heads = 0): GgufTensor => ({
    name, shape: checkpoint.shape(from), type,
    values() {
      const { values } = checkpoint.tensor(from);
      return heads === 0 ? values : neighboursTogether(values, heads, shape.headDim, shape.hiddenSize);
    },
  });
  const tensors = [tensor('token_embd.weight', 'model.embed_tokens.weight', types.head), tensor('output_norm.weight', 'model.norm.weight', 'F32')];
  for (let layer = 0; layer < shape.layers; layer++) {
    const to = `blk.${layer}`, from = `model.layers.${layer}`;
    tensors.push(
      tensor(`${to}.attn_norm.weight`, `${from}.input_layernorm.weight`, 'F32'),
      tensor(`${to}.attn_q.weight`, `${from}.self_attn.q_proj.weight`, types.linear, shape.heads),
      tensor(`${to}.attn_k.weight`, `${from}.self_attn.k_proj.weight`, types.linear, shape.kvHeads),
      tensor(`${to}.attn_v.weight`, `${from}.self_attn.v_proj.weight`, types.linear),
      tensor(`${to}.attn_output.weight`, `${from}.self_attn.o_proj.weight`, types.linear),
      tensor(`${to}.ffn_norm.weight`, `${from}.post_attention_layernorm.weight`, 'F32'),
      tensor(`${to}.ffn_gate.weight`, `${from}.mlp.gate_proj.weight`, types.linear),
      tensor(`${to}.ffn_up.weight`, `${from}.mlp.up_proj.weight`, types.linear),
      tensor(`${to}.ffn_down.weight`, `${from}.mlp.down_proj.weight`, types.linear),
    );
  }
  return writeGguf(path, metadata, tensors);
}

/** Rows i and i + d/2 of each head to 2i and 2i + 1. */
function neighboursTogether(values: Float32Array, heads: number, headDim: number, columns: number): Float32Array {
  const out = new Float32Array(values.length);
  for (let head = 0; head < heads; head++) {
    for (let row = 0; row < headDim; row++) {
      const to = head * headDim + (row < headDim / 2 ? 2 * row : 2 * (row - headDim / 2) + 1);
      const from = (head * headDim + row) * columns;
      out.set(values.subarray(from, from + columns), to * columns);
    }
  }
  return out;
}
