/** The golden data of test/fixtures/bitsandbytes, by tensor name, and bit-for-bit comparison. */
import { readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import type { Part } from '../../kernels/formats.ts';
import { fromBf16, fromFp16 } from '../../kernels/half.ts';
import { elementsOfStored, readSafetensors, type StoredTensor } from '../../kernels/safetensors.ts';

const folder = new URL('../fixtures/bitsandbytes/', import.meta.url);

/** A case as manifest.json lists it: names of tensors and the settings that made them. Which are there depends on the file. */
export interface GoldenCase {
  readonly key: string; readonly name: string; readonly x: string; readonly W: string; readonly bias: string;
  readonly quant_type: string; readonly blocksize: number; readonly nested_blocksize: number; readonly double_quant: boolean;
  readonly threshold: number; readonly outlier_cols: readonly number[];
  readonly M: number; readonly N: number; readonly K: number;
}

export interface GoldenFile {
  readonly cases: readonly GoldenCase[];
  stored(name: string): StoredTensor;
  /** Elements in their own type, fp16 and bf16 as bits. */
  elements(name: string): Part | Int32Array;
  /** Values widened to fp32. */
  values(name: string): Float32Array;
}

export function goldenFile(file: string): GoldenFile {
  const manifest = JSON.parse(readFileSync(new URL('manifest.json', folder), 'utf8')) as { files: Record<string, { cases: GoldenCase[] }> };
  const { tensors } = readSafetensors(readFileSync(new URL(file, folder)), file);
  const stored = (name: string): StoredTensor => {
    const tensor = tensors.get(name);
    if (tensor === undefined) throw new Error(`${file} has no tensor ${name}`);
    return tensor;
  };
  const elements = (name: string): Part | Int32Array => elementsOfStored(stored(name));
  return {
    cases: manifest.files[file]?.cases ?? [],
    stored,
    elements,
    values(name) {
      const bits = elements(name);
      if (bits instanceof Uint16Array) return stored(name).dtype === 'BF16' ? fromBf16(bits) : fromFp16(bits);
      if (!(bits instanceof Float32Array)) throw new Error(`${file}: ${name} is no float`);
      return bits;
    },
  };
}

/** Asserts equal bytes; says the first element that differs. */
export function assertSameBits(actual: ArrayBufferView, expected: ArrayBufferView, what: string): void {
  const bytes = (array: ArrayBufferView): Buffer => Buffer.from(array.buffer, array.byteOffset, array.byteLength);
  if (bytes(actual).equals(bytes(expected))) return;
  const [a, b] = [actual, expected] as unknown as [ArrayLike<number>, ArrayLike<number>];
  const at = Array.from(a).findIndex((value, i) => !Object.is(value, b[i]));
  assert.unreachable(`${what}: ${a.length} against ${b.length} elements; element ${at} is ${a[at]}, should be ${b[at]}`);
}
