/** F32, F16 and BF16: the numbers themselves, rounded to nearest even. */
import { toBf16 } from '../../half.ts';
import type { TensorEncoder } from '../encoders.ts';
import * as types from '../types/plain.ts';
import { fp16Of } from './blocks.ts';

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array | Uint16Array): Uint8Array => new Uint8Array(buffer, byteOffset, byteLength);

export const f32: TensorEncoder = { type: types.f32, encode: bytesOf };
export const f16: TensorEncoder = { type: types.f16, encode: (values) => bytesOf(fp16Of(values, 'a weight of F16')) };
export const bf16: TensorEncoder = { type: types.bf16, encode: (values) => bytesOf(toBf16(values)) };
