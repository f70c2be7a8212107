/** Files of the site that several checks of one run read: each is loaded once, so that what one check hashed is what the next one computes from, and is let go after the last of them. */
import type { PlannedFile } from './plan.ts';

type Bytes = Uint8Array<ArrayBuffer>;

export class KeptFiles {
  /** Path -> checks that have yet to read it. */
  readonly #wanted = new Map<string, number>();
  readonly #kept = new Map<string, Promise<Bytes>>();
  readonly #load: (path: string) => Promise<Bytes>;

  /** `downloads`: what each check says that it loads. `load` throws as CheckContext.file. */
  constructor(downloads: Iterable<readonly PlannedFile[]>, load: (path: string) => Promise<Bytes>) {
    this.#load = load;
    for (const files of downloads) for (const path of new Set(files.map((file) => file.path))) this.#wanted.set(path, (this.#wanted.get(path) ?? 0) + 1);
  }

  /** For one check. What cannot be loaded is tried again when it is asked for again. */
  file = (path: string): Promise<Bytes> => {
    const left = (this.#wanted.get(path) ?? 1) - 1;
    this.#wanted.set(path, left);
    const held = this.#kept.get(path) ?? this.#load(path);
    if (left > 0) {
      this.#kept.set(path, held);
      held.catch(() => this.#kept.delete(path));
    } else {
      this.#kept.delete(path);
    }
    return held;
  };
}
