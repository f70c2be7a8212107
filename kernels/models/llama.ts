/**
 * Llama (Touvron et al., arXiv 2302.13971; grouped-query attention as in Llama 2): RMSNorm before each half of a layer, rotary
 * embedding, SiLU-gated feed-forward, tied or untied output head. Follows Hugging Face transformers' LlamaForCausalLM.
 */
import type { Architecture, ModelConfig, ModelShape } from '../models.ts';
import type { AttentionShape } from '../ops.ts';
import { rotaryTables } from '../rotary.ts';
import { Settings } from './config.ts';

interface Llama extends ModelShape {
  readonly ropeTheta: number;
  readonly normEps: number;
  readonly attentionBias: boolean;
  readonly mlpBias: boolean;
}

function read(config: ModelConfig): Llama {
  const settings = new Settings(config);
  const hiddenSize = settings.count('hidden_size', 1 << 16);
  const heads = settings.count('num_attention_heads', 1024);
  const kvHeads = settings.count('num_key_value_heads', 1024, heads);
  const headDim = settings.count('head_dim', 1024, hiddenSize / heads);
  // transformers 5 writes rope_parameters, earlier versions rope_theta and rope_scaling.
  const rope = settings.object('rope_parameters') ?? { ...settings.object('rope_scaling'), rope_theta: settings.raw('rope_theta') ?? 10000 };
  const model: Llama = {
    layers: settings.count('num_hidden_layers', 1024),
    hiddenSize,
    heads,
    kvHeads,
    headDim,
    feedForwardSize: settings.count('intermediate_size', 1 << 20),
    vocabulary: settings.count('vocab_size', 1 << 22),
    contextTokens: settings.count('max_position_embeddings', 1 << 20),
    tiedEmbeddings: settings.flag('tie_word_embeddings', false),
    ropeTheta: settings.positive('rope_theta', rope['rope_theta']),
    normEps: settings.positive('rms_norm_eps', settings.raw('rms_norm_eps') ?? 1e-6),
    attentionBias: settings.flag('attention_bias', false),
    mlpBias: settings.flag('mlp_bias', false),
  };
  if (heads % kvHeads !== 0) settings.problem(`num_attention_heads ${heads} is not a multiple of num_key_value_heads ${kvHeads}`);
  if (headDim % 2 !== 0) settings.problem(`head_dim is ${headDim}; rotary embedding needs an even number`);
  settings.oneOf('hidden_act', settings.raw('hidden_act') ?? 'silu', ['silu']);
  settings.oneOf('rope_type', rope['rope_type'] ?? rope['type'] ?? 'default', ['default']);
  settings.done();
  return model;
}

/** The linear layers of layer `index`: tensor name without '.weight', [outFeatures, inFeatures]. */
function linears(model: Llama, index: number): Record<'q' | 'k' | 'v' | 'o' | 'gate' | 'up' | 'down', readonly [name: string, outFeatures: number, inFeatures: number]> {
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

export const llama: Architecture = {
  name: 'llama',
  title: 'Llama',

  shape(config) {
    const { ropeTheta: _theta, normEps: _eps, attentionBias: _attention, mlpBias: _mlp, ...shape } = read(config);
    return shape;
  },

  linearNames(config) {
    const model = read(config);
    return Array.from({ length: model.layers }, (_, index) => Object.values(linears(model, index)).map(([name]) => `${name}.weight`)).flat();
  },

  load(config, source, ops, positions) {
    const model = read(config);
    const { hiddenSize, headDim, vocabulary, normEps } = model;
    const linear = ([name, outFeatures, inFeatures]: readonly [string, number, number], hasBias: boolean) => ({
      weight: source.weight(`${name}.weight`, outFeatures, inFeatures),
      bias: hasBias ? source.vector(`${name}.bias`, outFeatures) : undefined,
    });
    const embedding = source.weight('model.embed_tokens.weight', vocabulary, hiddenSize);
    const layers = Array.from({ length: model.layers }, (_, index) => {
      const parts = linears(model, index);
      return {
        inputNorm: source.vector(`model.layers.${index}.input_layernorm.weight`, hiddenSize),
        postNorm: source.vector(`model.layers.${index}.post_attention_layernorm.weight`, hiddenSize),
        q: linear(parts.q, model.attentionBias),
        k: linear(parts.k, model.attentionBias),
        v: linear(parts.v, model.attentionBias),
        o: linear(parts.o, model.attentionBias),
        gate: linear(parts.gate, model.mlpBias),
        up: linear(parts.up, model.mlpBias),
        down: linear(parts.down, model.mlpBias),
      };
    });
    const finalNorm = source.vector('model.norm.weight', hiddenSize);
    const head = model.tiedEmbeddings ? embedding : source.weight('lm_head.weight', vocabulary, hiddenSize);
    const tables = rotaryTables(model.ropeTheta, headDim, positions);
    const rotary = ops.rotary(tables.cos, tables.sin, tables.positions, tables.halfDim);
    const attention: AttentionShape = { heads: model.heads, kvHeads: model.kvHeads, headDim, window: 0 };

    return {
      shape: llama.shape(config),
      forward(rows, cache, wanted) {
        ops.begin(rows);
        let x = ops.embed(embedding);
        layers.forEach((layer, index) => {
          const normed = ops.rmsNorm(x, layer.inputNorm, normEps);
          // All three before what waits for one of them: they may run at the same time.
          const q = ops.linear(normed, layer.q.weight, layer.q.bias);
          const k = ops.linear(normed, layer.k.weight, layer.k.bias);
          const v = ops.linear(normed, layer.v.weight, layer.v.bias);
          const attended = ops.attention(ops.rotate(q, rotary, headDim), ops.rotate(k, rotary, headDim), v, cache, index, attention);
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
