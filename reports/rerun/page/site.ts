/** What the site holds, for a page of it: scripts from wherever it lies, files as data from a server or from the folder that the reader chose. */
import { SIZES_FILE } from '../../manifest.ts';
import { decoded, demandBytes, DifferentBytes, MissingFile } from '../objects.ts';
import { PLAN_FILE, PLAN_FORMAT } from '../plan.ts';
import type { Plan } from '../plan.ts';

type Bytes = Uint8Array<ArrayBuffer>;

declare global {
  interface Window { bitwidthPlan?: Plan; bitwidthSizes?: NonNullable<Plan['files']>; bitwidthObjects?: { [sha256: string]: string } }
}

export class Site {
  readonly #root: string;
  readonly #scripts = new Map<string, Promise<void>>();
  readonly #objects = new Map<string, Bytes>();
  /** By sha256: a run that was cancelled may still wait for what the next one asks for. */
  readonly #loading = new Map<string, Promise<Bytes>>();
  /** Of a site that is read from files: those of the chosen folder, by path from its root. */
  #chosen: ReadonlyMap<string, File> | undefined;
  readonly #sentUnpacked = new Set<string>();

  /** `root`: the site's address, with a slash at its end. */
  constructor(root: string) {
    this.#root = root;
  }

  /** From file:// a page may load scripts and nothing else. */
  get needsFolder(): boolean {
    return this.#root.startsWith('file:') && this.#chosen === undefined;
  }

  /** Throws Error, a sentence, where it is none of this site: its list of files is another than the one beside this page. */
  choose(files: Iterable<File>): void {
    // 'site/data/files.json': the folder's own name comes first.
    const byPath = new Map(Array.from(files, (file) => [file.webkitRelativePath.replace(/^[^/]*\//, ''), file]));
    if (!byPath.has(PLAN_FILE)) throw new Error(`the folder has no ${PLAN_FILE}; choose the one that holds this report's index.html`);
    this.#chosen = byPath;
  }

  /** Loads a script of the site once. Throws Error, a sentence. */
  script(path: string): Promise<void> {
    let loaded = this.#scripts.get(path);
    if (loaded === undefined) {
      loaded = new Promise<void>((resolve, reject) => {
        const element = document.createElement('script');
        element.src = this.#root + path;
        element.onload = () => { element.remove(); resolve(); };
        element.onerror = () => { element.remove(); this.#scripts.delete(path); reject(new Error(`${path} cannot be loaded: it is missing from this copy of the report, or the connection broke`)); };
        document.head.append(element);
      });
      this.#scripts.set(path, loaded);
    }
    return loaded;
  }

  /** Loads a program once, and answers what it left under that name of the window. Throws Error, a sentence. */
  async program(path: string, name: string): Promise<unknown> {
    await this.script(path);
    const left = (window as unknown as { readonly [name: string]: unknown })[name];
    if (left !== undefined) return left;
    // The next time it is loaded anew: a reader may have put the file right.
    this.#scripts.delete(path);
    throw new Error(`${path} is damaged or not of this report`);
  }

  async plan(): Promise<Plan> {
    await this.script(PLAN_FILE);
    const plan = window.bitwidthPlan;
    if (plan === undefined || plan.format !== PLAN_FORMAT) throw new Error(`${PLAN_FILE} is not what this page reads`);
    // Without the list of sizes what it is needed for says so.
    await this.script(SIZES_FILE).catch(() => undefined);
    return window.bitwidthSizes === undefined ? plan : { ...plan, files: window.bitwidthSizes };
  }

  /** Whether its files can be read as data. */
  get reads(): boolean {
    return !this.needsFolder;
  }

  has(sha256: string): boolean {
    return this.#objects.has(sha256);
  }

  /** Throws DifferentBytes where the site has other bytes, Error where it has none. */
  async object(plan: Plan, sha256: string): Promise<Bytes> {
    const held = this.#objects.get(sha256) ?? this.#loading.get(sha256);
    if (held !== undefined) return held;
    const loading = this.#load(plan, sha256).finally(() => this.#loading.delete(sha256));
    this.#loading.set(sha256, loading);
    return loading;
  }

  /** Once at a time for each: what the script left is taken from the window. */
  async #load(plan: Plan, sha256: string): Promise<Bytes> {
    const planned = plan.objects[sha256];
    if (planned === undefined) throw new Error(`the report does not publish the object ${sha256.slice(0, 12)}`);
    await this.script(planned.path);
    try {
      const base64 = window.bitwidthObjects?.[sha256];
      if (base64 === undefined) throw new DifferentBytes(`${planned.path} does not hold ${planned.output} of ${planned.cell}`);
      delete window.bitwidthObjects![sha256];
      const bytes = decoded(base64, planned.path);
      await demandBytes(bytes, sha256, planned.path, `${planned.output} of ${planned.cell}`);
      this.#objects.set(sha256, bytes);
      return bytes;
    } catch (error) {
      // As in program().
      this.#scripts.delete(planned.path);
      throw error;
    }
  }

  /** A file as it is. Throws MissingFile, or Error with a sentence. */
  async file(path: string, signal: AbortSignal): Promise<Bytes> {
    if (this.#chosen !== undefined) {
      const file = this.#chosen.get(path);
      if (file === undefined) throw new MissingFile(`${path} is not in the chosen folder`);
      return new Uint8Array(await file.arrayBuffer());
    }
    // What the server has now, not what it had when the browser last looked.
    const answer = await fetch(this.#root + encodeURI(path), { signal, cache: 'no-cache' });
    if (answer.status === 404 || answer.status === 410) throw new MissingFile(`the server has no ${path}`);
    if (!answer.ok) throw new Error(`${path} cannot be loaded: the server answers ${answer.status}`);
    if (path.endsWith('.gz') && answer.headers.get('content-encoding') !== null) this.#sentUnpacked.add(path);
    return new Uint8Array(await answer.arrayBuffer());
  }

  /** Whether the server called the file's own gzip an encoding of the transfer: browsers take that off, so that a page never has the bytes that the site has. */
  sentUnpacked(path: string): boolean {
    return this.#sentUnpacked.has(path);
  }

  /** Every file of the chosen folder; undefined where the site is read from a server, which lists none. */
  get chosen(): readonly string[] | undefined {
    return this.#chosen && [...this.#chosen.keys()];
  }
}
