/**
 * The register of types that a GGUF file can be written in, and the contract that each one keeps. Weights are encoded as ggml's reference does
 * (quantize_row_q8_0_ref and the like in ggml-quants.c), each step rounded to fp32 and none fused with the next
 * (test/fixtures/gguf/encoded.gguf holds each type to ggml's own Python package, bit for bit). How they are decoded: types/.
 *
 * Adding a type is one file in encoders/ and its name here.
 */
import { bf16, f16, f32 } from './encoders/plain.ts';
import { q40, q41 } from './encoders/q4.ts';
import { q80 } from './encoders/q8-0.ts';
import type { TensorType } from './tensor-types.ts';

export interface TensorEncoder {
  readonly type: TensorType;
  /** Bytes of whole blocks of finite values. Throws a RangeError where a 16-bit number of the type cannot hold what it must. */
  encode(values: Float32Array): Uint8Array;
}

export const tensorEncoders: readonly TensorEncoder[] = [f32, f16, bf16, q80, q40, q41];

/** The encoder of a type by ggml's name; an error that lists the known ones otherwise. */
export function tensorEncoderNamed(name: string): TensorEncoder {
  const found = tensorEncoders.find(({ type }) => type.name === name);
  if (found === undefined) throw new Error(`a GGUF file cannot be written in ${JSON.stringify(name)}; ${tensorEncoders.map(({ type }) => type.name).join(', ')} can be written`);
  return found;
}
