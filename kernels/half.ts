/**
 * fp16 (IEEE binary16) and bf16 <-> fp32, exact one way and rounded to nearest even the other, by integer operations on the
 * bits alone, so that every machine gives the same. Denormals are kept; infinities and NaN pass through.
 */

/** Largest finite fp16 value: (2 - 2^-10) * 2^15. What rounds beyond it becomes an infinity. */
export const LARGEST_FP16 = 65504;

/** Bits of fp32 `f`, rounded to fp16. */
function roundBitsToFp16(f: number): number {
  const sign = (f >>> 16) & 0x8000;
  const magnitude = f & 0x7fff_ffff;
  if (magnitude >= 0x7f80_0000) return sign | 0x7c00 | (magnitude > 0x7f80_0000 ? 0x200 : 0);
  if (magnitude >= 0x4780_0000) return sign | 0x7c00; // 65536 and more
  // Normal (from 2^-14): rebias the exponent by 127 - 15, then round the 13 low bits off; a carry runs into the exponent.
  if (magnitude >= 0x3880_0000) return sign | ((magnitude - 0x3800_0000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
  const exponent = magnitude >>> 23;
  if (exponent < 102) return sign; // less than 2^-25, half of the smallest denormal
  const mantissa = (magnitude & 0x7f_ffff) | 0x80_0000;
  const shift = 126 - exponent; // value = mantissa * 2^(exponent - 150), in units of 2^-24
  const kept = mantissa >>> shift;
  const rest = mantissa & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  return sign | (kept + (rest > half || (rest === half && (kept & 1) === 1) ? 1 : 0));
}

/** Bits of fp32 whose value is that of the fp16 bits `h`. */
function widenFp16Bits(h: number): number {
  const sign = (h & 0x8000) << 16;
  const exponent = (h >>> 10) & 31;
  const mantissa = h & 1023;
  if (exponent === 31) return sign | 0x7f80_0000 | (mantissa << 13);
  if (exponent !== 0) return sign | ((exponent + 112) << 23) | (mantissa << 13);
  if (mantissa === 0) return sign;
  const drop = Math.clz32(mantissa) - 21; // shifts that bring the leading one to bit 10
  return sign | ((113 - drop) << 23) | (((mantissa << drop) & 1023) << 13);
}

/** Bits of fp32 `f`, rounded to bf16: its upper half. A NaN stays one. */
function roundBitsToBf16(f: number): number {
  if ((f & 0x7fff_ffff) > 0x7f80_0000) return (f >>> 16) | 0x40;
  return (f + 0x7fff + ((f >>> 16) & 1)) >>> 16;
}

/** The bits of fp32 values. */
const wordsOf = (values: Float32Array): Uint32Array => new Uint32Array(values.buffer, values.byteOffset, values.length);

// Four loops that look alike: one with the conversion as its argument calls it for every element, at three times the cost.

/** fp32 values rounded to fp16, as bits. Beyond LARGEST_FP16 (from 65520): an infinity. */
export function toFp16(values: Float32Array): Uint16Array<ArrayBuffer> {
  const words = wordsOf(values);
  const bits = new Uint16Array(words.length);
  for (let i = 0; i < words.length; i++) bits[i] = roundBitsToFp16(words[i]!);
  return bits;
}

/** The values of fp16 bits, exactly. */
export function fromFp16(bits: Uint16Array): Float32Array<ArrayBuffer> {
  const values = new Float32Array(bits.length);
  const words = wordsOf(values);
  for (let i = 0; i < bits.length; i++) words[i] = widenFp16Bits(bits[i]!);
  return values;
}

/** fp32 values rounded to bf16, as bits. */
export function toBf16(values: Float32Array): Uint16Array<ArrayBuffer> {
  const words = wordsOf(values);
  const bits = new Uint16Array(words.length);
  for (let i = 0; i < words.length; i++) bits[i] = roundBitsToBf16(words[i]!);
  return bits;
}

/** The values of bf16 bits, exactly. */
export function fromBf16(bits: Uint16Array): Float32Array<ArrayBuffer> {
  const values = new Float32Array(bits.length);
  const words = wordsOf(values);
  for (let i = 0; i < bits.length; i++) words[i] = bits[i]! << 16;
  return values;
}

const oneFloat = new Float32Array(1);
const oneWord = new Uint32Array(oneFloat.buffer);

/** One fp32 value rounded to fp16 and widened again. */
export function roundToFp16(value: number): number {
  oneFloat[0] = value;
  oneWord[0] = widenFp16Bits(roundBitsToFp16(oneWord[0]!));
  return oneFloat[0]!;
}
