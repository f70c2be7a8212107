/** F32, F16 and BF16: the numbers themselves. */
import { viewAs } from '../../safetensors.ts';
import type { TensorType } from '../tensor-types.ts';

export const f32: TensorType = { name: 'F32', id: 0, blockElements: 1, blockBytes: 4, format: 'fp32', decode: (bytes) => viewAs(Float32Array, bytes) };
export const f16: TensorType = { name: 'F16', id: 1, blockElements: 1, blockBytes: 2, format: 'fp16', decode: (bytes) => viewAs(Uint16Array, bytes) };
export const bf16: TensorType = { name: 'BF16', id: 30, blockElements: 1, blockBytes: 2, format: 'bf16', decode: (bytes) => viewAs(Uint16Array, bytes) };
