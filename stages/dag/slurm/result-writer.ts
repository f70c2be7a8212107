/** Takes a task's outputs on a node: large objects into the store at once, small ones into the next part of its result. */
import { Commits } from '../commits.ts';
import { ensureFolder } from '../disk.ts';
import { ObjectPlaces } from '../objects.ts';
import { OutputWriter } from '../output-writer.ts';
import { writeResult } from './result-file.ts';
import type { Made } from '../commits.ts';
import type { TaskEnd } from '../executor.ts';
import type { OutputContent } from '../store.ts';
import type { InputHandle } from '../task-types.ts';
import type { Failure, OutputRecord, Sha256 } from '../types.ts';
import type { CellEnd, ResultHead } from './result-file.ts';

/** A part goes to the disk when its objects come to so much, */
const PART_BYTES = 32 << 20;
/** or after this time, twice as long for each further one: a dead node takes half of a task's work with it at most, and a long task leaves few files. */
const FIRST_PART_MS = 60_000;

/** The store's places of objects, and where those lie that a task only passes on. */
class Places extends ObjectPlaces {
  readonly passedOn = new Map<Sha256, InputHandle>();
  override find(sha: Sha256, bytes: number): InputHandle | undefined {
    return this.passedOn.get(sha) ?? super.find(sha, bytes);
  }
}

export class ResultWriter {
  readonly #results: string;
  readonly #head: Omit<ResultHead, 'cells' | 'end' | 'log'>;
  readonly #places: Places;
  readonly #store: string;
  readonly commits: Commits<Sha256>;
  #cells: CellEnd[] = [];
  #objects = new Map<Sha256, Uint8Array>();
  #bytes = 0;
  #parts: number;
  #lastMs = performance.now();
  #gapMs = FIRST_PART_MS;
  #writing: Promise<void> = Promise.resolve();

  /** `parts`: those that lie there already. */
  constructor(store: string, results: string, head: Omit<ResultHead, 'cells' | 'end' | 'log'>, parts: number) {
    this.#store = store;
    this.#results = results;
    this.#head = head;
    this.#places = new Places(store);
    this.#parts = parts;
    this.commits = new Commits((key, made, durationMs) => this.#take(key, made, durationMs));
  }

  fail(key: Sha256, failure: Failure): void {
    this.#cells.push({ key, failure, durationMs: this.commits.sinceLast() });
  }

  /** Writes what there is now: there may be no later. */
  async flush(): Promise<void> {
    await this.commits.finish();
    if (this.#cells.length > 0) this.#write(undefined, '');
    await this.#writing;
  }

  /** Writes what is left, and the end. Without one the rest of the task is another job's. */
  async close(end: TaskEnd | undefined, log: string): Promise<void> {
    await this.commits.finish();
    if (end !== undefined || this.#cells.length > 0) this.#write(end, log);
    await this.#writing;
  }

  async #take(key: Sha256, { outputs, computedBy, peakBytes }: Made, durationMs: number): Promise<void> {
    const writer = new OutputWriter(this.#places, () => ensureFolder(this.#store));
    const records: { [name: string]: OutputRecord } = {};
    for (const [name, content] of Object.entries(outputs)) {
      this.#notePassedOn(content);
      records[name] = await writer.put(content);
    }
    for (const [sha, bytes] of writer.small) {
      if (this.#objects.has(sha)) continue;
      this.#objects.set(sha, bytes);
      this.#bytes += bytes.length;
    }
    this.#cells.push({ key, outputs: records, durationMs, ...(computedBy === undefined ? {} : { computedBy }), ...(peakBytes === undefined ? {} : { peakBytes }) });
    if (this.#bytes < PART_BYTES && performance.now() - this.#lastMs < this.#gapMs) return;
    if (this.#bytes < PART_BYTES) this.#gapMs *= 2;
    this.#write(undefined, '');
    await this.#writing;
  }

  #notePassedOn(content: OutputContent): void {
    const parts = content instanceof Uint8Array || !('tree' in content) ? [content] : content.tree.values();
    for (const part of parts) if (!(part instanceof Uint8Array) && 'stored' in part) this.#places.passedOn.set(part.stored.sha256, part.stored);
  }

  #write(end: TaskEnd | undefined, log: string): void {
    const [head, objects, part] = [{ ...this.#head, cells: this.#cells, log, ...(end === undefined ? {} : { end }) }, this.#objects, this.#parts++];
    this.#cells = [];
    this.#objects = new Map();
    this.#bytes = 0;
    this.#lastMs = performance.now();
    this.#writing = this.#writing.then(() => writeResult(this.#results, part, head, objects));
  }
}
