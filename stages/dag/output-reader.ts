/** Outputs as the store holds them, trees included: where their bytes lie, and whether all of them are there. */
import { DamagedObject } from './errors.ts';
import { readObjectSync } from './objects.ts';
import type { ObjectPlaces } from './objects.ts';
import { decodeManifest } from './trees.ts';
import type { CellRecord, InputHandle, OutputRecord, Sha256, TreeHandle } from './types.ts';

export class OutputReader {
  readonly #places: ObjectPlaces;
  readonly #manifests = new Map<Sha256, ReadonlyMap<string, OutputRecord>>();

  constructor(places: ObjectPlaces) {
    this.#places = places;
  }

  /** Where an object lies. Throws DamagedObject when it is nowhere. */
  handle(output: OutputRecord): InputHandle {
    const handle = this.#places.find(output.sha256, output.bytes);
    if (handle === undefined) throw new DamagedObject(output.sha256, 'it is not in the store');
    return handle;
  }

  /** Where a tree's files lie. Throws DamagedObject for the manifest or for a file that is nowhere. */
  treeHandle(output: OutputRecord): TreeHandle {
    const files = [...this.#manifest(output)].map(([path, file]) => [path, this.handle(file)] as const);
    return { sha256: output.sha256, tree: Object.fromEntries(files) };
  }

  /** Whether an output is in the store with everything it consists of. Sizes are compared, only manifests are hashed. */
  isPresent(output: OutputRecord): boolean {
    if (this.#places.find(output.sha256, output.bytes) === undefined) return false;
    if (output.tree !== true) return true;
    try {
      for (const file of this.#manifest(output).values()) {
        if (this.#places.find(file.sha256, file.bytes) === undefined) return false;
      }
      return true;
    } catch (error) {
      if (error instanceof DamagedObject) return false;
      throw error;
    }
  }

  /** Every object that a record cites: its outputs, and the files of its trees as far as their manifests can be read. */
  *citedBy(record: CellRecord): Generator<OutputRecord> {
    for (const output of Object.values(record.outputs)) {
      yield output;
      if (output.tree !== true) continue;
      try {
        yield* this.#manifest(output).values();
      } catch (error) {
        if (!(error instanceof DamagedObject)) throw error;
      }
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
