/**
 * A Llama of 135 million parameters with random weights, the same each time: what speed is measured on, for every engine and
 * every peer. 30 layers of 576, 9 heads of 64 over 3 of keys and values, feed-forward 1536, vocabulary 49,152, tied head (the shape
 * of SmolLM-135M). Its weights mean nothing; its time does not depend on what they mean.
 */
import { fromFp16, openCheckpoint, toFp16, writeSafetensors } from '../../kernels/index.ts';
import type { Checkpoint, StoredTensor } from '../../kernels/index.ts';

export const RANDOM_MODEL = 'random-135m';

export const CONFIG = {
  model_type: 'llama', num_hidden_layers: 30, hidden_size: 576, num_attention_heads: 9, num_key_value_heads: 3, head_dim: 64,
  intermediate_size: 1536, vocab_size: 49152, max_position_embeddings: 2048, tie_word_embeddings: true, rms_norm_eps: 1e-5, rope_theta: 10000, hidden_act: 'silu',
} as const;

/** In memory, in fp16: 269 MB. */
export function randomCheckpoint(): Checkpoint {
  const { hidden_size: hidden, intermediate_size: inner, vocab_size: vocabulary, num_key_value_heads: kvHeads, head_dim: headDim } = CONFIG;
  const tensors: StoredTensor[] = [];
  const matrix = (name: string, rows: number, columns: number): void => {
    // Standard deviation 1/sqrt(columns) keeps the size of what flows through: nothing grows, vanishes or becomes denormal.
    const bits = randomFp16(tensors.length + 1, rows * columns, 1 / Math.sqrt(columns));
    tensors.push({ name, dtype: 'F16', shape: [rows, columns], bytes: new Uint8Array(bits.buffer) });
  };
  const ones = (name: string): void => {
    const bits = new Uint16Array(hidden).fill(toFp16(Float32Array.of(1))[0]!);
    tensors.push({ name, dtype: 'F16', shape: [hidden], bytes: new Uint8Array(bits.buffer) });
  };
  matrix('model.embed_tokens.weight', vocabulary, hidden);
  for (let layer = 0; layer < CONFIG.num_hidden_layers; layer++) {
    const at = `model.layers.${layer}`;
    ones(`${at}.input_layernorm.weight`);
    ones(`${at}.post_attention_layernorm.weight`);
    matrix(`${at}.self_attn.q_proj.weight`, hidden, hidden);
    matrix(`${at}.self_attn.k_proj.weight`, kvHeads * headDim, hidden);
    matrix(`${at}.self_attn.v_proj.weight`, kvHeads * headDim, hidden);
    matrix(`${at}.self_attn.o_proj.weight`, hidden, hidden);
    matrix(`${at}.mlp.gate_proj.weight`, inner, hidden);
    matrix(`${at}.mlp.up_proj.weight`, inner, hidden);
    matrix(`${at}.mlp.down_proj.weight`, hidden, inner);
  }
  ones('model.norm.weight');
  return openCheckpoint({ config: new TextEncoder().encode(JSON.stringify(CONFIG)), weights: writeSafetensors(tensors) });
}

/** Near enough to normal: sums of four uniforms, drawn from a table of 65,536 so that 135 million take a second. */
function randomFp16(seed: number, length: number, deviation: number): Uint16Array<ArrayBuffer> {
  const next = xorshift(seed);
  const table = new Float32Array(1 << 16);
  // Four uniforms in [-0.5, 0.5) have a variance of a third together.
  for (let i = 0; i < table.length; i++) table[i] = (((next() + next() + next() + next()) / 2 ** 32) - 2) * Math.sqrt(3) * deviation;
  const bits = toFp16(table);
  const out = new Uint16Array(length);
  for (let i = 0; i < length; i++) out[i] = bits[next() >>> 16]!;
  return out;
}

/** Marsaglia's xorshift, 32 bits: fast, and good enough for weights that mean nothing. */
export function xorshift(seed: number): () => number {
  let state = Math.imul(seed, 0x9e3779b1) | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

/** Random values of that deviation: weights and activations of single products. */
export function randomValues(seed: number, length: number, deviation: number): Float32Array<ArrayBuffer> {
  return fromFp16(randomFp16(seed, length, deviation));
}
