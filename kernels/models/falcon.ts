/**
 * Falcon (Almazrouei et al., arXiv 2311.16867): layer norms, one matrix for queries, keys and values, GELU. In its first form all heads share
 * one key and value, or none do; in the new decoder architecture groups do. Attention and feed-forward work side by side on the layer's
 * input, or one after the other. Follows Hugging Face transformers' FalconForCausalLM.
 */
import type { Architecture, ModelConfig, ModelShape } from '../models.ts';
import { readGelu } from './activations.ts';
import { readSettings } from './config.ts';
import { takeLinear, weightNames, type Linear } from './linears.ts';
import { readRope, ropeTables, type Rope } from './rope.ts';

interface Falcon extends ModelShape {
  readonly rope: Rope;
  readonly normEps: number;
  readonly bias: boolean;
  readonly gelu: 'erf' | 'tanh';
  /** Norms of a layer: one for both halves; one for each, of the layer's input; one after the other. */
  readonly norms: 'shared' | 'separate' | 'sequential';
}

function read(config: ModelConfig): Falcon {
  return readSettings(config, (settings) => {
    const hiddenSize = settings.count(settings.raw('n_embed') === undefined ? 'hidden_size' : 'n_embed', 1 << 16);
    const heads = settings.count('num_attention_heads', 1024);
    const headDim = hiddenSize / heads;
    const grouped = settings.flag('new_decoder_architecture', false);
    const multiQuery = settings.flag('multi_query', true);
    const parallel = settings.flag('parallel_attn', true);
    const kvHeads = grouped ? settings.count('num_kv_heads', 1024, heads) : multiQuery ? 1 : heads;
    if (!Number.isInteger(headDim) || headDim % 2 !== 0) settings.problem(`hidden_size ${hiddenSize} makes ${heads} heads of ${headDim}; rotary embedding needs an even number`);
    if (heads % kvHeads !== 0) settings.problem(`num_attention_heads ${heads} is not a multiple of num_kv_heads ${kvHeads}`);
    if (settings.flag('alibi', false)) settings.problem('alibi is true, positions as biases of attention; supported: false, rotary embedding');
    // The new architecture knows only side by side, and transformers, told otherwise, makes norms that it then does not find.
    if (grouped && !parallel) settings.problem('parallel_attn is false with new_decoder_architecture; supported: true');
    const normCount = settings.count('num_ln_in_parallel_attn', 2, grouped ? 2 : 1);
    if (!grouped && parallel && normCount === 2) settings.problem('num_ln_in_parallel_attn is 2 without new_decoder_architecture; supported: 1, null');
    return {
      layers: settings.count('num_hidden_layers', 1024),
      hiddenSize, heads, kvHeads, headDim,
      feedForwardSize: settings.count('ffn_hidden_size', 1 << 20, 4 * hiddenSize),
      vocabulary: settings.count('vocab_size', 1 << 22),
      contextTokens: settings.count('max_position_embeddings', 1 << 20, 2048),
      tiedEmbeddings: settings.flag('tie_word_embeddings', true),
      rope: readRope(settings),
      normEps: settings.positive('layer_norm_epsilon', settings.raw('layer_norm_epsilon') ?? 1e-5),
      bias: settings.flag('bias', false),
      gelu: readGelu(settings, 'activation', 'gelu'),
      norms: !parallel ? 'sequential' : normCount === 2 ? 'separate' : 'shared',
    };
  });
}

function shapeOf(config: ModelConfig): ModelShape {
  const { rope: _rope, normEps: _eps, bias: _bias, gelu: _gelu, norms: _norms, ...shape } = read(config);
  return shape;
}

/** The linear layers of layer `index`: tensor name without '.weight', [outFeatures, inFeatures]. */
function linears({ hiddenSize, heads, kvHeads, headDim, feedForwardSize }: Falcon, index: number): Record<'qkv' | 'dense' | 'up' | 'down', Linear> {
  const at = `transformer.h.${index}`;
  return {
    qkv: [`${at}.self_attention.query_key_value`, (heads + 2 * kvHeads) * headDim, hiddenSize],
    dense: [`${at}.self_attention.dense`, hiddenSize, hiddenSize],
    up: [`${at}.mlp.dense_h_to_4h`, feedForwardSize, hiddenSize],
    down: [`${at}.mlp.dense_4h_to_h`, hiddenSize, feedForwardSize],
  };
}

export const falcon: Architecture = {
  name: 'falcon',
  title: 'Falcon',
  feedForwardMatrices: 2,
  shape: shapeOf,

  linearNames(config) {
    const model = read(config);
    return weightNames(model.layers, (index) => linears(model, index));
  },

  load(config, source, positions) {
    const model = read(config);
    const { hiddenSize, heads, kvHeads, headDim, vocabulary, normEps, norms } = model;
    const linear = (one: Linear) => takeLinear(source, one, model.bias);
    const norm = (name: string) => ({ weight: source.vector(`${name}.weight`, hiddenSize), bias: source.vector(`${name}.bias`, hiddenSize) });
    const embedding = source.weight('transformer.word_embeddings.weight', vocabulary, hiddenSize);
    const layers = Array.from({ length: model.layers }, (_, index) => {
      const parts = linears(model, index);
      const at = `transformer.h.${index}`;
      return {
        attentionNorm: norm(`${at}.${norms === 'separate' ? 'ln_attn' : 'input_layernorm'}`),
        // None where both halves share one.
        feedForwardNorm: norms === 'shared' ? undefined : norm(`${at}.${norms === 'separate' ? 'ln_mlp' : 'post_attention_layernorm'}`),
        qkv: linear(parts.qkv),
        dense: linear(parts.dense),
        up: linear(parts.up),
        down: linear(parts.down),
      };
    });
    const finalNorm = norm('transformer.ln_f');
    const head = source.head('lm_head.weight', { name: 'transformer.word_embeddings.weight', weight: embedding }, model.tiedEmbeddings);
    const rotary = source.rotary(ropeTables(model.rope, headDim, positions));
    const attention = { heads, kvHeads, headDim, window: 0 };
    // The fused product has, for each key's group, its queries, then the key, then the value.
    const queries = (heads / kvHeads) * headDim;
    const group = queries + 2 * headDim;

    return {
      shape: shapeOf(config),
      forward(ops, rows, cache, wanted) {
        ops.begin(rows);
        let x = ops.embed(embedding);
        layers.forEach((layer, index) => {
          const normed = ops.layerNorm(x, layer.attentionNorm.weight, layer.attentionNorm.bias, normEps);
          const fused = ops.linear(normed, layer.qkv.weight, layer.qkv.bias);
          const q = ops.columns(fused, group, 0, queries);
          const k = ops.columns(fused, group, queries, headDim);
          const v = ops.columns(fused, group, queries + headDim, headDim);
          const attended = ops.attention(ops.rotate(q, rotary, headDim), ops.rotate(k, rotary, headDim), v, cache, index, attention);
          const after = ops.linear(attended, layer.dense.weight, layer.dense.bias, x);
          const { feedForwardNorm } = layer;
          const inner = feedForwardNorm === undefined ? normed : ops.layerNorm(norms === 'separate' ? x : after, feedForwardNorm.weight, feedForwardNorm.bias, normEps);
          x = ops.linear(ops.gelu(ops.linear(inner, layer.up.weight, layer.up.bias), model.gelu), layer.down.weight, layer.down.bias, after);
        });
        if (wanted) x = ops.take(x, wanted);
        return ops.linear(ops.layerNorm(x, finalNorm.weight, finalNorm.bias, normEps), head);
      },
    };
  },
};
