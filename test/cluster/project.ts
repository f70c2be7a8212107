/** A project that runs as jobs, as a user starts it. */
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openStore } from '../../stages/dag/open-store.ts';
import { LaunchedProject } from '../dag/launched-project.ts';
import type { Ended } from '../dag/launched-project.ts';
import type { CellRecord } from '../../stages/dag/index.ts';
import type { Settings } from './project/pipeline.ts';
import type { Slurm } from './slurm.ts';

/** Looks more often than a site would like. */
export const QUICK = { gatherMs: 200, filesMs: 200, queueMs: 500, queueMostMs: 1000, graceMs: 2000, resubmits: 3 } as const;

export interface Event { readonly event: string; readonly [field: string]: unknown }

export class ClusterProject extends LaunchedProject {
  readonly #slurm: Slurm;

  constructor(slurm: Slurm) {
    super('test/cluster/project');
    this.#slurm = slurm;
  }

  say({ cluster, ...settings }: Partial<Settings>): void {
    writeFileSync(this.path('settings.json'), JSON.stringify({ cells: {}, batch: 1, ...settings, cluster: { pace: QUICK, ...cluster } } satisfies Settings));
  }

  /** `bitwidth run --executor slurm --json`. */
  begin(...argv: string[]) {
    return this.start(['run', '--executor', 'slurm', '--json', ...argv], this.root, this.#slurm.env);
  }

  async onSlurm(...argv: string[]): Promise<Ended & { readonly events: readonly Event[]; readonly done: Event }> {
    const ended = await this.begin(...argv).end;
    return { ...ended, ...read(ended) };
  }

  /** Cells that were begun, one for each time. */
  begun(): readonly string[] {
    const log = this.path('begun.log');
    return existsSync(log) ? readFileSync(log, 'utf8').split('\n').flatMap((line) => line.split(' ')[0] || []) : [];
  }

  open(): void {
    writeFileSync(this.path('gate'), '');
  }

  /** What is in the store's folder for jobs. */
  left(): readonly string[] {
    const folder = this.path('.bitwidth/cluster');
    if (!existsSync(folder)) return [];
    // A job's files lie in folders; the files beside those are the coordinator's own, its temporary ones too.
    return readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory() && entry.name !== 'scratch').flatMap(({ name }) => readdirSync(join(folder, name)).map((file) => `${name}/${file}`));
  }

  async records(): Promise<readonly CellRecord[]> {
    const store = openStore({ folder: this.path('.bitwidth') });
    try {
      return store.records();
    } finally {
      await store.close();
    }
  }

  /** With the jobs that are still at work in it. */
  override remove(): void {
    this.#slurm.endJobs();
    // A process whose node was killed may write its last words while its folder goes.
    for (let i = 0; ; i++) {
      try {
        return rmSync(this.root, { recursive: true, force: true });
      } catch (error) {
        if (i === 50) throw error;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
      }
    }
  }

  /** Of each cell its outputs' hashes: what two runs must agree in. */
  async outputs(): Promise<{ readonly [cell: string]: readonly string[] }> {
    return Object.fromEntries((await this.records()).filter(({ status }) => status === 'done').map(({ cell, outputs }) => [cell, Object.values(outputs).map(({ sha256 }) => sha256)]));
  }
}

/** Waits for a condition, up to a minute: on a busy machine a job takes seconds to start. Answers whether it came true. */
export async function comesTrue(condition: () => boolean): Promise<boolean> {
  const endMs = performance.now() + 60_000;
  while (performance.now() < endMs) {
    if (condition()) return true;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return condition();
}

/** What a run printed. */
export function read({ out }: Ended): { readonly events: readonly Event[]; readonly done: Event } {
  const events = out.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as Event);
  return { events, done: events.at(-1) ?? { event: 'none' } };
}
