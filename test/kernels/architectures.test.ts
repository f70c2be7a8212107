/** What each architecture reads of its config.json: the forms that versions of transformers write, and what is refused. Logits are held to transformers' in test/conformance/models.test.ts. */
import { existsSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { architectureNamed, architectureOf, architectures, scoreWindow } from '../../kernels/index.ts';
import type { Checkpoint } from '../../kernels/index.ts';
import { registerEntries } from '../../stages/quantization/model-cells.ts';
import { goldenModel, largestDifference, sessionOf } from './test-models.ts';

type Change = Readonly<Record<string, unknown>>;

/** With these settings changed; undefined takes one out. */
function changed(checkpoint: Checkpoint, change: Change): Checkpoint {
  const entries = Object.entries({ ...checkpoint.config, ...change }).filter(([, value]) => value !== undefined);
  return { ...checkpoint, config: Object.fromEntries(entries) };
}

/** Each: the same model, as another version of transformers writes it. */
const OTHER_FORMS: readonly (readonly [model: string, change: Change])[] = [
  ['llama_llama3', { rope_parameters: undefined, rope_theta: 10000, rope_scaling: { rope_type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 64 } }],
  ['llama_linear', { rope_parameters: undefined, rope_scaling: { type: 'linear', factor: 4 }, head_dim: null }],
  ['mistral_whole', { head_dim: undefined, rope_parameters: undefined, rope_theta: 10000 }],
  ['mistral_whole', { sliding_window: undefined }],
  ['qwen2_window', { layer_types: undefined, rope_parameters: { rope_type: 'default' }, rope_theta: 1000000 }],
  ['qwen3_bias', { layer_types: undefined, max_window_layers: 1 }],
  ['falcon_multi_query', { num_kv_heads: undefined, rope_parameters: undefined, max_position_embeddings: undefined, new_decoder_architecture: undefined, tie_word_embeddings: undefined, activation: undefined }],
  ['falcon_sequential', { num_ln_in_parallel_attn: undefined, ffn_hidden_size: undefined, n_embed: 48, hidden_size: undefined }],
  ['falcon_two_norms', { num_ln_in_parallel_attn: null }],
  ['neox_parallel', { rope_parameters: undefined, attention_bias: undefined, hidden_act: undefined, use_parallel_residual: undefined }],
  ['neox_fast', { rope_parameters: undefined, rotary_pct: 0.5, rotary_emb_base: 20000 }],
  ['gemma3', { rope_parameters: undefined, rope_theta: 1000000, rope_local_base_freq: 10000, rope_scaling: { rope_type: 'linear', factor: 8 } }],
  ['gemma3', { layer_types: undefined, sliding_window_pattern: 2 }],
  ['gemma3_default', { layer_types: undefined, rope_parameters: undefined, hidden_activation: undefined }],
];

for (const [name, change] of OTHER_FORMS) {
  test(`${name} with ${Object.entries(change).map(([key, value]) => (value === undefined ? `no ${key}` : key)).join(', ')}`, async () => {
    const { checkpoint, prompt, logits } = goldenModel(name);
    const session = sessionOf(changed(checkpoint, change), 'bf16');
    assert.ok(largestDifference(await scoreWindow(session, prompt), logits) <= 1e-4);
    session.dispose();
  });
}

/** Each: a setting that computes something else than the model's own, so that it is no idle one. */
const DIFFERENT: readonly (readonly [model: string, change: Change])[] = [
  ['llama_llama3', { rope_parameters: { rope_type: 'default', rope_theta: 10000 } }],
  ['mistral_window', { sliding_window: null }],
  ['mistral_window', { sliding_window: 6 }],
  ['qwen2_window', { max_window_layers: 2, layer_types: undefined }],
  ['qwen2_window', { use_sliding_window: false }],
  ['neox_parallel', { use_parallel_residual: false }],
  ['neox_fast', { hidden_act: 'gelu' }],
  ['neox_fast', { rope_parameters: { rope_theta: 20000, partial_rotary_factor: 0.25 } }],
  ['gemma3', { query_pre_attn_scalar: 12 }],
  ['gemma3', { sliding_window: 9 }],
  ['gemma3', { rope_parameters: { full_attention: { rope_theta: 1000000 }, sliding_attention: { rope_theta: 10000 } } }],
  ['gemma3', { rope_parameters: { full_attention: { rope_theta: 1000000, rope_type: 'linear', factor: 8 }, sliding_attention: { rope_theta: 20000 } } }],
];

for (const [name, change] of DIFFERENT) {
  test(`${name} with ${JSON.stringify(change)} is another model`, async () => {
    const { checkpoint, prompt, logits } = goldenModel(name);
    const session = sessionOf(changed(checkpoint, change), 'bf16');
    assert.ok(largestDifference(await scoreWindow(session, prompt), logits) > 1e-3);
    session.dispose();
  });
}

test('the scale of Gemma\'s embeddings is in the type that they are stored in', async () => {
  const { checkpoint, prompt, logits } = goldenModel('gemma3');
  const widened: Checkpoint = { ...checkpoint, baseFormat: 'fp32', stored: (name) => ({ ...checkpoint.tensor(name), format: 'fp32', parts: { values: checkpoint.tensor(name).values } }) };
  const session = sessionOf(widened, 'fp32');
  assert.ok(largestDifference(await scoreWindow(session, prompt), logits) > 1e-4);
  session.dispose();
});

const REFUSED: readonly (readonly [model: string, change: Change, message: RegExp])[] = [
  ['llama_llama3', { rope_scaling: { type: 'dynamic', factor: 2 } }, /rope_type is "dynamic"; supported: default, linear, llama3/],
  ['llama_llama3', { rope_parameters: { rope_type: 'yarn', factor: 2, rope_theta: 1 } }, /rope_type is "yarn"; supported/],
  ['llama_llama3', { rope_parameters: { rope_type: 'linear' } }, /factor is missing; it must be a number above 0/],
  ['llama_llama3', { rope_parameters: { rope_type: 'llama3', factor: 8, low_freq_factor: 4, high_freq_factor: 4 } }, /high_freq_factor is 4; it must be larger than low_freq_factor, 4/],
  ['llama_llama3', { rope_parameters: { rope_type: 'llama3', factor: 8, low_freq_factor: 1 } }, /high_freq_factor is missing/],
  ['llama_llama3', { rope_parameters: { full_attention: {} } }, /rope_parameters has full_attention; supported: one rotary embedding for all layers/],
  ['llama_llama3', { partial_rotary_factor: 0.5 }, /partial_rotary_factor is 0.5; supported: 1/],
  ['llama_llama3', { quantization_config: { quant_method: 'gptq' } }, /quantization_config says that the weights are quantized; supported: weights of F32, F16 or BF16/],
  ['mistral_window', { sliding_window: 0 }, /sliding_window is 0; it must be a whole number from 1/],
  ['mistral_window', { num_key_value_heads: undefined }, /num_key_value_heads is missing/],
  ['qwen2_window', { layer_types: ['full_attention', 'linear_attention'] }, /layer_types is \["full_attention","linear_attention"\]; it must be a list of 2, one for each layer: full_attention or sliding_attention/],
  ['qwen2_window', { layer_types: ['full_attention'] }, /it must be a list of 2/],
  ['qwen3_bias', { max_window_layers: -1 }, /max_window_layers is -1; it must be a whole number from 0/],
  ['qwen3_bias', { hidden_act: 'gelu' }, /hidden_act is "gelu"; supported: silu/],
  ['falcon_one_norm', { alibi: true }, /alibi is true, positions as biases of attention; supported: false, rotary embedding/],
  ['falcon_one_norm', { parallel_attn: false }, /parallel_attn is false with new_decoder_architecture; supported: true/],
  ['falcon_one_norm', { num_kv_heads: 4 }, /num_attention_heads 6 is not a multiple of num_kv_heads 4/],
  ['falcon_one_norm', { num_ln_in_parallel_attn: 3 }, /num_ln_in_parallel_attn is 3; it must be a whole number from 1 to 2/],
  ['falcon_multi_query', { num_ln_in_parallel_attn: 2 }, /num_ln_in_parallel_attn is 2 without new_decoder_architecture/],
  ['falcon_multi_query', { activation: 'relu' }, /activation is "relu"; supported: gelu/],
  ['falcon_multi_query', { num_attention_heads: 7 }, /hidden_size 48 makes 7 heads of/],
  ['neox_parallel', { hidden_act: 'quick_gelu' }, /hidden_act is "quick_gelu"; supported: gelu, /],
  ['neox_parallel', { rope_parameters: { partial_rotary_factor: 0.2 } }, /rotary_pct 0.2 turns 3 elements of each head's 16; it must be an even number/],
  ['neox_parallel', { rope_parameters: { partial_rotary_factor: 2 } }, /rotary_pct 2 turns 32/],
  ['neox_parallel', { num_attention_heads: 5 }, /hidden_size 48 is not a multiple of num_attention_heads 5/],
  ['gemma3', { final_logit_softcapping: 30 }, /final_logit_softcapping is 30; supported: null/],
  ['gemma3', { attn_logit_softcapping: 50 }, /attn_logit_softcapping is 50; supported: null/],
  ['gemma3', { use_bidirectional_attention: true }, /use_bidirectional_attention is true; supported: false, null/],
  ['gemma3', { rope_parameters: { full_attention: 3 } }, /rope_parameters.full_attention is 3; it must be an object/],
  ['gemma3', { rope_scaling: { rope_type: 'yarn', factor: 8 } }, /rope_type is "yarn"; supported/],
  ['gemma3', { query_pre_attn_scalar: 0 }, /query_pre_attn_scalar is 0; it must be a number above 0/],
];

test('what is not computed is refused with its name, its value and what is supported', () => {
  for (const [name, change, message] of REFUSED) {
    const { checkpoint } = goldenModel(name);
    assert.throws(() => architectureOf(changed(checkpoint, change)), message);
  }
});

test('the code of a cell is the file of its architecture', () => {
  for (const { name } of architectures) {
    const [file] = registerEntries({ architecture: name, baseFormat: 'fp16', weightCode: [] }, []);
    assert.ok(existsSync(new URL(`../../${file}`, import.meta.url)), file);
  }
  assert.throws(() => architectureNamed('gemma3'), /known are llama, mistral, qwen2, qwen3, falcon, gpt_neox, gemma3_text/);
});

test.run();
