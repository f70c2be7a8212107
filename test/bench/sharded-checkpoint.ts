/**
 * Writes a checkpoint of a Llama's shape in shards, as large as asked for, with weights that are no model's: for measuring what memory and time
 * taking it in and quantizing it need.
 *
 *   node --import tsx test/bench/sharded-checkpoint.ts models/big --layers 7        (2.9 GB of bf16)
 *   /usr/bin/time -v npx bitwidth run 'quantize:big/nf4'
 */
import { closeSync, copyFileSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { toBf16 } from '../../kernels/half.ts';
import { planSafetensors } from '../../kernels/safetensors.ts';

const { positionals: [folder], values } = parseArgs({
  allowPositionals: true,
  options: { layers: { type: 'string', default: '7' }, hidden: { type: 'string', default: '4096' }, 'feed-forward': { type: 'string', default: '11008' }, shards: { type: 'string', default: '3' } },
});
if (folder === undefined) throw new Error('say which folder to make');
const [layers, hidden, feedForward, shards] = [values.layers, values.hidden, values['feed-forward'], values.shards].map(Number) as [number, number, number, number];
const VOCABULARY = 2048;
const heads = hidden / 128;

const shapes = new Map<string, readonly number[]>([['model.embed_tokens.weight', [VOCABULARY, hidden]]]);
for (let layer = 0; layer < layers; layer++) {
  const at = `model.layers.${layer}`;
  for (const name of ['q', 'k', 'v', 'o']) shapes.set(`${at}.self_attn.${name}_proj.weight`, [hidden, hidden]);
  for (const name of ['gate', 'up']) shapes.set(`${at}.mlp.${name}_proj.weight`, [feedForward, hidden]);
  shapes.set(`${at}.mlp.down_proj.weight`, [hidden, feedForward]);
  for (const name of ['input_layernorm', 'post_attention_layernorm']) shapes.set(`${at}.${name}.weight`, [hidden]);
}
shapes.set('model.norm.weight', [hidden]);
shapes.set('lm_head.weight', [VOCABULARY, hidden]);

/** Bell-shaped numbers, enough of them that repeating them does not show in a block. */
let state = 7;
const uniform = (): number => (state = (Math.imul(state, 1664525) + 1013904223) | 0) / 2 ** 31;
const noise = toBf16(Float32Array.from({ length: 1 << 20 }, () => (uniform() + uniform() + uniform() + uniform()) * 0.02));
const piece = new Uint8Array(noise.buffer);

mkdirSync(folder, { recursive: true });
const weightMap: Record<string, string> = {};
const names = [...shapes.keys()];
for (let shard = 0; shard < shards; shard++) {
  const file = `model-${String(shard + 1).padStart(5, '0')}-of-${String(shards).padStart(5, '0')}.safetensors`;
  const own = names.slice(Math.floor(names.length * shard / shards), Math.floor(names.length * (shard + 1) / shards));
  const plan = planSafetensors(own.map((name) => ({ name, dtype: 'BF16', shape: shapes.get(name)! })), new Map([['format', 'pt']]));
  const to = openSync(join(folder, file), 'w');
  writeSync(to, plan.head, 0, plan.head.length, 0);
  for (const name of own) {
    weightMap[name] = file;
    const bytes = shapes.get(name)!.reduce((product, size) => product * size, 2);
    for (let done = 0; done < bytes; done += piece.length) writeSync(to, piece, 0, Math.min(piece.length, bytes - done), plan.offsets.get(name)! + done);
  }
  closeSync(to);
}
writeFileSync(join(folder, 'model.safetensors.index.json'), JSON.stringify({ metadata: {}, weight_map: weightMap }));
writeFileSync(join(folder, 'config.json'), JSON.stringify({
  model_type: 'llama', torch_dtype: 'bfloat16', hidden_size: hidden, intermediate_size: feedForward, num_hidden_layers: layers, num_attention_heads: heads, num_key_value_heads: heads,
  vocab_size: VOCABULARY, max_position_embeddings: 2048, rms_norm_eps: 1e-5, rope_theta: 10000, hidden_act: 'silu', tie_word_embeddings: false,
}));
for (const name of ['tokenizer.json', 'tokenizer_config.json']) copyFileSync(new URL(`../../data/models/novel-1m/${name}`, import.meta.url), join(folder, name));
