/** Copies of one small project that share a cache, as several people or machines would. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSigner } from '../../../stages/dag/signing-key.ts';
import { publicKeyText } from '../../../stages/dag/cache/trusted.ts';
import { cell, file, gather, output, stage } from '../../../stages/dag/index.ts';
import { Project } from '../project.ts';
import type { Cell, SharedCacheSettings } from '../../../stages/dag/index.ts';
import type { RunAnswer } from '../project.ts';

export const split = stage({ name: 'split', title: 'Split the text', determinism: 'exact', module: 'split.ts', outputs: ['words'], where: 'in-process' });
export const tally = stage({ name: 'tally', title: 'Count the words', determinism: 'exact', module: 'tally.ts', outputs: ['lines'], where: 'in-process' });
export const page = stage({ name: 'page', title: 'Draw the page', determinism: 'exact', module: 'page.ts', outputs: ['site'], where: 'in-process' });

const TEXT = 'It was the best of times, it was the worst of times';

export function wordCells(lengths: readonly number[]): readonly Cell[] {
  const splits = lengths.map((n) => cell(split, String(n), { params: { characters: n }, inputs: { text: file('text.txt') }, batch: 'all' }));
  const lines = cell(tally, 'all', { inputs: { words: gather(splits.map((one) => output(one))) } });
  return [...splits, lines, cell(page, 'all', { inputs: { lines: output(lines) } })];
}

/** A person with a key, in a folder of settings of their own. */
export interface Person { readonly name: string; readonly settings: string; readonly key: string }

/** What several people share: a place for temporary folders, and who has which key. */
export class Group {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), 'bitwidth-cache-')));
  readonly #settings = process.env['XDG_CONFIG_HOME'];
  readonly #projects: Project[] = [];

  person(name: string): Person {
    const settings = join(this.folder, `settings-${name}`);
    mkdirSync(settings, { recursive: true, mode: 0o700 });
    return { name, settings, key: publicKeyText(openSigner(join(settings, 'bitwidth')).publicKey) };
  }

  /** A folder for a cache, empty. */
  shared(name = 'shared'): string {
    const path = join(this.folder, name);
    mkdirSync(path, { recursive: true });
    return path;
  }

  /** A clone with a store of its own. `cache` is asked before each command. */
  clone(cache: () => SharedCacheSettings | undefined, cells: () => readonly Cell[] = () => wordCells([2, 3, 4]), more: () => object = () => ({})): Project {
    const project = new Project('words', () => {
      const all = cells();
      const site = all.find(({ stage: { name } }) => name === 'page');
      const shared = cache();
      return { name: 'words', cells: all, exports: site === undefined ? [] : [{ to: 'site', from: [output(site)] }], ...(shared === undefined ? {} : { cache: shared }), ...more() };
    });
    writeFileSync(project.path('text.txt'), TEXT);
    this.#projects.push(project);
    return project;
  }

  /** Commands from now on are this person's. */
  be({ settings }: Person): void {
    process.env['XDG_CONFIG_HOME'] = settings;
  }

  remove(): void {
    if (this.#settings === undefined) delete process.env['XDG_CONFIG_HOME'];
    else process.env['XDG_CONFIG_HOME'] = this.#settings;
    for (const project of this.#projects) project.remove();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Short enough for a test, long enough for a busy machine. */
export const HASTY = { attemptMs: 2000, deadlineMs: 6000, tries: 3, endMs: 15_000 };

/** What went through the cache in a run. */
export const trafficOf = ({ done }: RunAnswer) => done['cache'] as { readonly taken: number; readonly sent: number; readonly left: number; readonly requests: number; readonly bytesDown: number; readonly bytesUp: number };
export const warningsOf = ({ events }: RunAnswer): readonly string[] => events.filter(({ event }) => event === 'warning').map(({ sentence }) => sentence as string);
