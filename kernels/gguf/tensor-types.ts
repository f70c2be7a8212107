/**
 * The register of types that a GGUF file stores tensors as, and the contract that each one keeps. Values are decoded as ggml's
 * reference does, each step rounded to fp32 (test/fixtures/gguf holds each type to another implementation, bit for bit).
 *
 * Adding a type is one file in types/ and its name here.
 */
import type { Refuse } from './cursor.ts';
import { bf16, f16, f32 } from './types/plain.ts';
import { q2K } from './types/q2-k.ts';
import { q3K } from './types/q3-k.ts';
import { q4K, q5K } from './types/q4-k.ts';
import { q40, q41 } from './types/q4.ts';
import { q50, q51 } from './types/q5.ts';
import { q6K } from './types/q6-k.ts';
import { q80 } from './types/q8-0.ts';

export interface TensorType {
  /** As ggml names it: 'Q4_1'. */
  readonly name: string;
  /** Its number in files. */
  readonly id: number;
  /** Elements that are stored together, along the rows. */
  readonly blockElements: number;
  readonly blockBytes: number;
  /** The type of the decoded elements. */
  readonly format: 'fp32' | 'fp16' | 'bf16';
  /** fp32 values, or the bits of the 16-bit types, of whole blocks. */
  decode(bytes: Uint8Array): Float32Array | Uint16Array;
}

export const tensorTypes: readonly TensorType[] = [f32, f16, bf16, q40, q41, q50, q51, q80, q2K, q3K, q4K, q5K, q6K];

/** ggml's other types: not read, but known by name to whoever asks for one. */
const OTHER_NAMES: { readonly [id: number]: string } = {
  9: 'Q8_1', 15: 'Q8_K', 16: 'IQ2_XXS', 17: 'IQ2_XS', 18: 'IQ3_XXS', 19: 'IQ1_S', 20: 'IQ4_NL', 21: 'IQ3_S', 22: 'IQ2_S', 23: 'IQ4_XS', 24: 'I8', 25: 'I16',
  26: 'I32', 27: 'I64', 28: 'F64', 29: 'IQ1_M', 34: 'TQ1_0', 35: 'TQ2_0', 39: 'MXFP4',
};

/** The type of that number in a file. */
export function tensorTypeOf(id: number, where: string, refuse: Refuse): TensorType {
  return tensorTypes.find((type) => type.id === id) ?? refuse(`${where} has the type ${OTHER_NAMES[id] ?? id}; ${tensorTypes.map(({ name }) => name).join(', ')} can be read`);
}
