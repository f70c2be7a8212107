/**
 * gemma3: Gemma 3's text model. Every sixth layer attends to all of the context, the others to a window, with a rotary base of their own.
 * GGUF's writer adds 1 to the weights of norms, which Hugging Face's layout leaves to the model.
 */
import type { GgufArchitecture } from '../architectures.ts';
import { DECODER_PARTS, decoderName } from './places.ts';
import { decoderSettings, scalingSettings } from './settings.ts';

const PARTS = new Map([
  ...DECODER_PARTS, ['post_attention_norm', 'post_attention_layernorm'], ['ffn_norm', 'pre_feedforward_layernorm'], ['post_ffw_norm', 'post_feedforward_layernorm'],
]);

const PATTERN = 6;
const LOCAL_ROPE_THETA = 10000;
/** Of the 27B model, which alone scales attention by its hidden size. */
const LAYERS_27B = 62;

export const gemma3: GgufArchitecture = {
  name: 'gemma3',

  config(file) {
    const settings = decoderSettings(file, 'gemma3');
    const { num_hidden_layers: layers, hidden_size: hiddenSize, num_attention_heads: heads, head_dim: headDim } = settings as Readonly<Record<string, number>>;
    return {
      model_type: 'gemma3_text', hidden_activation: 'gelu_pytorch_tanh', ...settings, ...scalingSettings(file, 'gemma3'),
      query_pre_attn_scalar: layers === LAYERS_27B ? hiddenSize! / heads! : headDim,
      sliding_window: file.metadata.count('gemma3.attention.sliding_window'),
      rope_local_base_freq: LOCAL_ROPE_THETA,
      layer_types: Array.from({ length: Math.min(layers!, 1024) }, (_, layer) => (layer + 1) % PATTERN === 0 ? 'full_attention' : 'sliding_attention'),
      attention_bias: false, final_logit_softcapping: null, attn_logit_softcapping: null,
    };
  },

  place(name) {
    const found = decoderName(name, PARTS);
    return found?.part.endsWith('norm') ? { name: found.name, undo: (elements) => elements instanceof Float32Array ? elements.map((value) => value - 1) : refuse16(name) } : found;
  },
};

function refuse16(name: string): never {
  throw new Error(`${name} is stored in 16 bits; the norms of this architecture must be F32`);
}
