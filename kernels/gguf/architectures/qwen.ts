/** qwen2 (Qwen 2 and 2.5: biases on q, k and v) and qwen3 (norms on q and k). Rows are in the order of Hugging Face's layout. */
import type { GgufArchitecture } from '../architectures.ts';
import { decoderName } from './places.ts';
import { decoderSettings, scalingSettings } from './settings.ts';

function qwen(name: 'qwen2' | 'qwen3'): GgufArchitecture {
  return {
    name,
    config: (file) => ({ model_type: name, hidden_act: 'silu', ...decoderSettings(file, name), ...scalingSettings(file, name), ...(name === 'qwen3' ? { attention_bias: false } : {}), use_sliding_window: false }),
    place: (tensor) => decoderName(tensor),
  };
}

export const qwen2 = qwen('qwen2');
export const qwen3 = qwen('qwen3');
