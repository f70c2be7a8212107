/** What the quantized types share: walking over blocks of 32, and their fp16 numbers. */
import { LARGEST_FP16, toFp16 } from '../../half.ts';
import type { TensorEncoder } from '../encoders.ts';
import type { TensorType } from '../tensor-types.ts';

/** Writes a block's codes from `to` on, and its `numbers` from `at` on in `scales`; `from` is where its 32 values begin. */
export type EncodeBlock = (values: Float32Array, from: number, out: Uint8Array, to: number, scales: Float32Array, at: number) => void;

/** A type whose blocks begin with so many fp16 numbers; the codes follow. */
export function blockEncoder(type: TensorType, numbers: 1 | 2, encodeBlock: EncodeBlock): TensorEncoder {
  const { name, blockElements, blockBytes } = type;
  return {
    type,
    encode(values) {
      const blocks = values.length / blockElements;
      const out = new Uint8Array(blocks * blockBytes);
      const scales = new Float32Array(blocks * numbers);
      for (let block = 0; block < blocks; block++) encodeBlock(values, block * blockElements, out, block * blockBytes + 2 * numbers, scales, block * numbers);
      const halves = fp16Of(scales, `a block of ${name}`);
      for (let i = 0; i < halves.length; i++) {
        const at = Math.floor(i / numbers) * blockBytes + 2 * (i % numbers);
        out[at] = halves[i]! & 255;
        out[at + 1] = halves[i]! >>> 8;
      }
      return out;
    },
  };
}

/** Bits of the values rounded to fp16. Throws a RangeError for one that would become infinite. */
export function fp16Of(values: Float32Array, what: string): Uint16Array<ArrayBuffer> {
  const bits = toFp16(values);
  const at = bits.findIndex((half) => (half & 0x7fff) === 0x7c00);
  if (at >= 0) throw new RangeError(`${what} needs the fp16 number ${values[at]}; the largest is ${LARGEST_FP16}`);
  return bits;
}

/** 1 / scale in fp32; 0 where the scale is 0, or so small that its inverse is none: fp16 stores such a scale as 0. */
export function inverseOf(scale: number): number {
  const inverse = Math.fround(1 / scale);
  return Number.isFinite(inverse) ? inverse : 0;
}
