/**
 * The register of weight formats, and the contract that each one keeps.
 *
 * Adding a format is one file in formats/ and its name here; test/conformance/formats.test.ts finds it by this list, and
 * every engine runs it on the day it is born through decode() (docs/formats.md has the rules each follows).
 */
import { bf16 } from './formats/bf16.ts';
import { fp16 } from './formats/fp16.ts';
import { fp32 } from './formats/fp32.ts';
import { fp4 } from './formats/fp4.ts';
import { fp4dq } from './formats/fp4-dq.ts';
import { int8 } from './formats/int8.ts';
import { nf4 } from './formats/nf4.ts';
import { nf4dq } from './formats/nf4-dq.ts';
import { ownFormats } from './formats/own.ts';
import type { CodesToCompare } from './weight-encoder.ts';

/** A tensor as the checkpoint has it, widened losslessly to fp32. Row-major. */
export interface PlainTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** One named array of an encoded tensor: 'codes', 'absmax', ... */
export type Part = Uint8Array | Int8Array | Uint16Array | Float32Array;

/** A tensor in a format. Parts are flat; their meaning is the format's (its `layout` says it in words). */
export interface EncodedTensor {
  readonly name: string;
  readonly format: string;
  readonly shape: readonly number[];
  readonly parts: { readonly [name: string]: Part };
}

/**
 * What every format of 4-bit codes with a scale per block comes down to: w[i] = fl32(table[code i] * scales[floor(i / blockSize)]), over the
 * flat tensor. One fused kernel serves them all.
 */
export interface TableCodes {
  /** Two per byte, the even element in the high nibble. */
  readonly codes: Uint8Array;
  /** One per block, fp32; computed where the format stores them otherwise (`expanded`). */
  readonly scales: Float32Array;
  readonly expanded: boolean;
  /** Value of each code, 16 of them, fp32. */
  readonly table: Float32Array;
  /** Elements of a block. */
  readonly blockSize: number;
}

export interface FormatOptions {
  /** Elements that share one absmax: 32 .. 4096, a power of two. Default 64. 4-bit formats only. */
  readonly blockSize?: number;
}

/** One part: so many bits for every `perWeights` weights; 0 where the count depends on the shape (one per row, one per tensor). */
export interface LayoutEntry {
  readonly part: string;
  /** Type of its elements, as safetensors names it. */
  readonly dtype: 'F32' | 'F16' | 'BF16' | 'U8' | 'I8';
  readonly what: string;
  readonly bits: number;
  readonly perWeights: number;
}

/**
 * |decode(encode(x)) - x| <= relative * (largest magnitude among x's `within`) + absolute. The second term is what numbers
 * near the smallest that the format can hold may lose.
 */
export interface Tolerance {
  readonly relative: number;
  readonly within: 'value' | 'block' | 'row' | 'tensor';
  readonly absolute: number;
}

export interface Format {
  readonly name: string;
  /** For people: 'NormalFloat 4-bit, double-quantized'. */
  readonly title: string;
  /** Colour and dash family on the site. */
  readonly family: 'base' | 'int8' | 'nf4' | 'fp4';
  /**
   * `weights`: a product sees only decode()'s values. `llm-int8`: activations are quantized too (int8-rows.ts).
   */
  readonly product: 'weights' | 'llm-int8';
  /** Bits a weight costs in a long tensor at the default block size, all scales counted: 4.5 for nf4. */
  readonly nominalBitsPerWeight: number;
  /** Byte layout in words and numbers, for docs and the format's page; one entry per part. */
  readonly layout: readonly LayoutEntry[];
  /** How far decode(encode(x)) may lie from x, with its derivation in the file. */
  readonly tolerance: Tolerance;
  /** Throws NotFinite naming the tensor when a value is not finite, or is not in the format. fp32 shares the tensor's memory. */
  encode(tensor: PlainTensor, options?: FormatOptions): EncodedTensor;
  /**
   * encode() of a checkpoint's tensor as it is stored, without widening it in memory; undefined where no compiled code for that is loaded
   * (weight-encoder.ts), or where encode() says better what is wrong. May share the tensor's memory.
   */
  encodeStored?(stored: EncodedTensor, options?: FormatOptions): EncodedTensor | undefined;
  /** How many elements each part of a tensor of this shape has: what encode() gives, so that a file can be laid out before. */
  partLengths(shape: readonly number[], options?: FormatOptions): { readonly [part: string]: number };
  /** The fp32 values that every engine computes with. Length: product of shape. Throws when parts do not fit the shape. */
  decode(encoded: EncodedTensor): Float32Array;
  /** The tensor as codes of a table, where it is one: what decode() would give, not yet multiplied. */
  tableCodes?(encoded: EncodedTensor): TableCodes;
  /** The tensor as compiled code compares it; of codes of a table and of plain numbers that follows from the above. */
  rowCodes?(encoded: EncodedTensor): Extract<CodesToCompare, { readonly kind: 'rows8' }>;
}

/** Every format, families together. */
export const formats: readonly Format[] = [fp32, fp16, bf16, int8, nf4, nf4dq, fp4, fp4dq, ...ownFormats];

/** The format of that name; an error that lists the allowed names otherwise. */
export function formatNamed(name: string): Format {
  const format = formats.find((candidate) => candidate.name === name);
  if (format === undefined) throw new Error(`unknown format ${JSON.stringify(name)}; formats are ${formats.map((f) => f.name).join(', ')}`);
  return format;
}

/** Bytes of all parts. */
export function encodedBytes(encoded: EncodedTensor): number {
  let bytes = 0;
  for (const part of Object.values(encoded.parts)) bytes += part.byteLength;
  return bytes;
}
