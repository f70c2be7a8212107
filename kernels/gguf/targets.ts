/**
 * The register of models that can be written as a GGUF file, and the contract that each one keeps. All are the decoder that Llama began
 * (kernels/models/gated-decoder.ts), so what differs is which of its settings llama.cpp computes, and under which name.
 *
 * Adding a model_type is one file in targets/, of its name, and one line here.
 */
import type { GatedDecoder } from '../models/gated-decoder.ts';
import { llama } from './targets/llama.ts';
import { mistral } from './targets/mistral.ts';
import { qwen2 } from './targets/qwen2.ts';
import { qwen3 } from './targets/qwen3.ts';
import type { Settings } from '../models/config.ts';

export interface GgufTarget {
  /** config.json's model_type. */
  readonly modelType: string;
  /** general.architecture: whose code of llama.cpp computes it. */
  readonly architecture: string;
  /** Rotary pairs lie side by side in the rows of q and k, where Hugging Face's layout has them in halves. */
  readonly pairs: boolean;
  /** Reads what kernels/models has checked; a problem for each setting that llama.cpp computes otherwise. */
  read(settings: Settings): GatedDecoder;
}

const targets: readonly GgufTarget[] = [llama, mistral, qwen2, qwen3];

/** The target of that model_type; an error that lists the known ones otherwise. */
export function ggufTargetOf(modelType: string): GgufTarget {
  const found = targets.find((target) => target.modelType === modelType);
  if (found === undefined) throw new Error(`a model of the type ${JSON.stringify(modelType)} cannot be written as a GGUF file; ${targets.map((target) => target.modelType).join(', ')} can`);
  return found;
}
