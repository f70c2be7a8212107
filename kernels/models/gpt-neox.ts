/**
 * GPT-NeoX (Black et al., arXiv 2204.06745; Pythia, arXiv 2304.01373): layer norms, one matrix for queries, keys and values, rotary embedding
 * of a part of each head, GELU; attention and feed-forward side by side on the layer's input, or one after the other. Follows Hugging Face
 * transformers' GPTNeoXForCausalLM.
 */
import type { Architecture, ModelConfig, ModelShape } from '../models.ts';
import { readGelu } from './activations.ts';
import { readSettings } from './config.ts';
import { takeLinear, weightNames, type Linear } from './linears.ts';
import { ropeOf, ropeParameters, ropeTables, type Rope } from './rope.ts';

interface GptNeox extends ModelShape {
  readonly rope: Rope;
  /** Elements of a head that turn. */
  readonly rotaryDim: number;
  readonly normEps: number;
  readonly attentionBias: boolean;
  readonly gelu: 'erf' | 'tanh';
  readonly parallel: boolean;
}

function read(config: ModelConfig): GptNeox {
  return readSettings(config, (settings) => {
    const hiddenSize = settings.count('hidden_size', 1 << 16);
    const heads = settings.count('num_attention_heads', 1024);
    const headDim = hiddenSize / heads;
    if (!Number.isInteger(headDim)) settings.problem(`hidden_size ${hiddenSize} is not a multiple of num_attention_heads ${heads}`);
    const parameters = ropeParameters(settings);
    const part = settings.positive('rotary_pct', parameters['partial_rotary_factor'] ?? settings.raw('rotary_pct') ?? 0.25);
    const rotaryDim = Math.floor(headDim * part);
    if (part > 1 || rotaryDim < 2 || rotaryDim % 2 !== 0) settings.problem(`rotary_pct ${part} turns ${rotaryDim} elements of each head's ${headDim}; it must be an even number of them`);
    return {
      layers: settings.count('num_hidden_layers', 1024),
      hiddenSize, heads, kvHeads: heads, headDim,
      feedForwardSize: settings.count('intermediate_size', 1 << 20),
      vocabulary: settings.count('vocab_size', 1 << 22),
      contextTokens: settings.count('max_position_embeddings', 1 << 20),
      tiedEmbeddings: settings.flag('tie_word_embeddings', false),
      rope: ropeOf(settings, parameters, parameters['rope_theta'] ?? settings.raw('rotary_emb_base') ?? 10000),
      rotaryDim,
      normEps: settings.positive('layer_norm_eps', settings.raw('layer_norm_eps') ?? 1e-5),
      attentionBias: settings.flag('attention_bias', true),
      gelu: readGelu(settings, 'hidden_act', 'gelu'),
      parallel: settings.flag('use_parallel_residual', true),
    };
  });
}

function shapeOf(config: ModelConfig): ModelShape {
  const { rope: _rope, rotaryDim: _dim, normEps: _eps, attentionBias: _bias, gelu: _gelu, parallel: _parallel, ...shape } = read(config);
  return shape;
}

/** The linear layers of layer `index`: tensor name without '.weight', [outFeatures, inFeatures]. */
function linears({ hiddenSize, feedForwardSize }: GptNeox, index: number): Record<'qkv' | 'dense' | 'up' | 'down', Linear> {
  const at = `gpt_neox.layers.${index}`;
  return {
    qkv: [`${at}.attention.query_key_value`, 3 * hiddenSize, hiddenSize],
    dense: [`${at}.attention.dense`, hiddenSize, hiddenSize],
    up: [`${at}.mlp.dense_h_to_4h`, feedForwardSize, hiddenSize],
    down: [`${at}.mlp.dense_4h_to_h`, hiddenSize, feedForwardSize],
  };
}

export const gptNeox: Architecture = {
  name: 'gpt_neox',
  title: 'GPT-NeoX',
  feedForwardMatrices: 2,
  shape: shapeOf,

  linearNames(config) {
    const model = read(config);
    return weightNames(model.layers, (index) => linears(model, index));
  },

  load(config, source, positions) {
    const model = read(config);
    const { hiddenSize, heads, headDim, vocabulary, normEps, attentionBias } = model;
    const linear = (one: Linear, hasBias: boolean) => takeLinear(source, one, hasBias);
    const norm = (name: string) => ({ weight: source.vector(`${name}.weight`, hiddenSize), bias: source.vector(`${name}.bias`, hiddenSize) });
    const embedding = source.weight('gpt_neox.embed_in.weight', vocabulary, hiddenSize);
    const layers = Array.from({ length: model.layers }, (_, index) => {
      const parts = linears(model, index);
      return {
        inputNorm: norm(`gpt_neox.layers.${index}.input_layernorm`),
        postNorm: norm(`gpt_neox.layers.${index}.post_attention_layernorm`),
        qkv: linear(parts.qkv, attentionBias),
        dense: linear(parts.dense, attentionBias),
        up: linear(parts.up, true),
        down: linear(parts.down, true),
      };
    });
    const finalNorm = norm('gpt_neox.final_layer_norm');
    const head = source.head('embed_out.weight', { name: 'gpt_neox.embed_in.weight', weight: embedding }, model.tiedEmbeddings);
    const rotary = source.rotary(ropeTables(model.rope, model.rotaryDim, positions));
    const attention = { heads, kvHeads: heads, headDim, window: 0 };

    return {
      shape: shapeOf(config),
      forward(ops, rows, cache, wanted) {
        ops.begin(rows);
        let x = ops.embed(embedding);
        layers.forEach((layer, index) => {
          const normed = ops.layerNorm(x, layer.inputNorm.weight, layer.inputNorm.bias, normEps);
          const fused = ops.linear(normed, layer.qkv.weight, layer.qkv.bias);
          // The fused product has each head's query, key and value side by side.
          const [q, k, v] = [0, 1, 2].map((part) => ops.columns(fused, 3 * headDim, part * headDim, headDim));
          const attended = ops.attention(ops.rotate(q!, rotary, headDim), ops.rotate(k!, rotary, headDim), v!, cache, index, attention);
          const after = ops.linear(attended, layer.dense.weight, layer.dense.bias, x);
          const inner = ops.layerNorm(model.parallel ? x : after, layer.postNorm.weight, layer.postNorm.bias, normEps);
          x = ops.linear(ops.gelu(ops.linear(inner, layer.up.weight, layer.up.bias), model.gelu), layer.down.weight, layer.down.bias, after);
        });
        if (wanted) x = ops.take(x, wanted);
        return ops.linear(ops.layerNorm(x, finalNorm.weight, finalNorm.bias, normEps), head);
      },
    };
  },
};
