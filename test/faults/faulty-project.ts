/** The project of project/, started as a user starts it, and what must be true of it after any fault. */
import { createHash } from 'node:crypto';
import { cpSync, existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { openStore } from '../../stages/dag/open-store.ts';
import { LaunchedProject } from '../dag/launched-project.ts';
import { filesUnder } from '../dag/store-help.ts';
import type { Act, Acts } from './project/acts.ts';
import type { Sha256 } from '../../stages/dag/types.ts';
import type { Ended } from '../dag/launched-project.ts';

/** What a project gave. */
export interface Bytes {
  /** Cell -> key: times must not decide which record is looked at. */
  readonly keys: ReadonlyMap<string, Sha256>;
  /** Cell and output -> hash; file of the site -> hash. */
  readonly hashes: ReadonlyMap<string, string>;
}
export const TEXT = 'what is computed from this text must come out the same, whatever happens';

const PARTS = 12;
/** Long enough that a random moment falls into every part of a run. */
export const SLOW_MS = 15;

export interface Counts { readonly ran: number; readonly cached: number; readonly failed: number; readonly skipped: number; readonly notStored?: object }
export interface Event { readonly event: string; readonly cell?: string; readonly code?: string; readonly sentence?: string }

export class FaultyProject extends LaunchedProject {
  #undisturbed: Bytes = { keys: new Map(), hashes: new Map() };
  #settings: Omit<Partial<Acts>, 'acts'> = {};
  /** How long an undisturbed run of parts that take SLOW_MS took here. */
  durationMs = 0;

  private constructor() {
    super('test/faults/project');
  }

  /** A project whose undisturbed bytes are known. Making it takes seconds: all faults share it, each from `reset` on. */
  static async open(): Promise<FaultyProject> {
    const project = new FaultyProject();
    try {
      project.reset({ slowMs: SLOW_MS });
      await project.run('help'); // makes the build
      const startedMs = performance.now();
      await project.finish();
      project.durationMs = performance.now() - startedMs;
      project.#undisturbed = project.bytes();
      return project;
    } catch (error) {
      project.remove();
      throw error;
    }
  }

  get store(): string {
    return this.path('.bitwidth');
  }

  /** How many there are with the parts of `reset`. */
  get cells(): number {
    return (this.#settings.parts ?? PARTS) + 4;
  }

  /** As new, with these settings. */
  reset(settings: Omit<Partial<Acts>, 'acts'> = {}): void {
    this.#settings = settings;
    this.act({});
    this.write(TEXT);
    this.wipe();
  }

  act(acts: { readonly [cell: string]: Act }): void {
    writeFileSync(this.path('acts.json'), JSON.stringify({ parts: PARTS, slowMs: 0, ...this.#settings, acts } satisfies Acts));
  }

  write(text: string): void {
    writeFileSync(this.path('text.txt'), text);
  }

  /** As new, but for the compiled program. */
  wipe(): void {
    for (const name of existsSync(this.store) ? readdirSync(this.store) : []) if (name !== 'build') rmSync(join(this.store, name), { recursive: true, force: true });
    for (const name of ['site', 'workers.log', 'crashed-once']) rmSync(this.path(name), { recursive: true, force: true });
  }

  /** As new, and complete; the first time its store is kept, for the next times and for `restore`. */
  async complete(): Promise<void> {
    this.reset();
    if (existsSync(this.path('snapshot'))) return this.restore();
    await this.finish();
    cpSync(this.store, this.path('snapshot'), { recursive: true, filter: (path) => path !== join(this.store, 'build') });
  }

  restore(): void {
    this.wipe();
    cpSync(this.path('snapshot'), this.store, { recursive: true });
  }

  /** A run that must end well. */
  async finish(...argv: string[]): Promise<Counts> {
    const ended = await this.run('run', '--json', ...argv);
    assert.is(ended.code, 0, `${ended.out.slice(-2000)}\n${ended.err}`);
    return countsOf(ended);
  }

  /** Hashes of all that was computed and written. `store`: the folder that holds it. `known`: keys of the cells, else those that were computed last. */
  bytes(folder = this.store, known?: Bytes['keys']): Bytes {
    const store = openStore({ folder, env: {} });
    const keys = known ?? new Map(store.records().filter(({ status }) => status === 'done').map(({ cell, key }) => [cell, key]));
    const found = new Map<string, string>();
    for (const [cell, key] of keys) for (const [name, output] of Object.entries(store.done(key)?.outputs ?? {})) found.set(`${cell} ${name}`, output.sha256);
    if (existsSync(this.path('site'))) for (const name of filesUnder(this.path('site'))) found.set(`site/${name}`, createHash('sha256').update(readFileSync(this.path('site', name))).digest('hex'));
    return { keys, hashes: new Map([...found].sort()) };
  }

  /** The undisturbed bytes, all of them there, in a store that is sound. */
  async expectSound(folder = this.store, expected = this.#undisturbed): Promise<void> {
    assert.equal(Object.fromEntries(this.bytes(folder, expected.keys).hashes), Object.fromEntries(expected.hashes), 'other bytes than those of an undisturbed run');
    const store = openStore({ folder, env: {} });
    try {
      const { damagedObjects, damagedLines } = await store.check();
      assert.equal([damagedObjects, damagedLines], [[], []]);
    } finally {
      await store.close();
    }
  }
}

export function eventsOf({ out }: Ended): readonly Event[] {
  return out.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as Event);
}

export function countsOf(ended: Ended): Counts {
  const done = eventsOf(ended).at(-1);
  assert.is(done?.event, 'done', ended.out.slice(-500) + ended.err);
  return done as unknown as Counts;
}
