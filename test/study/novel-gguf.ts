/** The bundled model novel-1m as a GGUF file, as llama.cpp's converter would write it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openCheckpoint } from '../../kernels/index.ts';
import { ggufOf } from '../kernels/write-gguf.ts';
import type { GgufValue, TensorToWrite } from '../kernels/write-gguf.ts';
import { root } from './in-process.ts';

const file = (name: string): Buffer => readFileSync(join(root, 'data/models/novel-1m', name));
const original = openCheckpoint({ config: file('config.json'), weights: file('model.safetensors') });
const tokenizer = JSON.parse(file('tokenizer.json').toString()) as { readonly model: { readonly vocab: Record<string, number>; readonly merges: readonly [string, string][] }; readonly added_tokens: readonly { readonly id: number; readonly content: string }[] };

const NAMES: readonly (readonly [RegExp, string])[] = [
  [/^model\.embed_tokens/, 'token_embd'], [/^model\.norm/, 'output_norm'], [/^lm_head/, 'output'], [/^model\.layers\.(\d+)\./, 'blk.$1.'],
  [/input_layernorm/, 'attn_norm'], [/post_attention_layernorm/, 'ffn_norm'], [/self_attn\.([qkv])_proj/, 'attn_$1'], [/self_attn\.o_proj/, 'attn_output'], [/mlp\.(gate|up|down)_proj/, 'ffn_$1'],
];

/** `quantized`: the feed-forward layers in Q8_0, by the crudest of encoders. */
export function novelGguf(quantized: boolean): Uint8Array {
  const { config } = original;
  const number = (key: string): number => config[key] as number;
  const heads = number('num_attention_heads');
  const headDim = number('hidden_size') / heads;
  const real = (value: number): GgufValue => ({ type: 6, bytes: new Uint8Array(Float32Array.of(value).buffer) });
  const rope = (config['rope_parameters'] as { rope_theta: number } | undefined)?.rope_theta ?? number('rope_theta');
  const tokens = Object.entries(tokenizer.model.vocab).sort(([, a], [, b]) => a - b).map(([token]) => token);
  const metadata: (readonly [string, GgufValue])[] = [
    ['general.architecture', 'llama'], ['llama.context_length', number('max_position_embeddings')], ['llama.embedding_length', number('hidden_size')], ['llama.block_count', number('num_hidden_layers')],
    ['llama.feed_forward_length', number('intermediate_size')], ['llama.attention.head_count', heads], ['llama.attention.head_count_kv', number('num_key_value_heads')],
    ['llama.rope.freq_base', real(rope)], ['llama.attention.layer_norm_rms_epsilon', real(number('rms_norm_eps'))],
    ['tokenizer.ggml.model', 'gpt2'], ['tokenizer.ggml.pre', 'gpt-2'], ['tokenizer.ggml.tokens', tokens], ['tokenizer.ggml.token_type', tokens.map((_, id) => tokenizer.added_tokens.some((added) => added.id === id) ? 3 : 1)],
    ['tokenizer.ggml.merges', tokenizer.model.merges.map((merge) => merge.join(' '))], ['tokenizer.ggml.eos_token_id', number('eos_token_id')],
  ];
  const tensors = original.names.map((name): TensorToWrite => {
    const [rows, columns = 1] = original.shape(name) as [number, number?];
    const { format, parts } = original.stored(name);
    const part = Object.values(parts)[0]!;
    let bytes = new Uint8Array(part.buffer, part.byteOffset, part.byteLength).slice();
    if (/[qk]_proj/.test(name)) {
      const rowBytes = bytes.length / rows;
      const source = bytes.slice();
      for (let row = 0; row < rows; row++) {
        const [half, i] = [Math.floor(row % headDim / (headDim / 2)), row % (headDim / 2)];
        bytes.set(source.subarray(row * rowBytes, (row + 1) * rowBytes), (row - row % headDim + 2 * i + half) * rowBytes);
      }
    }
    let type = format === 'fp16' ? 1 : 0;
    if (quantized && name.includes('mlp')) {
      type = 8;
      const { values } = original.tensor(name);
      bytes = new Uint8Array(values.length / 32 * 34);
      // Scale 2^-7 in fp16.
      for (let i = 0; i < values.length; i++) bytes[(i >> 5) * 34 + 2 + (i & 31)] = Math.max(-127, Math.min(127, Math.round(values[i]! * 128)));
      for (let block = 0; block < values.length / 32; block++) bytes.set([0x00, 0x20], block * 34);
    }
    return { name: NAMES.reduce((to, [pattern, by]) => to.replace(pattern, by), name), axes: columns === 1 ? [rows] : [columns, rows], type, bytes };
  });
  return ggufOf({ metadata, tensors });
}
