/**
 * Gemma 3, its language model (Gemma Team, arXiv 2503.19786): embeddings scaled by the square root of their length, RMSNorm by 1 + weight
 * before and after each half of a layer and of each head's queries and keys, GELU-gated feed-forward; most layers see a window and have a
 * rotary embedding of their own. Follows Hugging Face transformers' Gemma3ForCausalLM.
 */
import { fromBf16, roundToFp16, toBf16 } from '../half.ts';
import type { Architecture, ModelConfig, ModelShape } from '../models.ts';
import { readGelu } from './activations.ts';
import { readSettings, type Settings } from './config.ts';
import { takeLinear, weightNames, type Linear } from './linears.ts';
import { ropeOf, ropeTables, type Rope, type RopeParameters } from './rope.ts';
import { readAlternatingWindows } from './windows.ts';

/** transformers' defaults. */
const DEFAULT_HEAD_DIM = 256;
const DEFAULT_QUERY_SCALAR = 256;
const DEFAULT_WINDOW = 4096;
const DEFAULT_EVERY = 6;
const DEFAULT_GLOBAL_THETA = 1_000_000;
const DEFAULT_LOCAL_THETA = 10_000;

interface Gemma3 extends ModelShape {
  /** Of layers that see all, and of those that see a window. */
  readonly ropes: { readonly whole: Rope; readonly window: Rope };
  readonly windows: readonly number[];
  readonly normEps: number;
  readonly attentionBias: boolean;
  readonly gelu: 'erf' | 'tanh';
  /** What queries are multiplied by before the engine's 1 / sqrt(headDim). */
  readonly queryFactor: number;
}

function read(config: ModelConfig): Gemma3 {
  return readSettings(config, (settings) => {
    const heads = settings.count('num_attention_heads', 1024);
    const kvHeads = settings.count('num_key_value_heads', 1024);
    const headDim = settings.count('head_dim', 1024, DEFAULT_HEAD_DIM);
    const layers = settings.count('num_hidden_layers', 1024);
    if (heads % kvHeads !== 0) settings.problem(`num_attention_heads ${heads} is not a multiple of num_key_value_heads ${kvHeads}`);
    if (headDim % 2 !== 0) settings.problem(`head_dim is ${headDim}; rotary embedding needs an even number`);
    settings.unset('attn_logit_softcapping');
    settings.unset('final_logit_softcapping');
    settings.unset('use_bidirectional_attention', [false]);
    const queryScalar = settings.positive('query_pre_attn_scalar', settings.raw('query_pre_attn_scalar') ?? DEFAULT_QUERY_SCALAR);
    return {
      layers, hiddenSize: settings.count('hidden_size', 1 << 16), heads, kvHeads, headDim,
      feedForwardSize: settings.count('intermediate_size', 1 << 20),
      vocabulary: settings.count('vocab_size', 1 << 22),
      contextTokens: settings.count('max_position_embeddings', 1 << 20),
      tiedEmbeddings: settings.flag('tie_word_embeddings', true),
      ropes: readRopes(settings),
      windows: readAlternatingWindows(settings, layers, DEFAULT_WINDOW, DEFAULT_EVERY),
      normEps: settings.positive('rms_norm_eps', settings.raw('rms_norm_eps') ?? 1e-6),
      attentionBias: settings.flag('attention_bias', false),
      gelu: readGelu(settings, 'hidden_activation', 'gelu_pytorch_tanh'),
      queryFactor: Math.sqrt(headDim / queryScalar),
    };
  });
}

/** transformers 5 writes rope_parameters by the layers' type; earlier versions rope_theta and rope_scaling of those that see all, and rope_local_base_freq. */
function readRopes(settings: Settings): Gemma3['ropes'] {
  const byType = settings.object('rope_parameters') ?? {};
  const of = (type: string): RopeParameters => {
    const value = byType[type] ?? {};
    if (typeof value === 'object' && !Array.isArray(value)) return value as RopeParameters;
    settings.problem(`rope_parameters.${type} is ${JSON.stringify(value)}; it must be an object`);
    return {};
  };
  const whole = { ...of('full_attention'), ...settings.object('rope_scaling') };
  const window = of('sliding_attention');
  return {
    whole: ropeOf(settings, whole, whole['rope_theta'] ?? settings.raw('rope_theta') ?? DEFAULT_GLOBAL_THETA),
    window: ropeOf(settings, window, window['rope_theta'] ?? settings.raw('rope_local_base_freq') ?? DEFAULT_LOCAL_THETA),
  };
}

function shapeOf(config: ModelConfig): ModelShape {
  const { ropes: _ropes, windows: _windows, normEps: _eps, attentionBias: _bias, gelu: _gelu, queryFactor: _factor, ...shape } = read(config);
  return shape;
}

/** The linear layers of layer `index`: tensor name without '.weight', [outFeatures, inFeatures]. */
function linears({ hiddenSize, heads, kvHeads, headDim, feedForwardSize }: Gemma3, index: number): Record<'q' | 'k' | 'v' | 'o' | 'gate' | 'up' | 'down', Linear> {
  const at = `model.layers.${index}`;
  return {
    q: [`${at}.self_attn.q_proj`, heads * headDim, hiddenSize],
    k: [`${at}.self_attn.k_proj`, kvHeads * headDim, hiddenSize],
    v: [`${at}.self_attn.v_proj`, kvHeads * headDim, hiddenSize],
    o: [`${at}.self_attn.o_proj`, hiddenSize, heads * headDim],
    gate: [`${at}.mlp.gate_proj`, feedForwardSize, hiddenSize],
    up: [`${at}.mlp.up_proj`, feedForwardSize, hiddenSize],
    down: [`${at}.mlp.down_proj`, hiddenSize, feedForwardSize],
  };
}

/** sqrt(hiddenSize) as fp32, then in the type that the embeddings are stored in: what the model was trained with. */
function embeddingScale(hiddenSize: number, storedAs: string): number {
  const scale = Math.fround(Math.sqrt(hiddenSize));
  return storedAs === 'bf16' ? fromBf16(toBf16(Float32Array.of(scale)))[0]! : storedAs === 'fp16' ? roundToFp16(scale) : scale;
}

export const gemma3Text: Architecture = {
  name: 'gemma3_text',
  title: 'Gemma 3',
  feedForwardMatrices: 3,
  shape: shapeOf,

  linearNames(config) {
    const model = read(config);
    return weightNames(model.layers, (index) => linears(model, index));
  },

  load(config, source, positions) {
    const model = read(config);
    const { hiddenSize, heads, kvHeads, headDim, vocabulary, normEps, attentionBias, queryFactor } = model;
    const linear = (one: Linear, hasBias = false) => takeLinear(source, one, hasBias);
    const norm = (name: string, length = hiddenSize) => source.vector(`${name}.weight`, length, 1);
    const rotaryOf = (rope: Rope) => source.rotary(ropeTables(rope, headDim, positions));
    const rotaries = { whole: rotaryOf(model.ropes.whole), window: rotaryOf(model.ropes.window) };
    const embedding = source.weight('model.embed_tokens.weight', vocabulary, hiddenSize);
    const scale = embeddingScale(hiddenSize, embedding.format);
    const layers = Array.from({ length: model.layers }, (_, index) => {
      const parts = linears(model, index);
      const at = `model.layers.${index}`;
      const window = model.windows[index]!;
      return {
        inputNorm: norm(`${at}.input_layernorm`),
        attentionNorm: norm(`${at}.post_attention_layernorm`),
        innerNorm: norm(`${at}.pre_feedforward_layernorm`),
        feedForwardNorm: norm(`${at}.post_feedforward_layernorm`),
        queryNorm: norm(`${at}.self_attn.q_norm`, headDim),
        keyNorm: norm(`${at}.self_attn.k_norm`, headDim),
        q: linear(parts.q, attentionBias),
        k: linear(parts.k, attentionBias),
        v: linear(parts.v, attentionBias),
        o: linear(parts.o, attentionBias),
        gate: linear(parts.gate),
        up: linear(parts.up),
        down: linear(parts.down),
        attention: { heads, kvHeads, headDim, window },
        rotary: window > 0 ? rotaries.window : rotaries.whole,
      };
    });
    const finalNorm = norm('model.norm');
    const head = source.head('lm_head.weight', { name: 'model.embed_tokens.weight', weight: embedding }, model.tiedEmbeddings);

    return {
      shape: shapeOf(config),
      forward(ops, rows, cache, wanted) {
        ops.begin(rows);
        let x = ops.scale(ops.embed(embedding), scale);
        layers.forEach((layer, index) => {
          const normed = ops.rmsNorm(x, layer.inputNorm, normEps);
          let q = ops.linear(normed, layer.q.weight, layer.q.bias);
          let k = ops.linear(normed, layer.k.weight, layer.k.bias);
          const v = ops.linear(normed, layer.v.weight, layer.v.bias);
          q = ops.rotate(ops.headNorm(q, layer.queryNorm, normEps), layer.rotary, headDim);
          k = ops.rotate(ops.headNorm(k, layer.keyNorm, normEps), layer.rotary, headDim);
          if (queryFactor !== 1) q = ops.scale(q, queryFactor);
          const attended = ops.linear(ops.attention(q, k, v, cache, index, layer.attention), layer.o.weight, layer.o.bias);
          x = ops.add(x, ops.rmsNorm(attended, layer.attentionNorm, normEps));
          const inner = ops.rmsNorm(x, layer.innerNorm, normEps);
          const gate = ops.linear(inner, layer.gate.weight, layer.gate.bias);
          const up = ops.linear(inner, layer.up.weight, layer.up.bias);
          const made = ops.linear(ops.mul(ops.gelu(gate, model.gelu), up), layer.down.weight, layer.down.bias);
          x = ops.add(x, ops.rmsNorm(made, layer.feedForwardNorm, normEps));
        });
        if (wanted) x = ops.take(x, wanted);
        return ops.linear(ops.rmsNorm(x, finalNorm, normEps), head);
      },
    };
  },
};
