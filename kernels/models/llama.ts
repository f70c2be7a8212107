/**
 * Llama (Touvron et al., arXiv 2302.13971; grouped-query attention as in Llama 2, scaled rotary embedding as in Llama 3.1). Follows Hugging
 * Face transformers' LlamaForCausalLM.
 */
import { gatedDecoder, readGated } from './gated-decoder.ts';

export const llama = gatedDecoder('llama', 'Llama', (settings) => {
  const attention = settings.flag('attention_bias', false);
  const feedForward = settings.flag('mlp_bias', false);
  return { ...readGated(settings, { kvHeads: 'heads' }), biases: { qkv: attention, output: attention, feedForward } };
});
