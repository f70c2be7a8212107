/**
 * A run's shared cache: knows what the remote has, brings what a task needs, sends what the run computes. It only ever helps: whatever goes wrong
 * with it is told in a sentence, and the run computes what it would have been spared.
 */
import { count } from '../words.ts';
import { ConfigurationError } from '../declare.ts';
import { openSigner } from '../signing-key.ts';
import { decodeManifest } from '../trees.ts';
import { Downloader } from './download.ts';
import { DEFAULT_PATIENCE, PatientRemote, SetAside } from './patient.ts';
import { RemoteError } from './remote.ts';
import { openRemote } from './remotes.ts';
import { publicKeyText } from './trusted.ts';
import { LIST, Uploader } from './upload.ts';
import type { Catalogue, Taken } from './catalogue.ts';
import type { CacheTraffic } from './traffic.ts';
import type { Store } from '../store.ts';
import type { Cell, CellRecord, OutputRecord, Pipeline, Sha256 } from '../types.ts';

export interface SharedCacheOptions {
  /** Nothing is put into it. */
  readonly readOnly: boolean;
  readonly told: (sentence: string) => void;
  /** What went through it so far; not more than about twice a second. */
  readonly moved?: (traffic: CacheTraffic) => void;
}

/** So often what others have put there is looked for while a run goes on; ms. */
const LOOK_MS = 20_000;
const TELL_MS = 500;
/** Of a kind of oddity so many are told of. */
const MAX_TOLD = 3;

export class SharedCache {
  readonly #catalogue: Catalogue;
  readonly #store: Store;
  readonly #remote: PatientRemote;
  readonly #downloader: Downloader;
  readonly #uploader: Uploader | undefined;
  readonly #endMs: number;
  readonly #told: (sentence: string) => void;
  readonly #odd = new Set<string>();
  readonly #taken = new Set<CellRecord>();
  #adopting: Promise<unknown> = Promise.resolve();
  #syncing: Promise<void> | undefined;
  #look: NodeJS.Timeout | undefined;
  #hurry: () => void = () => undefined;
  #hurried = false;

  /**
   * Of a pipeline with `cache`, and a store that was opened as the pipeline's. Undefined where it cannot be used; that was told.
   */
  static async open({ cache }: Pipeline, store: Store, options: SharedCacheOptions): Promise<SharedCache | undefined> {
    if (cache === undefined || store.catalogue === undefined) return undefined;
    let remote: PatientRemote;
    try {
      remote = new PatientRemote(await openRemote(cache), cache.patience ?? {}, options.told);
    } catch (error) {
      if (!(error instanceof RemoteError)) throw error;
      options.told(`the shared cache cannot be used: ${error.message}. This run goes on without it`);
      return undefined;
    }
    const readOnly = options.readOnly || cache.readOnly === true;
    const shared = new SharedCache(store, store.catalogue, remote, readOnly ? undefined : signerOf(options.told), { ...DEFAULT_PATIENCE, ...cache.patience }.endMs, options.told);
    if (options.moved !== undefined) shared.#tell(options.moved);
    await shared.#first();
    return shared;
  }

  private constructor(store: Store, catalogue: Catalogue, remote: PatientRemote, signer: { readonly text: string; sign(bytes: Uint8Array): Uint8Array } | undefined, endMs: number, told: (sentence: string) => void) {
    this.#store = store;
    this.#catalogue = catalogue;
    this.#remote = remote;
    this.#endMs = endMs;
    this.#told = told;
    this.#downloader = new Downloader(remote, catalogue, store, (what) => this.#oddity(what));
    this.#uploader = signer === undefined ? undefined : new Uploader({ remote, catalogue, store, signer, sync: () => this.sync() });
  }

  /** Whether it can be read. */
  get serves(): boolean {
    return this.#remote.serves('read');
  }

  /** Why it cannot be read or written, where that is so. */
  trouble(way: 'read' | 'write'): string | undefined {
    return this.#remote.trouble(way);
  }

  /** Reads what is new in its list. Throws RemoteError or SetAside. */
  sync(): Promise<void> {
    return this.#syncing ??= this.#sync().finally(() => { this.#syncing = undefined; });
  }

  /**
   * Looks whether fetched trees that the cache has consist of the files that these cells name: only then their records count. For those of which
   * the store has no record.
   */
  async vouch(cells: readonly Cell[]): Promise<void> {
    const wanted = cells.filter(({ id, stage, promised }) => stage.determinism === 'fetched' && promised !== undefined && this.#store.newestOfCell(id) === undefined);
    for (const { stage, promised = [] } of wanted) {
      for (const record of this.#catalogue.fetched(stage.name)) {
        const trees = Object.values(record.outputs);
        if ((await this.#downloader.bring(trees.map(({ sha256, bytes }) => ({ sha256, bytes })))).length > 0) continue;
        const files = new Set<string>();
        for (const output of trees) {
          files.add(output.sha256);
          if (output.tree === true) for (const { sha256 } of decodeManifest(await this.#store.read(this.#store.handle(output)))?.values() ?? []) files.add(sha256);
        }
        if (promised.every(({ sha256 }) => files.has(sha256))) this.#catalogue.vouchFor(record.key);
      }
    }
  }

  /** A cell's records that stand for it in this run: those of the cache become the store's own, those of the store go up. */
  settled(cell: Cell, records: readonly CellRecord[]): void {
    const fresh = records.filter((record) => this.#catalogue.signerOf(record) !== undefined && !this.#taken.has(record));
    for (const record of fresh) this.#taken.add(record);
    // A store that cannot be written takes them from the cache each time.
    if (fresh.length > 0) this.#adopting = Promise.all([this.#adopting, this.#store.adopt(fresh).catch(() => undefined)]);
    for (const record of records) if (!this.#taken.has(record)) this.#uploader?.offer(cell, record);
  }

  /** A cell was computed once more because records of it differed. */
  ruled(cell: Cell, record: CellRecord): void {
    this.#uploader?.offer(cell, record, true);
  }

  /** Brings what is not in the store; answers what cannot be had. Throws StoreUnwritable. */
  bring(outputs: Iterable<OutputRecord>): Promise<readonly Sha256[]> {
    return this.#downloader.bring(outputs);
  }

  traffic(): CacheTraffic {
    const { requests, bytesDown, bytesUp } = this.#remote.traffic;
    return { taken: this.#taken.size, sent: this.#uploader?.sent.records ?? 0, bytesDown, bytesUp, requests, left: this.#uploader?.left ?? 0 };
  }

  /** Sends what is left, however long that takes. */
  async finish(): Promise<void> {
    await Promise.race([this.#uploader?.finish(), new Promise<void>((resolve) => { this.#hurry = resolve; })]);
  }

  /** Does not wait for what is being sent. */
  hurry(): void {
    this.#hurried = true;
    this.#hurry();
  }

  /** Sends what is left, for a while; then lets go of the remote. `now`: sends nothing more. */
  async close(now = false): Promise<void> {
    clearInterval(this.#look);
    await this.#adopting;
    now ||= this.#hurried;
    if (now) this.#uploader?.stop();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, now ? 0 : this.#endMs);
      this.#hurry = resolve;
    });
    const finishing = this.#uploader?.finish();
    try {
      await Promise.race([finishing, late]);
    } catch (error) {
      // A fault of ours: it must be seen, and must not cost the run.
      this.#told(`nothing more is put into the shared cache: ${(error as Error).message}`);
    } finally {
      clearTimeout(timer);
      this.#remote.close();
      this.#uploader?.stop();
      await finishing?.catch(() => undefined);
      this.#catalogue.save();
    }
    const { left } = this.traffic();
    if (left > 0 && this.#remote.trouble('write') === undefined) this.#told(`${count(left, 'result')} could not be put into the shared cache in time; the next run or "cache push" sends ${left === 1 ? 'it' : 'them'}`);
  }

  #tell(moved: (traffic: CacheTraffic) => void): void {
    let lastMs = -Infinity;
    this.#remote.moved = () => {
      // Looking at its list is no news.
      if (performance.now() - lastMs < TELL_MS || this.#taken.size + (this.#uploader?.left ?? 0) === 0) return;
      lastMs = performance.now();
      moved(this.traffic());
    };
  }

  /** Without its list it is of no use. */
  async #first(): Promise<void> {
    try {
      await this.sync();
      this.#catalogue.upToDate = true;
      this.#look = setInterval(() => void this.sync().catch(() => undefined), LOOK_MS);
      this.#look.unref();
    } catch (error) {
      if (!(error instanceof RemoteError) && !(error instanceof SetAside)) throw error;
      this.#remote.giveUp('read', error.message);
    }
  }

  async #sync(): Promise<void> {
    const fresh = (await this.#remote.list(LIST, this.#catalogue.last)).filter(({ name }) => /^log\/\d{10}$/.test(name) && !this.#catalogue.knows(name));
    const bytes = await Promise.all(fresh.map(({ name }) => this.#remote.get(name)));
    const tally: { [what in Taken]: number } = { taken: 0, stranger: 0, forged: 0, damaged: 0 };
    fresh.forEach(({ name }, i) => {
      const content = bytes[i];
      if (content !== undefined) tally[this.#catalogue.add(name, content)]++;
    });
    if (tally.stranger > 0) this.#told(`${count(tally.stranger, 'entry', 'entries')} of the shared cache ${tally.stranger === 1 ? 'is' : 'are'} signed by nobody under trust: in study.yaml, and ${tally.stranger === 1 ? 'counts' : 'count'} for nothing`);
    if (tally.forged > 0) this.#told(`${count(tally.forged, 'entry', 'entries')} of the shared cache ${tally.forged === 1 ? 'bears' : 'bear'} the name of a key that is trusted and a signature that is not by it: ${tally.forged === 1 ? 'it counts' : 'they count'} for nothing; somebody who may write there is not to be trusted`);
    if (tally.damaged > 0) this.#told(`${count(tally.damaged, 'entry', 'entries')} of the shared cache ${tally.damaged === 1 ? 'is' : 'are'} damaged and ${tally.damaged === 1 ? 'counts' : 'count'} for nothing`);
  }

  #oddity(what: string): void {
    if (this.#odd.has(what)) return;
    this.#odd.add(what);
    if (this.#odd.size <= MAX_TOLD) this.#told(`shared cache: ${what}`);
    else if (this.#odd.size === MAX_TOLD + 1) this.#told('shared cache: more of it is damaged or gone; "cache status" tells how much of it can be used');
  }
}

function signerOf(told: (sentence: string) => void): { readonly text: string; sign(bytes: Uint8Array): Uint8Array } | undefined {
  try {
    const { publicKey, sign } = openSigner();
    return { text: publicKeyText(publicKey), sign };
  } catch (error) {
    // What cannot be signed is of no use to others; the run itself lacks nothing.
    if (!(error instanceof ConfigurationError)) throw error;
    told(`nothing is put into the shared cache: ${error.message}`);
    return undefined;
  }
}
