/** Outputs as the store holds them, trees included: where their bytes lie, and whether all of them are there. */
import { DamagedObject } from './errors.ts';
import { readObjectSync } from './objects.ts';
import type { Catalogue } from './cache/catalogue.ts';
import type { ObjectPlaces } from './objects.ts';
import { decodeManifest } from './trees.ts';
import type { InputHandle, TreeHandle } from './task-types.ts';
import type { CellRecord, OutputRecord, Sha256 } from './types.ts';

export class OutputReader {
  readonly #places: ObjectPlaces;
  readonly #elsewhere: Catalogue | undefined;
  readonly #manifests = new Map<Sha256, ReadonlyMap<string, OutputRecord>>();

  /** `elsewhere`: what a shared cache holds counts as present; a run brings it when it is read. */
  constructor(places: ObjectPlaces, elsewhere?: Catalogue) {
    this.#places = places;
    this.#elsewhere = elsewhere;
  }

  /** Where an object lies. Throws DamagedObject when it is nowhere. */
  handle(output: OutputRecord): InputHandle {
    const handle = this.#places.find(output.sha256, output.bytes);
    if (handle !== undefined) return handle;
    throw new DamagedObject(output.sha256, this.#elsewhere?.has(output) === true ? 'it is in the shared cache and not in the store: "cache pull" brings it' : 'it is not in the store');
  }

  /** Where a tree's files lie. Throws DamagedObject for the manifest or for a file that is nowhere. */
  treeHandle(output: OutputRecord): TreeHandle {
    const files = [...this.#manifest(output)].map(([path, file]) => [path, this.handle(file)] as const);
    return { sha256: output.sha256, tree: Object.fromEntries(files) };
  }

  /** Whether an output can be had with everything it consists of. Sizes are compared, only manifests are hashed. */
  isPresent(output: OutputRecord): boolean {
    if (!this.isHere(output)) return this.#elsewhere?.has(output) === true;
    if (output.tree !== true) return true;
    try {
      for (const file of this.#manifest(output).values()) if (!this.isHere(file) && this.#elsewhere?.has(file) !== true) return false;
      return true;
    } catch (error) {
      if (error instanceof DamagedObject) return false;
      throw error;
    }
  }

  /** Whether an object is in the store. */
  isHere({ sha256, bytes }: OutputRecord): boolean {
    return this.#places.find(sha256, bytes) !== undefined;
  }

  /** Whether a shared cache is said to hold an object. */
  isElsewhere(output: OutputRecord): boolean {
    return this.#elsewhere?.has(output) === true;
  }

  /** Every object that a record cites: its outputs, and the files of its trees as far as their manifests can be read. */
  *citedBy(record: CellRecord): Generator<OutputRecord> {
    for (const output of Object.values(record.outputs)) yield* this.objectsOf(output);
  }

  /** The objects that an output consists of: of a tree its manifest first, then its files, as far as the manifest can be read. */
  *objectsOf(output: OutputRecord): Generator<OutputRecord> {
    yield output;
    if (output.tree !== true) return;
    try {
      yield* this.#manifest(output).values();
    } catch (error) {
      if (!(error instanceof DamagedObject)) throw error;
    }
  }

  /** Its manifest, if it is one, is to be read again. */
  forget(sha: Sha256): void {
    this.#manifests.delete(sha);
  }

  /** Every manifest is to be read again. */
  forgetAll(): void {
    this.#manifests.clear();
  }

  #manifest(output: OutputRecord): ReadonlyMap<string, OutputRecord> {
    let files = this.#manifests.get(output.sha256);
    if (files === undefined) {
      files = decodeManifest(readObjectSync(this.handle(output)));
      if (files === undefined) throw new DamagedObject(output.sha256, 'it lists no files');
      this.#manifests.set(output.sha256, files);
    }
    return files;
  }
}
