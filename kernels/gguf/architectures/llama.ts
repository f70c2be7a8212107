/**
 * llama: Llama 1 to 3, and what has their shape (SmolLM2, Mistral without a window). GGUF's writer reorders the rows of q_proj and k_proj so
 * that rotary pairs lie side by side; here they go back to halves. Llama 3's rotary scaling comes as a tensor of factors.
 */
import { pow64 } from '../../float64.ts';
import type { Gguf } from '../../gguf.ts';
import { viewAs } from '../../safetensors.ts';
import type { GgufArchitecture } from '../architectures.ts';
import { decoderName } from './places.ts';
import { decoderSettings, scalingSettings } from './settings.ts';

const FACTORS = 'rope_freqs.weight';

export const llama: GgufArchitecture = {
  name: 'llama',

  config(file) {
    const settings = decoderSettings(file, 'llama');
    return {
      model_type: 'llama', hidden_act: 'silu', ...settings, ...scalingSettings(file, 'llama'), ...llama3Scaling(file, settings),
      attention_bias: file.tensors.has('blk.0.attn_q.bias'), mlp_bias: file.tensors.has('blk.0.ffn_up.bias'),
    };
  },

  place(name, file) {
    if (name === FACTORS) return { name: undefined };
    const found = decoderName(name);
    if (found?.part !== 'attn_q' && found?.part !== 'attn_k') return found;
    const { head_dim: headDim } = decoderSettings(file, 'llama');
    return { name: found.name, undo: (elements) => rowsInHalves(elements, file.tensors.get(name)!.shape, headDim as number) };
  },
};

/** Row 2i + h of each head becomes row i of half h. A bias is a column of such rows. */
function rowsInHalves<T extends Float32Array | Uint16Array>(elements: T, [rows, columns = 1]: readonly number[], headDim: number): T {
  const ordered = elements.slice() as T;
  for (let row = 0; row < rows!; row++) {
    const inHead = row % headDim;
    const from = row - inHead + (inHead % (headDim / 2)) * 2 + Math.floor(inHead / (headDim / 2));
    ordered.set(elements.subarray(from * columns, (from + 1) * columns), row * columns);
  }
  return ordered;
}

/** What all Llama 3.1 to 3.3 have but the factor. */
const LLAMA3 = { low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8192 };
/** The factors are fp32 of an fp32 computation. */
const FACTOR_TOLERANCE = 1e-4;

/** The settings whose rule gives the factors of the file; they alone do not say which it was, so others are refused. */
function llama3Scaling(file: Gguf, { rope_theta: theta, head_dim: headDim }: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const tensor = file.tensors.get(FACTORS);
  if (tensor === undefined) return {};
  const factors = tensor.type.name === 'F32' ? viewAs(Float32Array, tensor.bytes) : new Float32Array(0);
  const factor = factors.reduce((largest, value) => Math.max(largest, value), 1);
  const { low_freq_factor: low, high_freq_factor: high, original_max_position_embeddings: context } = LLAMA3;
  const right = factors.length === (headDim as number) / 2 && factors.every((found, i) => {
    const turns = context / (2 * Math.PI * pow64(theta as number, 2 * i / (headDim as number)));
    const smooth = Math.min(Math.max((turns - low) / (high - low), 0), 1);
    const expected = 1 / ((1 - smooth) / factor + smooth);
    return Math.abs(found - expected) <= FACTOR_TOLERANCE * expected;
  });
  if (!right) throw new Error(`the tensor ${FACTORS} has other factors than Llama 3's rule gives; that is the only one that is computed`);
  return { rope_scaling: { rope_type: 'llama3', factor, ...LLAMA3 } };
}
