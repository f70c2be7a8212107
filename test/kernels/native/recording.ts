/**
 * Records what an engine asks of its device, with every answer, into a file that replay.c runs without Node. The values recorded are those of
 * a device whose results were compared with the reference's while they were recorded.
 */
import type { Device } from '../../../kernels/engines/device.ts';
import type { NativeDevice } from '../../../kernels/engines/native-device.ts';
import type { Family } from '../../../kernels/engines/families.ts';
import { WORDS } from '../../../kernels/engines/program.ts';
import type { Program, Refusal } from '../../../kernels/engines/program.ts';
import type { MemoryUse } from '../../../kernels/ops.ts';

/** Commands, as replay.c numbers them. */
const TAG = { open: 1, close: 2, fp32: 3, bits16: 4, table4: 5, int8: 6, vector: 7, rotary: 8, cache: 9, freeCache: 10, run: 11, floats: 12, integers: 13, memory: 14 } as const;

type Bytes = { readonly buffer: ArrayBufferLike; readonly byteOffset: number; readonly byteLength: number };

/** Commands in 32-bit words; an array has its length in bytes before it. */
export class Recording {
  readonly #parts: Buffer[] = [];

  integers(...values: number[]): void {
    this.#parts.push(Buffer.from(Int32Array.from(values).buffer));
  }

  array({ buffer, byteOffset, byteLength }: Bytes): void {
    this.integers(byteLength);
    this.#parts.push(Buffer.from(Buffer.from(buffer, byteOffset, byteLength)), Buffer.alloc(-byteLength & 3));
  }

  bytes(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

/** Hands everything on to another device and records it. */
export class RecordingDevice implements Device {
  readonly #device: NativeDevice;
  readonly #log: Recording;

  /** `name` tells replay.c's messages which computation it was. */
  constructor(device: NativeDevice, log: Recording, name: string) {
    this.#device = device;
    this.#log = log;
    log.integers(TAG.open);
    log.array(Buffer.from(`${name}\0`));
  }

  weight(weight: Family): number {
    const { outFeatures, inFeatures } = weight;
    switch (weight.kind) {
      case 'fp32':
        this.#log.integers(TAG.fp32, outFeatures, inFeatures, weight.copied ? 1 : 0);
        this.#log.array(weight.values);
        break;
      case 'fp16': case 'bf16':
        this.#log.integers(TAG.bits16, outFeatures, inFeatures, weight.kind === 'bf16' ? 1 : 0);
        this.#log.array(weight.bits);
        break;
      case 'int8':
        this.#log.integers(TAG.int8, outFeatures, inFeatures);
        this.#log.array(weight.codes);
        this.#log.array(weight.scales);
        break;
      case 'table4': {
        const { codes, scales, table, blockSize, expanded } = weight.parts;
        this.#log.integers(TAG.table4, outFeatures, inFeatures, blockSize, expanded ? 1 : 0);
        for (const part of [codes, scales, table]) this.#log.array(part);
      }
    }
    return this.#made(this.#device.weight(weight));
  }

  vector(values: Float32Array): number {
    this.#log.integers(TAG.vector, values.length);
    this.#log.array(values);
    return this.#made(this.#device.vector(values));
  }

  rotary(cos: Float32Array, sin: Float32Array, positions: number, halfDim: number): number {
    this.#log.integers(TAG.rotary, positions, halfDim);
    this.#log.array(cos);
    this.#log.array(sin);
    return this.#made(this.#device.rotary(cos, sin, positions, halfDim));
  }

  kvCache(...size: [layers: number, slots: number, positions: number, kvHeads: number, headDim: number]): number {
    this.#log.integers(TAG.cache, ...size);
    return this.#made(this.#device.kvCache(...size));
  }

  freeCache(handle: number): void {
    this.#log.integers(TAG.freeCache, handle);
    this.#device.freeCache(handle);
  }

  run(program: Program): Refusal | undefined {
    const { words, ops, lists, listLength, lines } = program;
    const refusal = this.#device.run(program);
    this.#log.integers(TAG.run, ops, listLength, lines, refusal?.op ?? -1, refusal?.count ?? 0);
    this.#log.array(words.subarray(0, ops * WORDS));
    this.#log.array(lists.subarray(0, listLength));
    return refusal;
  }

  floats(line: number, rows: number, cols: number, into: Float32Array<ArrayBuffer>): number {
    const notFinite = this.#device.floats(line, rows, cols, into);
    this.#log.integers(TAG.floats, line, rows, cols, notFinite);
    this.#log.array(into);
    return notFinite;
  }

  integers(line: number, count: number): Int32Array<ArrayBuffer> {
    const values = this.#device.integers(line, count);
    this.#log.integers(TAG.integers, line, count);
    this.#log.array(values);
    return values;
  }

  memory(): MemoryUse {
    const use = this.#device.memory();
    this.#log.integers(TAG.memory, use.weights, use.decodedCopies, use.tables, use.kvCache, use.workspace);
    return use;
  }

  dispose(): void {
    this.memory();
    this.#log.integers(TAG.close);
    this.#device.dispose();
  }

  #made(handle: number): number {
    this.#log.integers(handle);
    return handle;
  }
}
