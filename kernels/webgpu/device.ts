/**
 * Recorded programs on a GPU, in the order of docs/arithmetic.md: one command encoder and one submission for a program, and one read of its result.
 * Weights, keys and values, activations and sampling stay on the device.
 */
import type { Device } from '../engines/device.ts';
import type { Family } from '../engines/families.ts';
import { LINE_BYTES } from '../engines/program.ts';
import type { Program, Refusal } from '../engines/program.ts';
import type { MemoryUse } from '../ops.ts';
import type { GpuContext } from './context.ts';
import { Arena } from './arena.ts';
import { GpuClock } from './clock.ts';
import { CUTS, paddedColumns } from './dispatches.ts';
import type { Cuts, GpuCache, Plan, Shared } from './dispatches.ts';
import { GpuFull } from './gpu-full.ts';
import { GpuLost } from './gpu-lost.ts';
import { filled, GpuMemory, USAGE } from './memory.ts';
import type { Held, Purpose, Room } from './memory.ts';
import { MOST_PARTS, OP_STRIDE } from './pipelines.ts';
import { Steps } from './steps.ts';
import type { Step } from './steps.ts';
import { loadWeight } from './weights.ts';
import type { GpuWeight } from './weights.ts';

const MAP_READ = 1;
const BITS_OF_EXPONENT = 0x7f800000;

/** Steps that are told at once where the GPU should begin before it knows all. */
const PIECE_STEPS = 32;

/** What of a buffer is read. */
interface Reading { readonly from: Held; readonly at: number; readonly bytes: number }

/** Results of a program, copied out. */
interface Fetched { readonly line: number; readonly bytes: ArrayBuffer }

export class WebGpuDevice implements Device {
  readonly #context: GpuContext;
  readonly #memory: GpuMemory;
  /** For what is computed with: weights, vectors, tables. */
  readonly #room: Room;
  /** Bound where an op has no use for a buffer; it is no model's, and not counted. */
  readonly #placeholder: GpuMemory;
  readonly #none: Held;
  readonly #weights = new Map<number, GpuWeight>();
  readonly #vectors = new Map<number, Held>();
  readonly #tables = new Map<number, { readonly cos: Held; readonly sin: Held }>();
  readonly #caches = new Map<number, GpuCache>();
  readonly #mostBytes: number | undefined;
  readonly #cuts: Cuts;
  #handles = 0;

  /** Grow with the programs. */
  readonly #grown = new Map<Shared | 'workspace' | 'lists' | 'ops' | 'reading', Held>();
  readonly #steps: Steps;
  /** From the first step on, where the device has one. */
  #clock: GpuClock | undefined;
  #workedMs = 0;
  #fetched: Fetched | undefined;

  /** `mostBytes`: of one buffer of weights, where it shall be less than what the adapter allows. */
  constructor(context: GpuContext, mostBytes?: number, cuts = CUTS) {
    this.#context = context;
    this.#memory = new GpuMemory(context.device);
    this.#room = context.fast ? new Arena(this.#memory) : this.#memory;
    this.#placeholder = new GpuMemory(context.device);
    this.#none = this.#placeholder.take(16, 'tables', 'a placeholder');
    this.#mostBytes = mostBytes;
    this.#cuts = cuts;
    this.#steps = new Steps(context);
  }

  weight(weight: Family): number {
    this.#weights.set(++this.#handles, loadWeight(this.#room, weight, { none: this.#none, most: this.#mostBytes, quads: this.#context.fast }));
    return this.#handles;
  }

  vector(values: Float32Array): number {
    this.#vectors.set(++this.#handles, filled(this.#room, values, 'weights', 'a vector'));
    return this.#handles;
  }

  rotary(cos: Float32Array, sin: Float32Array): number {
    this.#tables.set(++this.#handles, { cos: filled(this.#room, cos, 'tables', 'a rotary table'), sin: filled(this.#room, sin, 'tables', 'a rotary table') });
    return this.#handles;
  }

  kvCache(layers: number, slots: number, positions: number, kvHeads: number, headDim: number): number {
    const bytes = slots * positions * kvHeads * headDim * 4;
    const half = (): Held => this.#memory.take(bytes, 'kvCache', `the keys or values of one layer for ${slots} slots of ${positions} positions`);
    this.#caches.set(++this.#handles, { layers: Array.from({ length: layers }, () => ({ keys: half(), values: half() })), positions, kvHeads, headDim });
    return this.#handles;
  }

  freeCache(handle: number): void {
    for (const { keys, values } of this.#caches.get(handle)!.layers) {
      this.#memory.release(keys);
      this.#memory.release(values);
    }
    this.#caches.delete(handle);
    this.#steps.forget();
  }

  async run(program: Program): Promise<Refusal | undefined> {
    this.#demandDevice();
    const { plan, opWords, again } = this.#steps.plan(program, { weights: this.#weights, vectors: this.#vectors, tables: this.#tables, caches: this.#caches, none: this.#none, cuts: this.#cuts });
    this.#atLeast('workspace', program.lines * LINE_BYTES, 'the activations of a step');
    for (const name of ['scores', 'prepared', 'refused'] as const) this.#atLeast(name, plan.bytes[name], `the ${name === 'scores' ? 'scores of attention' : 'int8 rows'} of a step`);
    // Every dispatch binds as many ops as one may have.
    const before = this.#grown.get('ops');
    const ops = this.#atLeast('ops', opWords.byteLength + MOST_PARTS * OP_STRIDE, "a step's ops", USAGE.uniform);
    if (!again || ops !== before) this.#memory.write(ops, 0, opWords);
    this.#memory.write(this.#atLeast('lists', program.listLength * 4, "a step's lists"), 0, program.lists.subarray(0, program.listLength));
    if (this.#context.device.features.has('timestamp-query')) this.#clock ??= new GpuClock(this.#context.device, this.#memory);
    const steps = await this.#steps.of(plan, (name) => this.#grown.get(name)!).catch(async (error: unknown) => {
      await lossIsTold();
      this.#demandDevice();
      throw error;
    });
    const [result, flag, times] = await this.#scoped(() => this.#tell(steps, program, plan.products.length > 0));
    if (times !== undefined) this.#workedMs += GpuClock.durationMs(times);
    this.#fetched = { line: program.result.line, bytes: result! };
    return flag !== undefined && new Uint32Array(flag)[0] !== 0 ? await this.#refusal(plan) : undefined;
  }

  /** Milliseconds that the GPU worked on steps since it was last asked; undefined where it has no clock. */
  workedMs(): number | undefined {
    const worked = this.#workedMs;
    this.#workedMs = 0;
    return this.#clock === undefined ? undefined : worked;
  }

  /** Tells the GPU the steps of a program; the bytes of its result, of what int8 products refused, and of two times. */
  #tell(steps: readonly Step[], { result }: Program, products: boolean): Promise<(ArrayBuffer | undefined)[]> {
    const { device, fast } = this.#context;
    // One encoder for a step, but where the GPU would wait for the last word of it: it works on the first pieces while it is told the others.
    const most = fast ? PIECE_STEPS : steps.length;
    let encoder = device.createCommandEncoder();
    if (products) encoder.clearBuffer(this.#grown.get('refused')!.buffer);
    for (let at = 0; at === 0 || at < steps.length; at += most) {
      const last = at + most >= steps.length;
      const timestampWrites = this.#clock?.writes(at === 0, last);
      const pass = encoder.beginComputePass(timestampWrites === undefined ? {} : { timestampWrites });
      let pipeline: GpuPipeline | undefined;
      for (const step of steps.slice(at, at + most)) {
        if (step.pipeline !== pipeline) pass.setPipeline((pipeline = step.pipeline));
        pass.setBindGroup(0, step.group, step.offsets);
        pass.dispatchWorkgroups(...step.groups);
      }
      pass.end();
      if (last) break;
      device.queue.submit([encoder.finish()]);
      encoder = device.createCommandEncoder();
    }
    this.#clock?.resolve(encoder);
    return this.#read(encoder, [
      { from: this.#grown.get('workspace')!, at: result.line * LINE_BYTES, bytes: result.lines * LINE_BYTES },
      products ? { from: this.#grown.get('refused')!, at: 0, bytes: 4 } : undefined,
      this.#clock && { from: this.#clock.times, at: 0, bytes: 16 },
    ]);
  }

  async floats(line: number, rows: number, cols: number, into: Float32Array<ArrayBuffer>): Promise<number> {
    const padded = paddedColumns(cols);
    const held = new Float32Array(await this.#bytesAt(line, rows * padded * 4), 0, rows * padded);
    if (padded === cols) into.set(held);
    else for (let row = 0; row < rows; row++) into.set(held.subarray(row * padded, row * padded + cols), row * cols);
    const bits = new Int32Array(into.buffer, into.byteOffset, rows * cols);
    let notFinite = 0;
    for (let i = 0; i < bits.length; i++) if ((bits[i]! & BITS_OF_EXPONENT) === BITS_OF_EXPONENT) notFinite++;
    return notFinite;
  }

  async integers(line: number, count: number): Promise<Int32Array<ArrayBuffer>> {
    // sample.wgsl writes tokens as numbers.
    return Int32Array.from(new Float32Array(await this.#bytesAt(line, count * 4), 0, count));
  }

  memory(): MemoryUse {
    return this.#memory.use();
  }

  dispose(): void {
    this.#memory.dispose();
    this.#placeholder.dispose();
    this.#steps.forget();
  }

  #demandDevice(): void {
    const loss = this.#context.loss();
    if (loss !== undefined) throw new GpuLost(loss);
  }

  /** A buffer of a program, or a larger one in its place; contents are lost, and bind groups that name the old one. */
  #atLeast(name: Shared | 'workspace' | 'lists' | 'ops' | 'reading', bytes: number, what: string, usage: number = USAGE.storage): Held {
    const old = this.#grown.get(name);
    if (old !== undefined && old.bytes >= bytes) return old;
    if (old !== undefined) {
      this.#memory.release(old);
      this.#steps.forget();
    }
    const purpose: Purpose = 'workspace';
    // A quarter more than asked for, so that a sequence that grows by a token a step does not ask in each.
    const roomy = old === undefined ? bytes : Math.min(this.#memory.most, Math.ceil(bytes * 1.25));
    const held = this.#memory.take(Math.max(bytes, roomy), purpose, what, usage);
    this.#grown.set(name, held);
    return held;
  }

  /** Submits the encoder with copies of these after what it has, and answers their bytes. */
  async #read(encoder: GpuEncoder, parts: readonly (Reading | undefined)[]): Promise<(ArrayBuffer | undefined)[]> {
    const total = parts.reduce((sum, part) => sum + (part?.bytes ?? 0), 0);
    const reading = this.#atLeast('reading', total, 'what is read', USAGE.reading);
    let at = 0;
    for (const part of parts) {
      if (part === undefined) continue;
      if (part.bytes > 0) encoder.copyBufferToBuffer(part.from.buffer, part.at, reading.buffer, at, part.bytes);
      at += part.bytes;
    }
    this.#context.device.queue.submit([encoder.finish()]);
    if (total === 0) return parts.map((part) => part && new ArrayBuffer(0));
    await reading.buffer.mapAsync(MAP_READ, 0, Math.ceil(total / 8) * 8);
    const mapped = reading.buffer.getMappedRange(0, Math.ceil(total / 8) * 8);
    at = 0;
    const copies = parts.map((part) => part && mapped.slice(at, (at += part.bytes)));
    reading.buffer.unmap();
    return copies;
  }

  /** What `work` answers, or an error with the driver's reason: lost, without memory, or a mistake of ours that it refused. */
  async #scoped<T>(work: () => Promise<T>): Promise<T> {
    const { device } = this.#context;
    for (const filter of ['internal', 'out-of-memory', 'validation'] as const) device.pushErrorScope(filter);
    const none = (): null => null;
    let answer: Promise<T>;
    let found: Promise<(GpuError | null)[]>;
    try {
      answer = work();
    } finally {
      // A lost device may answer no scope.
      found = Promise.all(Array.from({ length: 3 }, () => device.popErrorScope().catch(none)));
    }
    const outcome = await answer.then((value) => ({ value }), (error: unknown) => ({ error }));
    if ('error' in outcome) await lossIsTold();
    this.#demandDevice();
    const [errors, lack] = [await found, await this.#memory.failure() ?? await this.#placeholder.failure()];
    if (lack !== undefined) throw lack;
    const [invalid, exhausted, internal] = errors;
    if (exhausted) throw new GpuFull(`the GPU has no memory for a step: ${exhausted.message}`);
    if (invalid ?? internal) throw new Error(`the GPU's driver refuses a step: ${(invalid ?? internal)!.message}`);
    if ('error' in outcome) throw outcome.error instanceof Error ? outcome.error : new Error(String(outcome.error));
    return outcome.value;
  }

  /** Bytes of the workspace from a line: of what the last run copied out, or copied now. */
  async #bytesAt(line: number, bytes: number): Promise<ArrayBuffer> {
    if (this.#fetched?.line === line && this.#fetched.bytes.byteLength >= bytes) return this.#fetched.bytes;
    this.#demandDevice();
    const workspace = this.#grown.get('workspace')!;
    const [copied] = await this.#scoped(() => this.#read(this.#context.device.createCommandEncoder(), [{ from: workspace, at: line * LINE_BYTES, bytes }]));
    return copied!;
  }

  /** The first int8 product, and its first row, with values beyond fp16. */
  async #refusal({ products, bytes }: Plan): Promise<Refusal | undefined> {
    const [copied] = await this.#scoped(() => this.#read(this.#context.device.createCommandEncoder(), [{ from: this.#grown.get('refused')!, at: 0, bytes: bytes.refused }]));
    const beyond = new Uint32Array(copied!);
    for (const { op, at, rows } of products) {
      const count = beyond.subarray(at, at + rows).find((one) => one > 0);
      if (count !== undefined) return { op, count };
    }
    return undefined;
  }
}

/** A loss is told a moment after what it broke. */
function lossIsTold(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 50));
}
