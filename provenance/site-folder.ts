/** A published site as a folder of files, read with suspicion: no links, nothing that is no file, bounded sizes. */
import { createHash } from 'node:crypto';
import { closeSync, lstatSync, openSync, readFileSync, readSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigurationError, byteSize } from '../stages/dag/index.ts';

/** What is wrong with a site: in which file, what, and how it should be. */
export interface SiteFault { readonly file: string; readonly what: string; readonly expected?: string; readonly found?: string }

const MOST_FILES = 100_000;
/** A page, table or list above this is not read. */
const MOST_BYTES = 512 * 2 ** 20;
const CHUNK = 1 << 20;

export class SiteFolder {
  readonly #folder: string;
  /** Path from the site's root -> size, sorted. */
  readonly files: ReadonlyMap<string, number>;
  /** What is no file. */
  readonly faults: readonly SiteFault[];
  readonly #hashes = new Map<string, string>();
  #bytes = 0;

  /** Throws ConfigurationError where there is no such folder. */
  constructor(folder: string) {
    this.#folder = folder;
    const files = new Map<string, number>();
    const faults: SiteFault[] = [];
    const walk = (under: string): void => {
      for (const name of readdirSync(join(folder, under)).sort()) {
        const path = under === '' ? name : `${under}/${name}`;
        const stat = lstatSync(join(folder, path));
        if (stat.isDirectory()) walk(path);
        else if (stat.isFile()) files.set(path, stat.size);
        else faults.push({ file: path, what: stat.isSymbolicLink() ? 'a link, not a file' : 'no file' });
        if (files.size > MOST_FILES) throw new ConfigurationError(`check-site: ${folder} has more than ${MOST_FILES} files`);
      }
    };
    try {
      if (!lstatSync(folder).isDirectory()) throw new ConfigurationError(`check-site: ${folder} is no folder; give the folder with the site's index.html`);
      walk('');
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (typeof code === 'string') throw new ConfigurationError(`check-site: ${folder} cannot be read (${code})`);
      throw error;
    }
    this.files = files;
    this.faults = faults;
  }

  get bytesHashed(): number {
    return this.#bytes;
  }

  /** The sha256 of a file that is there. */
  hash(path: string): string {
    let known = this.#hashes.get(path);
    if (known === undefined) {
      const hash = createHash('sha256');
      const chunk = Buffer.alloc(CHUNK);
      const file = openSync(join(this.#folder, path), 'r');
      try {
        for (let read = readSync(file, chunk); read > 0; read = readSync(file, chunk)) {
          hash.update(chunk.subarray(0, read));
          this.#bytes += read;
        }
      } finally {
        closeSync(file);
      }
      this.#hashes.set(path, known = hash.digest('hex'));
    }
    return known;
  }

  /** Its bytes; undefined where there is no such file. Throws SyntaxError for one that is too large. */
  read(path: string): Buffer | undefined {
    const size = this.files.get(path);
    if (size === undefined) return undefined;
    if (size > MOST_BYTES) throw new SyntaxError(`it has ${byteSize(size)}; up to ${byteSize(MOST_BYTES)} are read`);
    return readFileSync(join(this.#folder, path));
  }
}
