/** A device in native code (kernels/c). */
import type { MemoryUse } from '../ops.ts';
import type { Device } from './device.ts';
import type { Family } from './families.ts';
import type { NativeFunctions, NativeHandle } from './native-library.ts';
import type { Program, Refusal } from './program.ts';

export class NativeDevice implements Device {
  readonly #native: NativeFunctions;
  readonly #device: NativeHandle;
  readonly #bytes = new Float64Array(5);

  /** `instructionSet` '': the best of this processor. */
  constructor(native: NativeFunctions, instructionSet: string, threads: number) {
    this.#native = native;
    this.#device = native.open(instructionSet, threads);
  }

  weight(weight: Family): number {
    const { outFeatures, inFeatures } = weight;
    switch (weight.kind) {
      case 'fp32': return this.#native.fp32(this.#device, weight.values, outFeatures, inFeatures, weight.copied);
      case 'fp16': case 'bf16': return this.#native.bits16(this.#device, weight.bits, outFeatures, inFeatures, weight.kind === 'bf16');
      case 'int8': return this.#native.int8(this.#device, weight.codes, weight.scales, outFeatures, inFeatures);
      case 'table4': {
        const { codes, scales, table, blockSize, expanded } = weight.parts;
        return this.#native.table4(this.#device, codes, scales, table, blockSize, outFeatures, inFeatures, expanded);
      }
    }
  }

  vector(values: Float32Array): number {
    return this.#native.vector(this.#device, values, values.length);
  }

  rotary(cos: Float32Array, sin: Float32Array, positions: number, halfDim: number): number {
    return this.#native.rotary(this.#device, cos, sin, positions, halfDim);
  }

  kvCache(layers: number, slots: number, positions: number, kvHeads: number, headDim: number): number {
    return this.#native.cache(this.#device, layers, slots, positions, kvHeads, headDim);
  }

  freeCache(handle: number): void {
    this.#native.freeCache(this.#device, handle);
  }

  run({ words, ops, lists, listLength, lines }: Program): Refusal | undefined {
    const end = this.#native.run(this.#device, words, ops, lists, listLength, lines);
    return end < 0 ? undefined : { op: Math.floor(end / 0x1_0000_0000), count: end % 0x1_0000_0000 };
  }

  floats(line: number, rows: number, cols: number, into: Float32Array): number {
    return this.#native.floats(this.#device, line, rows, cols, into);
  }

  integers(line: number, count: number): Int32Array<ArrayBuffer> {
    const values = new Int32Array(count);
    this.#native.integers(this.#device, line, count, values);
    return values;
  }

  memory(): MemoryUse {
    this.#native.memory(this.#device, this.#bytes);
    const [weights, decodedCopies, tables, kvCache, workspace] = this.#bytes as unknown as [number, number, number, number, number];
    return { weights, decodedCopies, tables, kvCache, workspace };
  }

  dispose(): void {
    this.#native.close(this.#device);
  }
}
