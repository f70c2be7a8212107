/**
 * The decoder that Llama began and Mistral and Qwen follow: RMSNorm before each half of a layer, rotary embedding, grouped queries, SiLU-gated
 * feed-forward, tied or untied output head. What tells them apart, biases, norms of heads and windows, is data; each has a file that reads
 * its config.json as Hugging Face transformers does.
 */
import type { Architecture, ModelConfig, ModelShape } from '../models.ts';
import type { Settings } from './config.ts';
import { readSettings } from './config.ts';
import { takeLinear, weightNames, type Linear } from './linears.ts';
import { readRope, ropeTables, type Rope } from './rope.ts';

export interface GatedDecoder extends ModelShape {
  readonly rope: Rope;
  readonly normEps: number;
  /** Of queries, keys and values; of attention's output; of the feed-forward network. */
  readonly biases: { readonly qkv: boolean; readonly output: boolean; readonly feedForward: boolean };
  /** RMSNorm of each head of queries and of keys, before they turn. */
  readonly headNorms: boolean;
  /** By layer: how many positions a row sees, its own among them; 0: all. */
  readonly windows: readonly number[];
}

/** What transformers takes where a config says nothing. kvHeads: the setting is required where it is absent. */
export interface GatedDefaults { readonly kvHeads?: 'heads'; readonly headDim?: number }

/** What all of them have, without biases, norms of heads and windows. */
export function readGated(settings: Settings, { kvHeads: kvDefault, headDim: headDimDefault }: GatedDefaults = {}): GatedDecoder {
  const hiddenSize = settings.count('hidden_size', 1 << 16);
  const heads = settings.count('num_attention_heads', 1024);
  const kvHeads = settings.count('num_key_value_heads', 1024, kvDefault && heads);
  const headDim = settings.count('head_dim', 1024, headDimDefault ?? hiddenSize / heads);
  const layers = settings.count('num_hidden_layers', 1024);
  if (heads % kvHeads !== 0) settings.problem(`num_attention_heads ${heads} is not a multiple of num_key_value_heads ${kvHeads}`);
  if (headDim % 2 !== 0) settings.problem(`head_dim is ${headDim}; rotary embedding needs an even number`);
  settings.oneOf('hidden_act', settings.raw('hidden_act') ?? 'silu', ['silu']);
  return {
    layers, hiddenSize, heads, kvHeads, headDim,
    feedForwardSize: settings.count('intermediate_size', 1 << 20),
    vocabulary: settings.count('vocab_size', 1 << 22),
    contextTokens: settings.count('max_position_embeddings', 1 << 20),
    tiedEmbeddings: settings.flag('tie_word_embeddings', false),
    rope: readRope(settings),
    normEps: settings.positive('rms_norm_eps', settings.raw('rms_norm_eps') ?? 1e-6),
    biases: { qkv: false, output: false, feedForward: false },
    headNorms: false,
    windows: new Array<number>(layers).fill(0),
  };
}

/** The linear layers of layer `index`: tensor name without '.weight', [outFeatures, inFeatures]. */
function linears(model: GatedDecoder, index: number): Record<'q' | 'k' | 'v' | 'o' | 'gate' | 'up' | 'down', Linear> {
  const { hiddenSize, feedForwardSize, heads, kvHeads, headDim } = model;
  const attention = `model.layers.${index}.self_attn`;
  const mlp = `model.layers.${index}.mlp`;
  return {
    q: [`${attention}.q_proj`, heads * headDim, hiddenSize],
    k: [`${attention}.k_proj`, kvHeads * headDim, hiddenSize],
    v: [`${attention}.v_proj`, kvHeads * headDim, hiddenSize],
    o: [`${attention}.o_proj`, hiddenSize, heads * headDim],
    gate: [`${mlp}.gate_proj`, feedForwardSize, hiddenSize],
    up: [`${mlp}.up_proj`, feedForwardSize, hiddenSize],
    down: [`${mlp}.down_proj`, hiddenSize, feedForwardSize],
  };
}

/** The architecture of a model_type; `readModel` reads its settings. */
export function gatedDecoder(name: string, title: string, readModel: (settings: Settings) => GatedDecoder): Architecture {
  const read = (config: ModelConfig): GatedDecoder => readSettings(config, readModel);
  const shapeOf = (config: ModelConfig): ModelShape => {
    const { rope: _rope, normEps: _eps, biases: _biases, headNorms: _norms, windows: _windows, ...shape } = read(config);
    return shape;
  };
  return {
    name,
    title,
    feedForwardMatrices: 3,
    shape: shapeOf,

    linearNames(config) {
      const model = read(config);
      return weightNames(model.layers, (index) => linears(model, index));
    },

    load(config, source, positions) {
      const model = read(config);
      const { hiddenSize, heads, kvHeads, headDim, vocabulary, normEps, biases, headNorms } = model;
      const linear = (one: Linear, hasBias: boolean) => takeLinear(source, one, hasBias);
      const embedding = source.weight('model.embed_tokens.weight', vocabulary, hiddenSize);
      const layers = Array.from({ length: model.layers }, (_, index) => {
        const parts = linears(model, index);
        const at = `model.layers.${index}`;
        return {
          inputNorm: source.vector(`${at}.input_layernorm.weight`, hiddenSize),
          postNorm: source.vector(`${at}.post_attention_layernorm.weight`, hiddenSize),
          queryNorm: headNorms ? source.vector(`${at}.self_attn.q_norm.weight`, headDim) : undefined,
          keyNorm: headNorms ? source.vector(`${at}.self_attn.k_norm.weight`, headDim) : undefined,
          q: linear(parts.q, biases.qkv),
          k: linear(parts.k, biases.qkv),
          v: linear(parts.v, biases.qkv),
          o: linear(parts.o, biases.output),
          gate: linear(parts.gate, biases.feedForward),
          up: linear(parts.up, biases.feedForward),
          down: linear(parts.down, biases.feedForward),
          attention: { heads, kvHeads, headDim, window: model.windows[index]! },
        };
      });
      const finalNorm = source.vector('model.norm.weight', hiddenSize);
      const head = source.head('lm_head.weight', { name: 'model.embed_tokens.weight', weight: embedding }, model.tiedEmbeddings);
      const rotary = source.rotary(ropeTables(model.rope, headDim, positions));

      return {
        shape: shapeOf(config),
        forward(ops, rows, cache, wanted) {
          ops.begin(rows);
          let x = ops.embed(embedding);
          layers.forEach((layer, index) => {
            const normed = ops.rmsNorm(x, layer.inputNorm, normEps);
            // All three before what waits for one of them: they may run at the same time.
            let q = ops.linear(normed, layer.q.weight, layer.q.bias);
            let k = ops.linear(normed, layer.k.weight, layer.k.bias);
            const v = ops.linear(normed, layer.v.weight, layer.v.bias);
            if (layer.queryNorm) q = ops.headNorm(q, layer.queryNorm, normEps);
            if (layer.keyNorm) k = ops.headNorm(k, layer.keyNorm, normEps);
            const attended = ops.attention(ops.rotate(q, rotary, headDim), ops.rotate(k, rotary, headDim), v, cache, index, layer.attention);
            x = ops.linear(attended, layer.o.weight, layer.o.bias, x);
            const inner = ops.rmsNorm(x, layer.postNorm, normEps);
            const gated = ops.siluMul(ops.linear(inner, layer.gate.weight, layer.gate.bias), ops.linear(inner, layer.up.weight, layer.up.bias));
            x = ops.linear(gated, layer.down.weight, layer.down.bias, x);
          });
          if (wanted) x = ops.take(x, wanted);
          return ops.linear(ops.rmsNorm(x, finalNorm, normEps), head);
        },
      };
    },
  };
}
