/** The results that jobs have left: read once, handed to whoever waits for their cells, removed when the store has what was in them. */
import { rm, stat } from 'node:fs/promises';
import { resultNames } from './places.ts';
import { readResult } from './result-file.ts';
import type { Sha256 } from '../types.ts';
import type { ClusterPlaces } from './places.ts';
import type { CellEnd, ResultFile } from './result-file.ts';

/** A file, and what of it nobody has taken yet. */
interface Found { readonly file: string; readonly result: ResultFile; readonly left: Set<Sha256> }

export interface FoundCell { readonly end: CellEnd; readonly result: ResultFile }

/** Results that no run has asked for are somebody's work, for a while. */
const KEPT_MS = 30 * 24 * 3600 * 1000;

export class Results {
  readonly #places: ClusterPlaces;
  readonly #isKnown: (end: CellEnd) => boolean;
  readonly #found = new Map<string, Found>();
  readonly #byKey = new Map<Sha256, Found>();
  /** Tasks whose last part was read. */
  readonly ended = new Set<string>();
  /** Files that could not be read, since when; ms of the monotonic clock. */
  readonly #unreadable = new Map<string, number>();

  /** `isKnown`: the store has the cell's result already, because a run was killed between committing it and removing the file. */
  constructor(places: ClusterPlaces, isKnown: (end: CellEnd) => boolean) {
    this.#places = places;
    this.#isKnown = isKnown;
  }

  /** Reads what is new; answers it in the order in which it was written. A file that cannot be read for `graceMs` is damaged, and goes. */
  async scan(graceMs: number, warn: (sentence: string) => void): Promise<readonly ResultFile[]> {
    const fresh: ResultFile[] = [];
    for (const { file } of await resultNames(this.#places)) {
      if (this.#found.has(file)) continue;
      const path = `${this.#places.results}/${file}`;
      const result = await readResult(path);
      if (result === undefined) {
        const sinceMs = this.#unreadable.get(file) ?? performance.now();
        this.#unreadable.set(file, sinceMs);
        if (performance.now() - sinceMs < graceMs) continue;
        warn('a file of results is damaged: what it held is computed again');
        await rm(path, { force: true }).catch(() => undefined);
        continue;
      }
      const found: Found = { file, result, left: new Set(result.head.cells.filter((end) => !this.#isKnown(end)).map(({ key }) => key)) };
      this.#found.set(file, found);
      for (const key of found.left) this.#byKey.set(key, found);
      fresh.push(result);
      if (result.head.end !== undefined) this.ended.add(result.head.task);
      if (found.left.size === 0 || await this.#isOld(path)) await this.#remove(found);
    }
    return fresh;
  }

  /** What there is of a key. */
  of(key: Sha256): FoundCell | undefined {
    const found = this.#byKey.get(key);
    return found === undefined ? undefined : { end: found.result.head.cells.find((end) => end.key === key)!, result: found.result };
  }

  /** A key's result is in the store, or counts for nothing: its file goes with the last of its keys. */
  async taken(key: Sha256): Promise<void> {
    const found = this.#byKey.get(key);
    if (found === undefined) return;
    this.#byKey.delete(key);
    found.left.delete(key);
    if (found.left.size === 0) await this.#remove(found);
  }

  async #isOld(path: string): Promise<boolean> {
    return Date.now() - ((await stat(path).catch(() => undefined))?.mtimeMs ?? Date.now()) > KEPT_MS;
  }

  async #remove({ file, left }: Found): Promise<void> {
    for (const key of left) this.#byKey.delete(key);
    // Its name stays known: a listing may show it once more.
    await rm(`${this.#places.results}/${file}`, { force: true }).catch(() => undefined);
  }
}
