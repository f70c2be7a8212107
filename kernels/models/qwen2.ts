/** Qwen 2 and 2.5 (Yang et al., arXiv 2407.10671): Llama with biases of queries, keys and values, and windows in some layers. Follows Hugging Face transformers' Qwen2ForCausalLM. */
import { gatedDecoder, readGated } from './gated-decoder.ts';
import { readQwenWindows } from './windows.ts';

export const qwen2 = gatedDecoder('qwen2', 'Qwen 2', (settings) => {
  const model = readGated(settings);
  return { ...model, biases: { qkv: true, output: false, feedForward: false }, windows: readQwenWindows(settings, model.layers) };
});
