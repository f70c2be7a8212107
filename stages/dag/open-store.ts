/** The store on a disk: composes log, objects, group commit and leases. store.ts says what each method promises. */
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import type { Catalogue } from './cache/catalogue.ts';
import type { Origin } from './cache/entry.ts';
import { checkObjects, repairStore } from './check.ts';
import { setAside } from './damage.ts';
import type { DamageOptions } from './damage.ts';
import { ensureFolderSync, wrapErrors } from './disk.ts';
import { StoreUnwritable } from './errors.ts';
import { FileFacts } from './facts.ts';
import { findGarbage, removeGarbage } from './garbage.ts';
import { GroupCommit } from './group-commit.ts';
import { FileLeases } from './leases.ts';
import { LogReader, LogWriter } from './log.ts';
import { describeMachine, machineLabel } from './machine.ts';
import { ObjectPlaces, readObject } from './objects.ts';
import { OutputReader } from './output-reader.ts';
import { OutputWriter } from './output-writer.ts';
import { ownProcessId } from './process-id.ts';
import { LogIndex } from './records.ts';
import type { LogEntry } from './records.ts';
import { revocationOf } from './revoked.ts';
import { prepareFolder, refuseNewerFormat } from './store-folder.ts';
import { STORE_FORMAT } from './store.ts';
import type { CheckReport, DamagedLine, Decision, Garbage, Leases, OutputContent, RecordDraft, RunCounts, RunSummary, Store, StoreOptions } from './store.ts';
import { timestamp } from './timestamp.ts';
import type { InputHandle, TreeHandle } from './task-types.ts';
import type { CellRecord, Json, OutputRecord, Reason, Revocation, Sha256 } from './types.ts';
import type { Waived, WaivedKey, Waiver } from './waivers.ts';

/** Long lines cost memory while they are read. */
const KEYS_IN_LINE = 1000;

let scratchFolders = 0;

/** Reads a store's log. Writes nothing: a folder that does not exist is an empty store. Throws StoreTooNew. */
export function openStore(options: StoreOptions): Store {
  return new DiskStore(options);
}

class DiskStore implements Store {
  readonly folder: string;
  readonly run: string;
  readonly leases: Leases;
  readonly facts: FileFacts;
  readonly catalogue: Catalogue | undefined;
  readonly #env: { readonly [name: string]: string | undefined };
  readonly #revoked: readonly Revocation[];
  readonly #startedAt = timestamp();
  readonly #places: ObjectPlaces;
  readonly #outputs: OutputReader;
  readonly #index: LogIndex;
  readonly #reader: LogReader;
  readonly #writer: LogWriter;
  readonly #commits: GroupCommit;
  readonly #damage: DamageOptions;
  /** Commits whose outputs are on their way: a flush waits for them. */
  readonly #entering = new Set<Promise<unknown>>();
  readonly #notedClosures = new Set<string>();
  #about: { readonly [name: string]: Json } = {};
  #machine: string | undefined;
  #prepared: Promise<void> | undefined;
  readonly #scratch: string[] = [];
  /** The folder that scratch paths lie in. */
  #scratchPaths: Promise<string> | undefined;

  constructor({ folder, revoked = [], catalogue, env = process.env }: StoreOptions) {
    refuseNewerFormat(folder);
    this.folder = folder;
    this.#revoked = revoked;
    this.catalogue = catalogue;
    this.#env = env;
    // Sorts by time in a listing; two runs that start in the same second still differ.
    this.run = `${this.#startedAt.slice(0, 19).replaceAll(':', '-')}-${randomBytes(4).toString('hex')}`;
    const prepare = (): Promise<void> => this.#prepare();
    this.facts = new FileFacts(`${folder}/cache/files.ndjson`);
    this.leases = new FileLeases({ folder, prepare, machine: () => this.machine });
    this.#places = new ObjectPlaces(folder);
    this.#outputs = new OutputReader(this.#places, catalogue);
    this.#index = new LogIndex(this.#places);
    this.#reader = new LogReader(`${folder}/records`);
    this.#writer = new LogWriter(`${folder}/records`, this.run);
    this.#commits = new GroupCommit({
      folder, run: this.run, prepare, places: this.#places, log: this.#writer,
      opening: () => ({ kind: 'run', body: { run: this.run, format: STORE_FORMAT, startedAt: this.#startedAt, machine: this.machine, description: describeMachine(), about: this.#about, process: ownProcessId() } }),
      onDurable: (entries, end) => {
        for (const { kind, body } of entries) this.#index.apply({ kind, parse: () => body });
        this.#reader.skipTo(this.#writer.file, end);
      },
    });
    this.#damage = { folder, prepare, places: this.#places, outputs: this.#outputs, index: this.#index, commits: this.#commits };
    this.#poll();
  }

  get machine(): string {
    return this.#machine ??= machineLabel(this.folder, this.#env);
  }

  // ---- the log ----

  done(key: Sha256): CellRecord | undefined {
    return this.#index.ofKey(key).find(record => this.#counts(record));
  }

  donePerMachine(key: Sha256): readonly CellRecord[] {
    const newest = new Map<string, CellRecord>();
    for (const record of this.#index.ofKey(key)) {
      if (!newest.has(record.machine) && this.#counts(record)) newest.set(record.machine, record);
    }
    return [...newest.values()].sort((a, b) => (a.machine < b.machine ? -1 : 1));
  }

  failed(key: Sha256): CellRecord | undefined {
    const newest = this.#index.ofKey(key)[0];
    return newest?.status === 'failed' ? newest : undefined;
  }

  newestOfCell(cell: string): CellRecord | undefined {
    return this.#index.ofCell(cell)[0];
  }

  recordsOfCell(cell: string): readonly CellRecord[] {
    return this.#index.ofCell(cell);
  }

  revocation(key: Sha256): Revocation | undefined {
    for (const record of this.#index.ofKey(key)) {
      const found = record.status === 'done' ? revocationOf(record, this.#revoked) : undefined;
      if (found !== undefined) return found;
    }
    return undefined;
  }

  waived(key: Sha256): Waived | undefined {
    return this.#index.waivers.of(key);
  }

  waivers(): readonly Waiver[] {
    return this.#index.waivers.all();
  }

  missingOutputs(record: CellRecord): readonly string[] {
    return Object.entries(record.outputs).filter(([, output]) => !this.#outputs.isPresent(output)).map(([name]) => name);
  }

  records(): readonly CellRecord[] {
    return this.#index.records();
  }

  get lines(): number {
    return this.#index.lines;
  }

  closure(hash: string): { readonly [file: string]: string } | undefined {
    return this.#index.closure(hash);
  }

  decisions(cell: string): readonly Decision[] {
    return this.#index.decisions(cell);
  }

  runs(): readonly RunSummary[] {
    return this.#index.runs();
  }

  origins(): readonly Origin[] {
    return this.#index.origins();
  }

  isRuled(key: Sha256): boolean {
    return this.#index.isRuled(key);
  }

  damagedLines(): readonly DamagedLine[] {
    return [...this.#reader.damaged(), ...this.#index.notUnderstood(), ...this.#reader.torn()];
  }

  untoldDamage(): readonly DamagedLine[] {
    return this.damagedLines().filter(line => line.what !== 'torn' && !this.#index.isNoted(line));
  }

  citedBy(record: CellRecord): Iterable<OutputRecord> {
    return this.#outputs.citedBy(record);
  }

  refresh(): void {
    this.#places.forgetStats();
    this.#poll();
  }

  #poll(): void {
    this.#reader.poll((line, segment) => this.#index.apply(line, segment));
  }

  #counts(record: CellRecord): boolean {
    if (record.status !== 'done') return false;
    if (this.#revoked.length > 0 && revocationOf(record, this.#revoked) !== undefined) return false;
    for (const name in record.outputs) if (!this.#outputs.isPresent(record.outputs[name] as OutputRecord)) return false;
    return true;
  }

  // ---- objects ----

  isHere(output: OutputRecord): boolean {
    return this.#outputs.isHere(output);
  }

  objectsOf(output: OutputRecord): Iterable<OutputRecord> {
    return this.#outputs.objectsOf(output);
  }

  handle(output: OutputRecord): InputHandle {
    return this.#outputs.handle(output);
  }

  find({ sha256, bytes }: OutputRecord): InputHandle | undefined {
    return this.#places.find(sha256, bytes);
  }

  treeHandle(output: OutputRecord): TreeHandle {
    return this.#outputs.treeHandle(output);
  }

  read(handle: InputHandle): Promise<Uint8Array<ArrayBuffer>> {
    return readObject(handle);
  }

  setAside(sha: Sha256, why: string): Promise<readonly string[]> {
    return setAside(this.#damage, sha, why);
  }

  async check(onObject?: (bytes: number) => void): Promise<CheckReport> {
    this.refresh();
    return { ...(await checkObjects(this.#damage, onObject)), damagedLines: this.untoldDamage() };
  }

  garbage(keep: ReadonlySet<Sha256>): Promise<Garbage> {
    return findGarbage(this.#damage, keep);
  }

  remove(garbage: Garbage, keep: ReadonlySet<Sha256>): Promise<readonly Sha256[]> {
    return removeGarbage(this.#damage, garbage, keep);
  }

  repair(report: CheckReport): Promise<void> {
    return repairStore(this.#damage, report);
  }

  // ---- writing ----

  describeRun(about: { readonly [name: string]: Json }): void {
    this.#about = about;
  }

  noteDecision(cell: string, key: Sha256, reasons: readonly Reason[]): void {
    this.#commits.ride({ kind: 'decision', body: { cell, key, reasons, run: this.run, decidedAt: timestamp() } });
  }

  noteClosure(hash: string, files: { readonly [file: string]: string }): void {
    if (this.#notedClosures.has(hash) || this.#index.closure(hash) !== undefined) return;
    this.#notedClosures.add(hash);
    this.#commits.ride({ kind: 'closure', body: { hash, files } });
  }

  async commit(draft: RecordDraft, contents: { readonly [name: string]: OutputContent }): Promise<CellRecord> {
    const entering = this.#enter(draft, contents);
    this.#entering.add(entering);
    const { record, written } = await entering.finally(() => this.#entering.delete(entering));
    await written;
    return record;
  }

  /** Puts the outputs and joins a group. `written` is in an object because a promise of a promise would wait for both. */
  async #enter(draft: RecordDraft, contents: { readonly [name: string]: OutputContent }): Promise<{ readonly record: CellRecord; readonly written: Promise<void> }> {
    const writer = new OutputWriter(this.#places, () => this.#prepare());
    const outputs: { [name: string]: OutputRecord } = {};
    for (const [name, content] of Object.entries(contents)) outputs[name] = await writer.put(content);
    const record: CellRecord = { ...draft, outputs, machine: draft.machine ?? this.machine, run: this.run };
    return { record, written: this.#commits.add(writer.small, [{ kind: 'record', body: record }]) };
  }

  async adopt(records: readonly CellRecord[]): Promise<void> {
    const known = new Set(this.#index.origins().map(({ run }) => run));
    const lines: LogEntry[] = [];
    for (const record of records) {
      const origin = known.has(record.run) ? undefined : this.catalogue?.origin(record.run);
      const by = this.catalogue?.signerOf(record);
      if (origin !== undefined) lines.push({ kind: 'origin', body: { ...origin, ...(by === undefined ? {} : { by }) } });
      known.add(record.run);
      const files = this.catalogue?.closure(record.fields.code);
      if (files !== undefined) this.noteClosure(record.fields.code, files);
      lines.push({ kind: 'record', body: record });
    }
    await this.#commits.add(new Map(), lines);
  }

  async takeIn(small: ReadonlyMap<Sha256, Uint8Array>, files: readonly { readonly object: OutputRecord; readonly path: string }[]): Promise<void> {
    const writer = new OutputWriter(this.#places, () => this.#prepare());
    for (const { object, path } of files) await writer.putHashed(object, path);
    if (small.size > 0) await this.#commits.add(small, []);
    for (const sha of small.keys()) this.#outputs.forget(sha);
  }

  noteRuling(key: Sha256): void {
    this.#commits.ride({ kind: 'ruling', body: { key, at: timestamp() } });
  }

  async waive(waiver: Waiver, keys: readonly WaivedKey[]): Promise<void> {
    const lines: LogEntry[] = [];
    for (let i = 0; i < keys.length; i += KEYS_IN_LINE) lines.push({ kind: 'waiver', body: { ...waiver, keys: keys.slice(i, i + KEYS_IN_LINE).map(({ cell, key, counts }) => [cell, key, counts]) } });
    await this.#commits.add(new Map(), lines);
  }

  async withdraw(waiver: string): Promise<void> {
    await this.#commits.add(new Map(), [{ kind: 'withdrawn', body: { waiver, at: timestamp() } }]);
  }

  async flush(): Promise<void> {
    await Promise.allSettled(this.#entering);
    await this.#commits.flush();
  }

  async scratchFolder(): Promise<string> {
    await this.#prepare();
    const folder = `${this.folder}/scratch/${ownProcessId()}.${scratchFolders++}`;
    await wrapErrors(async () => ensureFolderSync(folder));
    this.#scratch.push(folder);
    return folder;
  }

  async scratchPath(): Promise<string> {
    if (this.#scratchPaths === undefined) {
      this.#scratchPaths = this.scratchFolder();
      this.#scratchPaths.catch(() => { this.#scratchPaths = undefined; });
    }
    return `${await this.#scratchPaths}/${scratchFolders++}`;
  }

  get wrote(): boolean {
    return this.#writer.started;
  }

  async close(counts?: RunCounts): Promise<void> {
    try {
      await this.flush();
      if (counts !== undefined) await this.#end(counts);
    } finally {
      await this.leases.close();
      await this.#writer.close();
      this.#scratchPaths = undefined;
      for (const folder of this.#scratch.splice(0)) await rm(folder, { recursive: true, force: true }).catch(() => undefined);
      this.facts.save();
    }
  }

  async #end(counts: RunCounts): Promise<void> {
    const entries: LogEntry[] = this.untoldDamage().map(({ file, offset }) => ({ kind: 'noted', body: { file, offset, at: timestamp() } }));
    if (this.wrote || entries.length > 0) entries.push({ kind: 'end', body: { run: this.run, endedAt: timestamp(), counts } });
    if (entries.length === 0) return;
    const written = Promise.all([this.#commits.add(new Map(), entries), this.#commits.flush()]);
    // A store that cannot be written keeps what it has: the lines are told of again by the next run.
    await (this.wrote ? written : written.catch((error: unknown) => { if (!(error instanceof StoreUnwritable)) throw error; }));
  }

  /** Once; a refusal is tried again by the next write. */
  #prepare(): Promise<void> {
    if (this.#prepared === undefined) {
      this.#prepared = prepareFolder(this.folder);
      this.#prepared.catch(() => { this.#prepared = undefined; });
    }
    return this.#prepared;
  }
}
