/** Files of the store and of the site, damaged on purpose in every way that a disk, a tool or a hand may do it. */
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { filesUnder, replaceFile } from '../dag/store-help.ts';
import { between, pick } from './fault.ts';
import { eventsOf } from './faulty-project.ts';
import type { Fault, Random, Trials } from './fault.ts';
import type { FaultyProject } from './faulty-project.ts';

/** Does it to one file. `outside`: a folder that is not the store's, for what a link leads to. */
type Damage = (path: string, random: Random, outside: string) => void;

const flip: Damage = (path, random) => {
  const bytes = readFileSync(path);
  const at = between(random, 0, bytes.length - 1);
  bytes[at]! ^= 1 << between(random, 0, 7);
  replaceFile(path, bytes);
};
const cut: Damage = (path, random) => {
  const bytes = readFileSync(path);
  replaceFile(path, bytes.subarray(0, between(random, 0, bytes.length - 1)));
};
const empty: Damage = (path) => replaceFile(path, new Uint8Array(0));
const remove: Damage = (path) => rmSync(path);
/** To other bytes of the same length, to nothing, to a folder, to itself. */
const link: Damage = (path, random, outside) => {
  const bytes = readFileSync(path);
  rmSync(path);
  const target = pick(random, ['other', 'nothing', 'folder', 'itself'] as const);
  if (target === 'other') writeFileSync(join(outside, 'other'), bytes.map((byte) => byte ^ 0x55));
  if (target === 'folder') mkdirSync(join(outside, 'folder'), { recursive: true });
  symlinkSync(target === 'itself' ? path : join(outside, target), path);
};

const DAMAGES: readonly (readonly [name: string, words: string, damage: Damage])[] = [
  ['flipped', 'with a flipped bit', flip], ['cut', 'cut short', cut], ['emptied', 'emptied', empty], ['removed', 'removed', remove], ['linked', 'replaced by a symbolic link', link],
];

const OBJECTS = /^(packs|objects)\//;
/** What may be lost without a word: its loss costs time, or the list of a past run. */
const OTHERS = /^(cache|cited)\/|^(format|salt|\.gitignore)$/;
const LOG = /^records\//;

/** A project that is complete, as it was before each trial; its pinned run is `pinned`. */
async function complete(project: FaultyProject): Promise<string> {
  await project.complete();
  const outside = project.path('outside');
  rmSync(outside, { recursive: true, force: true });
  mkdirSync(outside);
  return outside;
}

const filesLike = (project: FaultyProject, which: RegExp): readonly string[] => filesUnder(project.store).filter((name) => which.test(name));

async function repair(project: FaultyProject): Promise<string> {
  const { code, out, err } = await project.run('check', '--repair');
  assert.is(code, 0, out + err);
  return out;
}

async function objects(project: FaultyProject, damage: Damage): Promise<Trials> {
  const outside = await complete(project);
  return {
    async trial(random) {
      project.restore();
      const name = pick(random, filesLike(project, OBJECTS));
      damage(join(project.store, name), random, outside);
      let what = 'found by `check --repair`, made again by the next run';
      if (random() < 0.5) {
        // Cells that read are computed again, so that a damaged input is met by a reader.
        const met = await project.run('run', '--json', '--force', pick(random, ['total', 'bulk', 'page']));
        assert.is(met.code, 0, met.out + met.err);
        const noticed = eventsOf(met).some(({ event, sentence }) => event === 'warning' && /is damaged/.test(sentence ?? '')) || eventsOf(met).some(({ event, cell }) => event === 'ran' && !/^(total|bulk|page):/.test(cell ?? ''));
        if (noticed) what = 'noticed by a run, which made it again';
      }
      const found = await repair(project);
      const again = await project.finish();
      await project.expectSound();
      if (what.startsWith('found') && again.ran === 0 && /all are sound/.test(found)) what = 'it was not needed, or made again unasked';
      return what;
    },
  };
}

async function log(project: FaultyProject, damage: Damage): Promise<Trials> {
  const outside = await complete(project);
  return {
    async trial(random) {
      project.restore();
      damage(join(project.store, pick(random, filesLike(project, LOG))), random, outside);
      if (random() < 0.5) await repair(project);
      const { ran } = await project.finish();
      await project.expectSound();
      return ran > 0 ? 'what stood there was computed again' : 'nothing that counts was lost';
    },
  };
}

async function others(project: FaultyProject): Promise<Trials> {
  const outside = await complete(project);
  return {
    async trial(random) {
      project.restore();
      const [, , damage] = pick(random, DAMAGES);
      damage(join(project.store, pick(random, filesLike(project, OTHERS))), random, outside);
      const { ran } = await project.finish();
      assert.is(ran, 0);
      await repair(project);
      await project.expectSound();
      return 'nothing is computed again';
    },
  };
}

async function site(project: FaultyProject): Promise<Trials> {
  const outside = await complete(project);
  await project.finish();
  return {
    async trial(random) {
      const [, , damage] = pick(random, DAMAGES);
      damage(project.path('site', pick(random, filesUnder(project.path('site')))), random, outside);
      const before = existsSync(join(outside, 'other')) ? readFileSync(join(outside, 'other')) : undefined;
      const { ran } = await project.finish();
      assert.is(ran, 0);
      await project.expectSound();
      if (before !== undefined) assert.equal(readFileSync(join(outside, 'other')), before, 'what a link leads to is not written to');
      return 'written again as it was';
    },
  };
}

/** A stage has no business in the store; nothing keeps its process from it. */
async function overwritten(project: FaultyProject): Promise<Trials> {
  await complete(project);
  return {
    async trial(random) {
      project.restore();
      const cell = `part:${between(random, 0, 11)}`;
      project.act({ [cell]: { overwrite: join(project.store, pick(random, filesLike(project, OBJECTS))) } });
      const { code, out, err } = await project.run('run', '--json', '--force', cell);
      assert.is(code, 0, out + err);
      project.act({});
      await repair(project);
      await project.finish();
      await project.expectSound();
      return 'found and made again';
    },
  };
}

/** A whole folder of the store gone, or something else in its place. */
async function folders(project: FaultyProject): Promise<Trials> {
  const outside = await complete(project);
  return {
    async trial(random) {
      project.restore();
      const name = pick(random, readdirSync(project.store, { withFileTypes: true }).filter((entry) => entry.isDirectory() && entry.name !== 'build').map((entry) => entry.name));
      const path = join(project.store, name);
      const moved = random() < 0.5;
      if (moved) {
        // As a person does whose disk is full: the folder lies elsewhere, a link stands in its place.
        rmSync(join(outside, name), { recursive: true, force: true });
        renameSync(path, join(outside, name));
        symlinkSync(join(outside, name), path);
      } else rmSync(path, { recursive: true });
      const { ran } = await project.finish();
      if (moved) assert.is(ran, 0);
      await repair(project);
      await project.finish();
      await project.expectSound();
      return moved ? 'moved elsewhere, with a link in its place: used as it is' : 'removed: what was in it is computed again where it is needed';
    },
  };
}

export const damages: readonly Fault[] = [
  ...DAMAGES.map(([name, words, damage]): Fault => ({ name: `object-${name}`, title: `A file of objects ${words}`, short: name === 'cut' || name === 'linked' ? 1 : 0, long: 16, open: (project) => objects(project, damage) })),
  ...DAMAGES.map(([name, words, damage]): Fault => ({ name: `log-${name}`, title: `A file of records ${words}`, short: name === 'linked' ? 1 : 0, long: 8, open: (project) => log(project, damage) })),
  { name: 'other-damaged', title: 'A remembered fact, the list of a past run, or a mark of the store damaged in one of these ways', short: 1, long: 30, open: others },
  { name: 'site-damaged', title: 'A file of the exported folder damaged in one of these ways', short: 1, long: 15, open: site },
  { name: 'folder-gone', title: 'A folder of the store removed, or moved elsewhere', short: 1, long: 15, open: folders },
  { name: 'overwritten', title: 'A stage that writes over a file of objects', short: 1, long: 15, open: overwritten },
];
