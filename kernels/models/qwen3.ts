/** Qwen 3 (Yang et al., arXiv 2505.09388): Llama with a norm of each head's queries and keys, and windows in some layers. Follows Hugging Face transformers' Qwen3ForCausalLM. */
import { gatedDecoder, readGated } from './gated-decoder.ts';
import { readQwenWindows } from './windows.ts';

/** transformers' where the setting is absent. */
const DEFAULT_HEAD_DIM = 128;

export const qwen3 = gatedDecoder('qwen3', 'Qwen 3', (settings) => {
  const model = readGated(settings, { headDim: DEFAULT_HEAD_DIM });
  const attention = settings.flag('attention_bias', false);
  return { ...model, biases: { qkv: attention, output: attention, feedForward: false }, headNorms: true, windows: readQwenWindows(settings, model.layers) };
});
