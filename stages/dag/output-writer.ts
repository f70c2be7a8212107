/** Takes outputs in: large objects go to the disk at once, small ones are collected for the pack of the next group. */
import { statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { adoptDurably, ensureFolder, syncFile, wrapErrors, writeDurably } from './disk.ts';
import { DamagedObject } from './errors.ts';
import { hashFile } from './facts.ts';
import type { ObjectPlaces } from './objects.ts';
import { sha256 } from './sha256.ts';
import { LOOSE_BYTES } from './store.ts';
import type { OutputBytes, OutputContent } from './store.ts';
import { encodeManifest } from './trees.ts';
import type { OutputRecord, Sha256 } from './types.ts';

export class OutputWriter {
  readonly #places: ObjectPlaces;
  readonly #prepare: () => Promise<void>;
  /** Small objects met so far; they are not in the store until their group is. */
  readonly small = new Map<Sha256, Uint8Array>();

  /** One for each commit. `prepare` makes the store's folder. */
  constructor(places: ObjectPlaces, prepare: () => Promise<void>) {
    this.#places = places;
    this.#prepare = prepare;
  }

  /** Puts one output. Throws TypeError for a tree path that may not be, StoreUnwritable when the disk refuses. */
  async put(content: OutputContent): Promise<OutputRecord> {
    if (!('tree' in content)) return this.#putBytes(content);
    const files = new Map<string, OutputRecord>();
    for (const [path, bytes] of content.tree) files.set(path, await this.#putBytes(bytes));
    return { ...(await this.#putBytes(encodeManifest(files))), tree: true };
  }

  async #putBytes(content: OutputBytes): Promise<OutputRecord> {
    if (!(content instanceof Uint8Array)) {
      if ('stored' in content) return this.#stored(content.stored);
      if (statSync(content.file).size >= LOOSE_BYTES) return this.#putFile(content.file);
      content = await readFile(content.file);
    }
    const output = { sha256: sha256(content), bytes: content.length };
    if (content.length < LOOSE_BYTES) this.small.set(output.sha256, content);
    else await this.#putLoose(output, folder => writeDurably(folder, output.sha256, [content]));
    return output;
  }

  /** Takes over the file of an object whose bytes were hashed as they were written. Throws StoreUnwritable. */
  async putHashed(object: OutputRecord, path: string): Promise<void> {
    await this.#putLoose(object, folder => adoptDurably(path, folder, object.sha256));
  }

  /** Throws DamagedObject for one that is not there (any more). */
  #stored({ sha256: sha, bytes }: OutputRecord): OutputRecord {
    if (this.#places.find(sha, bytes) === undefined) throw new DamagedObject(sha, 'it is not in the store');
    return { sha256: sha, bytes };
  }

  async #putFile(path: string): Promise<OutputRecord> {
    // The disk takes it while it is hashed; what comes of that shows when it is moved and synced.
    const [output] = await Promise.all([hashFile(path), syncFile(path).catch(() => undefined)]);
    await this.#putLoose(output, folder => adoptDurably(path, folder, output.sha256));
    return output;
  }

  async #putLoose({ sha256: sha, bytes }: OutputRecord, write: (folder: string) => Promise<void>): Promise<void> {
    if (this.#places.find(sha, bytes) !== undefined) return;
    await this.#prepare();
    const folder = this.#places.looseFolder(sha);
    await wrapErrors(() => ensureFolder(folder));
    await write(folder);
    this.#places.forgetStat(this.#places.loosePath(sha));
  }
}
