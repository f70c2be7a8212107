/** The buffers of one instance on a GPU, counted by purpose. A mistake or lack of memory in making one is found out later: failure() waits for that. */
import type { MemoryUse } from '../ops.ts';
import { GpuFull } from './gpu-full.ts';

export type Purpose = keyof MemoryUse;

const STORAGE = 0x80;
const UNIFORM = 0x40;
const COPY_TO = 0x08;
const COPY_FROM = 0x04;
const MAP_READ = 0x01;

export const USAGE = { storage: STORAGE | COPY_TO | COPY_FROM, uniform: UNIFORM | COPY_TO, reading: MAP_READ | COPY_TO } as const;

/** A buffer, or `bytes` of one from `at`; the number names it in keys of bind groups. */
export interface Held { readonly id: number; readonly buffer: GpuBuffer; readonly at: number; readonly bytes: number; readonly purpose: Purpose }

let next = 0;

/** A number that no other buffer or part of one has. */
export const heldId = (): number => next++;

/** Gives room for what is computed with, and fills it. */
export interface Room {
  /** Bytes that one piece may have. */
  readonly most: number;
  take(bytes: number, purpose: Purpose, what: string): Held;
  write(held: Held, at: number, data: ArrayBufferView): void;
}

/** Room with these values, padded with 0 to a multiple of `multiple`. */
export function filled(room: Room, values: Float32Array | Uint32Array, purpose: Purpose, what: string, multiple = 64): Held {
  const held = room.take(Math.ceil(values.length / multiple) * multiple * 4, purpose, what);
  room.write(held, 0, values);
  return held;
}

export class GpuMemory implements Room {
  readonly #device: GpuDevice;
  readonly #held = new Set<Held>();
  readonly #bytes = { weights: 0, decodedCopies: 0, tables: 0, kvCache: 0, workspace: 0 };
  #made: Promise<void> = Promise.resolve();
  #failure: Error | undefined;

  constructor(device: GpuDevice) {
    this.#device = device;
  }

  /** A buffer of zeros. Throws GpuFull where the adapter allows none so large. `what`: for that sentence. */
  take(bytes: number, purpose: Purpose, what: string, usage: number = USAGE.storage): Held {
    const size = Math.max(16, Math.ceil(bytes / 16) * 16);
    const most = this.most;
    if (size > most) throw new GpuFull(`${what} needs ${size} bytes in one piece; this GPU's driver allows ${most}; use a smaller model, fewer slots or positions, or another engine`);
    this.#device.pushErrorScope('out-of-memory');
    this.#device.pushErrorScope('validation');
    const buffer = this.#device.createBuffer({ size, usage });
    // A lost device may answer no scope; whoever uses the buffer is told of the loss.
    const none = (): null => null;
    const [invalid, exhausted] = [this.#device.popErrorScope().catch(none), this.#device.popErrorScope().catch(none)];
    this.#made = Promise.all([this.#made, invalid, exhausted]).then(([, mistake, lack]) => {
      if (lack !== null) this.#failure ??= new GpuFull(`the GPU has no memory for ${what} of ${size} bytes, beside ${this.total - size} held: ${lack.message}`);
      else if (mistake !== null) this.#failure ??= new Error(`the GPU's driver refuses ${what} of ${size} bytes: ${mistake.message}`);
    });
    const held: Held = { id: heldId(), buffer, at: 0, bytes: size, purpose };
    this.#held.add(held);
    this.#bytes[purpose] += size;
    return held;
  }

  /** Bytes that one buffer may have. */
  get most(): number {
    const { maxBufferSize, maxStorageBufferBindingSize } = this.#device.limits;
    return Math.min(maxBufferSize, maxStorageBufferBindingSize);
  }

  get total(): number {
    return Object.values(this.#bytes).reduce((sum, bytes) => sum + bytes, 0);
  }

  write(held: Held, at: number, data: ArrayBufferView): void {
    if (data.byteLength > 0) this.#device.queue.writeBuffer(held.buffer, held.at + at, data);
  }

  release(held: Held): void {
    if (!this.#held.delete(held)) return;
    held.buffer.destroy();
    this.#bytes[held.purpose] -= held.bytes;
  }

  /** Why a buffer could not be made, once all that were asked for are known. */
  async failure(): Promise<Error | undefined> {
    await this.#made;
    return this.#failure;
  }

  use(): MemoryUse {
    return { ...this.#bytes };
  }

  dispose(): void {
    for (const held of [...this.#held]) this.release(held);
  }
}
