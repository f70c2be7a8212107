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
  /** Of a site that is read from files: the chosen folder's name, and its files by path from its root. */
  #chosen: { readonly name: string; readonly files: ReadonlyMap<string, File> } | undefined;
  readonly #sentUnpacked = new Set<string>();

  /** `root`: the site's address, with a slash at its end. */
  constructor(root: string) {
    this.#root = root;
  }

  /** From file:// a page may load scripts and nothing else: all other files are read in a folder that the reader chooses. */
  get fromFile(): boolean {
    return this.#root.startsWith('file:');
  }

  /** None was chosen yet. */
  get needsFolder(): boolean {
    return this.fromFile && this.#chosen === undefined;
  }

  /** The folder's name. */
  get folder(): string | undefined {
    return this.#chosen?.name;
  }

  /** Throws Error, a sentence, where it is none of this site: its plan or its list of files is another than the one beside this page. No folder is chosen then. */
  async choose(files: Iterable<File>): Promise<void> {
    this.#chosen = undefined;
    const all = [...files], name = all[0]?.webkitRelativePath.split('/')[0] ?? '';
    // 'site/data/files.json': the folder's own name comes first.
    const byPath = new Map(all.map((file) => [file.webkitRelativePath.slice(name.length + 1), file]));
    if (!byPath.has(PLAN_FILE)) throw new Error(`The folder${name === '' ? '' : ` “${name}”`} has no ${PLAN_FILE}. Choose the one that holds this report’s index.html.`);
    for (const [path, own] of [[PLAN_FILE, window.bitwidthPlan], [SIZES_FILE, window.bitwidthSizes]] as const) {
      if (JSON.stringify(own) !== await valueIn(byPath.get(path))) throw new Error(`“${name}” is the folder of another report, or of another version of this one: its ${path} is not the one beside this page. Choose the folder from which this page was opened. To check the other report, open its own index.html; if this one was written anew since it was opened, load the page again.`);
    }
    this.#chosen = { name, files: byPath };
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
    const plan = await this.program(PLAN_FILE, 'bitwidthPlan') as Plan;
    if (plan.format !== PLAN_FORMAT) throw new Error(`${PLAN_FILE} is not what this page reads`);
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
      const file = this.#chosen.files.get(path);
      if (file === undefined) throw new MissingFile(`${path} is not in the chosen folder`);
      return new Uint8Array(await file.arrayBuffer().catch((error: unknown) => { throw new Error(`${path} cannot be read: it was changed or removed after the folder was chosen`, { cause: error }); }));
    }
    const broken = (error: unknown): never => {
      signal.throwIfAborted();
      // The browser's own words name no file.
      throw new Error(`${path} cannot be loaded: the connection broke, or the server does not answer`, { cause: error });
    };
    // What the server has now, not what it had when the browser last looked.
    const answer = await fetch(this.#root + encodeURI(path), { signal, cache: 'no-cache' }).catch(broken);
    if (answer.status === 404 || answer.status === 410) throw new MissingFile(`the server has no ${path}`);
    // Some answer for what they have not with a page.
    if (!path.endsWith('.html') && /^text\/html\b/i.test(answer.headers.get('content-type') ?? '')) throw new MissingFile(`the server has no ${path}: it answers with a page`);
    if (!answer.ok) throw new Error(`${path} cannot be loaded: the server answers ${answer.status}`);
    if (path.endsWith('.gz') && answer.headers.get('content-encoding') !== null) this.#sentUnpacked.add(path);
    return new Uint8Array(await answer.arrayBuffer().catch(broken));
  }

  /** Whether the server called the file's own gzip an encoding of the transfer: browsers take that off, so that a page never has the bytes that the site has. */
  sentUnpacked(path: string): boolean {
    return this.#sentUnpacked.has(path);
  }

  /** Every file of the chosen folder; undefined where the site is read from a server, which lists none. */
  get chosen(): readonly string[] | undefined {
    return this.#chosen && [...this.#chosen.files.keys()];
  }
}

/** What such a script sets, as JSON; undefined where there is none, or it is something else. */
async function valueIn(script: File | undefined): Promise<string | undefined> {
  const text = await script?.text() ?? '';
  try {
    return JSON.stringify(JSON.parse(text.slice(text.indexOf('=') + 1, text.lastIndexOf(';'))));
  } catch {
    return undefined;
  }
}
