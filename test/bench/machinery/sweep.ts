/** A synthetic sweep as a project of its own, which the launcher runs as it runs any. */
import { writeFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { LaunchedProject } from '../../dag/launched-project.ts';
import { measured } from './measured.ts';
import type { Measured } from './measured.ts';
import type { SharedCacheSettings } from '../../../stages/dag/index.ts';

export interface SweepSettings {
  readonly models: number;
  readonly formats: number;
  /** For each model and format. */
  readonly points: number;
  readonly where: 'in-process' | 'worker';
  /** A parameter of one leaf. */
  readonly changes: number;
  readonly cache?: SharedCacheSettings;
}

/** Files that changed more recently than this are read again at every start. */
const SETTLED_MS = 2100;

/** What a run did. */
export interface SweepRun extends Measured {
  /** Ids of the cells that ran, sorted. */
  readonly ran: readonly string[];
  readonly cached: number;
  /** What went through a shared cache. */
  readonly cache?: { readonly requests: number; readonly bytesDown: number; readonly bytesUp: number; readonly taken: number; readonly sent: number; readonly left: number };
}

export class Sweep {
  readonly #project = new LaunchedProject('test/bench/machinery');
  #settings: SweepSettings;

  constructor(settings: Omit<SweepSettings, 'changes'>) {
    this.#settings = { ...settings, changes: 0 };
    writeFileSync(this.#project.path('weights.txt'), 'weights\n');
    this.#write();
  }

  get cells(): number {
    const { models, formats, points } = this.#settings;
    return models * (1 + formats * (2 + points)) + 1;
  }

  /** The leaf that `changeLeaf` changes, and whatever reads it. */
  readonly affected: readonly string[] = ['aggregate:model-0/format-0', 'report:all', 'score:model-0/format-0/point-0'];

  /** What is computed from now on is computed there; what was computed counts. */
  changeLeaf(where: SweepSettings['where']): void {
    this.#settings = { ...this.#settings, where, changes: this.#settings.changes + 1 };
    this.#write();
  }

  /** Builds the bundle, and waits until the sources are old enough to be known by their stat. */
  async settle(): Promise<void> {
    await this.command('help');
    await wait(SETTLED_MS);
    await this.command('help');
  }

  /** Throws when the command fails. */
  command(...argv: readonly string[]): Promise<Measured> {
    return this.#measured(argv, false);
  }

  async run({ withPeak = false } = {}): Promise<SweepRun> {
    const answer = await this.#measured(['run', '--json', '--jobs', '2'], withPeak);
    const events = answer.out.trimEnd().split('\n').map((line) => JSON.parse(line) as { readonly event: string; readonly cell?: string; readonly cached?: number; readonly cache?: NonNullable<SweepRun['cache']> });
    return { ...answer, ran: events.flatMap(({ event, cell }) => event === 'ran' && cell !== undefined ? [cell] : []).sort(), cached: events.at(-1)!.cached!, ...(events.at(-1)!.cache === undefined ? {} : { cache: events.at(-1)!.cache! }) };
  }

  remove(): void {
    this.#project.remove();
  }

  #measured(argv: readonly string[], withPeak: boolean): Promise<Measured> {
    return measured([this.#project.path('bin/bitwidth.mjs'), ...argv], this.#project.root, withPeak);
  }

  #write(): void {
    writeFileSync(this.#project.path('settings.json'), JSON.stringify(this.#settings));
  }
}
