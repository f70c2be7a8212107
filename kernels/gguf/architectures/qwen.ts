/** What qwen2 and qwen3 share: rows are in the order of Hugging Face's layout. */
import type { GgufArchitecture } from '../architectures.ts';
import { decoderName } from './places.ts';
import { decoderSettings, scalingSettings } from './settings.ts';

/** The architecture of that name. */
export function qwen(name: 'qwen2' | 'qwen3'): GgufArchitecture {
  return {
    name,
    config: (file) => ({ model_type: name, hidden_act: 'silu', ...decoderSettings(file, name), ...scalingSettings(file, name), ...(name === 'qwen3' ? { attention_bias: false } : {}), use_sliding_window: false }),
    place: (tensor) => decoderName(tensor),
  };
}
