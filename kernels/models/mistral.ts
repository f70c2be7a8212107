/** Mistral (Jiang et al., arXiv 2310.06825): Llama with a sliding window. Follows Hugging Face transformers' MistralForCausalLM. */
import { gatedDecoder, readGated } from './gated-decoder.ts';

/** transformers' window where the setting is absent; null is none. */
const DEFAULT_WINDOW = 4096;

export const mistral = gatedDecoder('mistral', 'Mistral', (settings) => {
  const model = readGated(settings);
  const window = settings.isNull('sliding_window') ? 0 : settings.count('sliding_window', 1 << 24, DEFAULT_WINDOW);
  return { ...model, windows: model.windows.map(() => window) };
});
