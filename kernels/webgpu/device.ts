/**
 * Recorded programs on a GPU, in the order of docs/arithmetic.md: one command encoder and one submission for a program, and one read of its result.
 * Weights, keys and values, activations and sampling stay on the device.
 */
import type { Device } from '../engines/device.ts';
import type { Family } from '../engines/families.ts';
import { LINE_BYTES, WORDS } from '../engines/program.ts';
import type { Program, Refusal } from '../engines/program.ts';
import type { MemoryUse } from '../ops.ts';
import type { GpuContext } from './context.ts';
import { paddedColumns, planOf } from './dispatches.ts';
import type { Dispatch, GpuCache, Plan, Shared } from './dispatches.ts';
import { GpuMemory, USAGE } from './memory.ts';
import type { Held, Purpose } from './memory.ts';
import { OP_BYTES } from './pipelines.ts';
import { loadWeight } from './weights.ts';
import type { GpuWeight } from './weights.ts';

/** Offsets of dynamic uniforms are multiples of this on every adapter. */
const OP_STRIDE = 256;
const MAP_READ = 1;
const BITS_OF_EXPONENT = 0x7f800000;

/** Results of a program, copied out. */
interface Fetched { readonly line: number; readonly bytes: ArrayBuffer }

export class WebGpuDevice implements Device {
  readonly #context: GpuContext;
  readonly #memory: GpuMemory;
  readonly #none: Held;
  readonly #weights = new Map<number, GpuWeight>();
  readonly #vectors = new Map<number, Held>();
  readonly #tables = new Map<number, { readonly cos: Held; readonly sin: Held }>();
  readonly #caches = new Map<number, GpuCache>();
  readonly #mostBytes: number | undefined;
  #handles = 0;

  /** Grow with the programs. */
  readonly #grown = new Map<Shared | 'workspace' | 'lists' | 'ops' | 'reading', Held>();
  #groups = new Map<string, GpuBindGroup>();
  #opWords = new Int32Array(0);
  #fetched: Fetched | undefined;

  /** `mostBytes`: of one buffer of weights, where it shall be less than what the adapter allows. */
  constructor(context: GpuContext, mostBytes?: number) {
    this.#context = context;
    this.#memory = new GpuMemory(context.device);
    this.#none = new GpuMemory(context.device).take(16, 'tables', 'a placeholder');
    this.#mostBytes = mostBytes;
  }

  weight(weight: Family): number {
    this.#weights.set(++this.#handles, loadWeight(this.#memory, weight, this.#none, this.#mostBytes));
    return this.#handles;
  }

  vector(values: Float32Array): number {
    this.#vectors.set(++this.#handles, this.#memory.filled(values, 'weights', 'a vector'));
    return this.#handles;
  }

  rotary(cos: Float32Array, sin: Float32Array): number {
    this.#tables.set(++this.#handles, { cos: this.#memory.filled(cos, 'tables', 'a rotary table'), sin: this.#memory.filled(sin, 'tables', 'a rotary table') });
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
    this.#groups.clear();
  }

  async run(program: Program): Promise<Refusal | undefined> {
    this.#demandDevice();
    const plan = planOf(program, { weights: this.#weights, vectors: this.#vectors, tables: this.#tables, caches: this.#caches, none: this.#none });
    const workspace = this.#atLeast('workspace', program.lines * LINE_BYTES, 'the activations of a step');
    for (const name of ['scores', 'prepared', 'refused'] as const) this.#atLeast(name, plan.bytes[name], `the ${name === 'scores' ? 'scores of attention' : 'int8 rows'} of a step`);
    this.#writeOps(program, plan.dispatches);
    this.#memory.write(this.#atLeast('lists', program.listLength * 4, "a step's lists"), 0, program.lists.subarray(0, program.listLength));

    const { device, pipelines } = this.#context;
    const kernels = await pipelines.all(plan.dispatches.map(({ kernel }) => kernel));
    const scoped = this.#scoped(() => {
      const encoder = device.createCommandEncoder();
      const products = plan.products.length > 0;
      if (products) encoder.clearBuffer(this.#grown.get('refused')!.buffer);
      const pass = encoder.beginComputePass();
      plan.dispatches.forEach((dispatch, index) => {
        const { pipeline, layout } = kernels.get(dispatch.kernel)!;
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, this.#group(dispatch, layout), [index * OP_STRIDE]);
        pass.dispatchWorkgroups(...dispatch.groups);
      });
      pass.end();
      return this.#read(encoder, [
        { from: workspace, at: program.result.line * LINE_BYTES, bytes: program.result.lines * LINE_BYTES },
        ...(products ? [{ from: this.#grown.get('refused')!, at: 0, bytes: 4 }] : []),
      ]);
    });
    const [result, flag] = await scoped;
    this.#fetched = { line: program.result.line, bytes: result! };
    return flag !== undefined && new Uint32Array(flag)[0] !== 0 ? await this.#refusal(plan) : undefined;
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
    this.#none.buffer.destroy();
    this.#groups.clear();
  }

  #demandDevice(): void {
    const loss = this.#context.loss();
    if (loss !== undefined) throw new Error(loss);
  }

  /** The words of each dispatch: those of its op, then its own. */
  #writeOps({ words }: Program, dispatches: readonly Dispatch[]): void {
    const stride = OP_STRIDE / 4;
    if (this.#opWords.length < dispatches.length * stride) this.#opWords = new Int32Array(dispatches.length * stride);
    dispatches.forEach(({ op, extra }, index) => {
      this.#opWords.set(words.subarray(op * WORDS, (op + 1) * WORDS), index * stride);
      for (let i = 0; i < OP_BYTES / 4 - WORDS; i++) this.#opWords[index * stride + WORDS + i] = extra[i] ?? 0;
    });
    this.#memory.write(this.#atLeast('ops', dispatches.length * OP_STRIDE, "a step's ops", USAGE.uniform), 0, this.#opWords.subarray(0, dispatches.length * stride));
  }

  #group({ kernel, buffers }: Dispatch, layout: GpuBindGroupLayout): GpuBindGroup {
    const [ops, workspace, lists] = [this.#grown.get('ops')!, this.#grown.get('workspace')!, this.#grown.get('lists')!];
    const held = buffers.map((buffer) => (typeof buffer === 'string' ? this.#grown.get(buffer)! : buffer));
    const key = `${kernel} ${held.map(({ id, purpose }) => `${purpose}${id}`).join()}`;
    let group = this.#groups.get(key);
    if (group === undefined) {
      const entries = [{ buffer: ops.buffer, size: OP_BYTES }, { buffer: workspace.buffer }, { buffer: lists.buffer }, ...held.map(({ buffer }) => ({ buffer }))];
      this.#groups.set(key, (group = this.#context.device.createBindGroup({ layout, entries: entries.map((resource, binding) => ({ binding, resource })) })));
    }
    return group;
  }

  /** A buffer of a program, or a larger one in its place; contents are lost, and bind groups that name the old one. */
  #atLeast(name: Shared | 'workspace' | 'lists' | 'ops' | 'reading', bytes: number, what: string, usage: number = USAGE.storage): Held {
    const old = this.#grown.get(name);
    if (old !== undefined && old.bytes >= bytes) return old;
    if (old !== undefined) {
      this.#memory.release(old);
      this.#groups.clear();
    }
    const purpose: Purpose = 'workspace';
    // A quarter more than asked for, so that a sequence that grows by a token a step does not ask in each.
    const roomy = old === undefined ? bytes : Math.min(this.#memory.most, Math.ceil(bytes * 1.25));
    const held = this.#memory.take(Math.max(bytes, roomy), purpose, what, usage);
    this.#grown.set(name, held);
    return held;
  }

  /** Submits the encoder with copies of these after what it has, and answers their bytes. */
  async #read(encoder: GpuEncoder, parts: readonly { readonly from: Held; readonly at: number; readonly bytes: number }[]): Promise<ArrayBuffer[]> {
    const total = parts.reduce((sum, { bytes }) => sum + bytes, 0);
    const reading = this.#atLeast('reading', total, 'what is read', USAGE.reading);
    let at = 0;
    for (const { from, at: source, bytes } of parts) {
      if (bytes > 0) encoder.copyBufferToBuffer(from.buffer, source, reading.buffer, at, bytes);
      at += bytes;
    }
    this.#context.device.queue.submit([encoder.finish()]);
    if (total === 0) return parts.map(() => new ArrayBuffer(0));
    await reading.buffer.mapAsync(MAP_READ, 0, Math.ceil(total / 8) * 8);
    const mapped = reading.buffer.getMappedRange(0, Math.ceil(total / 8) * 8);
    at = 0;
    const copies = parts.map(({ bytes }) => mapped.slice(at, (at += bytes)));
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
    const [errors, lack] = [await found, await this.#memory.failure()];
    if (lack !== undefined) throw new Error(lack);
    const [invalid, exhausted, internal] = errors;
    if (exhausted) throw new Error(`the GPU has no memory for a step: ${exhausted.message}`);
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
