/** Hashes what results stand on, each object and each file of the project once, however many results cite it. */
import { DamagedObject } from './errors.ts';
import { hashFile } from './facts.ts';
import { located } from './located.ts';
import type { FileFact } from './facts.ts';
import type { Store } from './store.ts';
import type { FileRef, OutputRecord, Pipeline } from './types.ts';

/** A fault of an output: in it, or in one of a tree's files. */
export interface ObjectFault { readonly file?: string; readonly expected: string; readonly found: string }

export class HashedObjects {
  readonly #store: Store;
  readonly #project: Pick<Pipeline, 'root' | 'base'>;
  readonly #faults = new Map<string, ObjectFault | undefined>();
  readonly #files = new Map<string, FileFact | undefined>();
  #bytes = 0;

  constructor(store: Store, project: Pick<Pipeline, 'root' | 'base'>) {
    this.#store = store;
    this.#project = project;
  }

  get objects(): number {
    return this.#faults.size + this.#files.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** What is wrong with an output's bytes, those of a tree's files included. */
  async faultsOf(output: OutputRecord): Promise<readonly ObjectFault[]> {
    const own = await this.#faultOf(output);
    if (own !== undefined || output.tree !== true) return own === undefined ? [] : [own];
    const faults: ObjectFault[] = [];
    let files: ReturnType<Store['treeHandle']>['tree'];
    try {
      files = this.#store.treeHandle(output).tree;
    } catch (error) {
      return [{ expected: 'each file of its list', found: whatOf(error) }];
    }
    for (const [file, { sha256, bytes }] of Object.entries(files)) {
      const fault = await this.#faultOf({ sha256, bytes });
      if (fault !== undefined) faults.push({ ...fault, file });
    }
    return faults;
  }

  /** Hash and size of a file that is an input; undefined where it cannot be read. */
  async file({ path, at }: Pick<FileRef, 'path' | 'at'>): Promise<FileFact | undefined> {
    if (!this.#files.has(path)) {
      const fact = await hashFile(at ?? located(this.#project, path)).catch((error: NodeJS.ErrnoException) => {
        if (typeof error.code === 'string') return undefined;
        throw error;
      });
      this.#files.set(path, fact);
      this.#bytes += fact?.bytes ?? 0;
    }
    return this.#files.get(path);
  }

  async #faultOf(output: OutputRecord): Promise<ObjectFault | undefined> {
    const { sha256, bytes } = output;
    // Two records may give one object two sizes; one of them is wrong.
    const name = `${sha256} ${bytes}`;
    if (!this.#faults.has(name)) this.#faults.set(name, await this.#read(output));
    return this.#faults.get(name);
  }

  async #read({ sha256, bytes }: OutputRecord): Promise<ObjectFault | undefined> {
    try {
      this.#bytes += (await this.#store.read(this.#store.handle({ sha256, bytes }))).length;
      return undefined;
    } catch (error) {
      return { expected: `${bytes} bytes with the sha256 ${sha256}`, found: whatOf(error) };
    }
  }
}

function whatOf(error: unknown): string {
  if (!(error instanceof DamagedObject)) throw error;
  return error.what === 'it is not in the store' ? 'nothing of that hash and size in the store' : error.what;
}
