/** What a stage's process may do wrong: the cell that it does it to fails alone, and comes back once it is well. */
import { readdirSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { between, pick } from './fault.ts';
import { countsOf, eventsOf } from './faulty-project.ts';
import type { Bytes, FaultyProject } from './faulty-project.ts';
import type { Fault, Trials } from './fault.ts';
import type { Act } from './project/acts.ts';

const PARTS = 12;

/** What is said of it; undefined: nothing, the run ends well. */
const ACTS: readonly (readonly [act: Act & string, title: string, happened: string, code?: string])[] = [
  ['crash once', 'A worker that is killed once, by itself', 'tried again in the same run'],
  ['crash', 'A worker that crashes on one cell each time', 'that cell fails alone', 'crashed'],
  ['exit', 'A worker that exits with code 0 in the middle of a cell', 'that cell fails alone', 'crashed'],
  ['hang', 'A worker that hangs', 'that cell fails alone, at its limit', 'timed-out'],
  ['throw', 'A stage that throws', 'that cell fails alone', 'stage-threw'],
  ['nothing', 'A stage that ends well without its outputs', 'that cell fails alone', 'no-output'],
  ['flood', 'A worker that floods its output (25 MB)', 'computed; of its log the first part is kept'],
];

async function acting(project: FaultyProject, act: Act & string, happened: string, code: string | undefined): Promise<Trials> {
  project.reset();
  return {
    async trial(random) {
      project.reset();
      const cell = `part:${between(random, 0, PARTS - 1)}`;
      project.act({ [cell]: act });
      const ended = await project.run('run', '--json', '--jobs', '2');
      if (code === undefined) assert.is(ended.code, 0, ended.out + ended.err);
      else expectAlone(cell, code, ended, PARTS);
      project.act({});
      await project.finish('--retry-failed');
      await project.expectSound();
      return happened;
    },
  };
}

/** One cell failed, what needs it was skipped, everything else was computed (what gathers goes on without it). */
function expectAlone(cell: string, code: string, ended: Parameters<typeof eventsOf>[0], parts: number): void {
  assert.is(ended.code, 1, ended.out + ended.err);
  const failed = eventsOf(ended).filter(({ event }) => event === 'failed');
  assert.equal(failed.map((event) => [event.cell, event.code]), [[cell, code]]);
  const counts = countsOf(ended);
  const bulk = ['part:0', 'part:1'].includes(cell) ? 1 : 0;
  assert.equal([counts.ran, counts.skipped], [parts - 1 + 2 - bulk + 2, bulk]);
}

const MANY = 300;

/** In one batch, so that the cells after the poison must be brought to their end, too. */
async function poison(project: FaultyProject): Promise<Trials> {
  project.reset({ parts: MANY });
  await project.finish();
  const undisturbed: Bytes = project.bytes();
  return {
    async trial(random) {
      project.reset({ parts: MANY });
      const [act, , , code] = pick(random, ACTS.filter((one) => one[3] !== undefined));
      const cell = `part:${between(random, 0, MANY - 1)}`;
      project.act({ [cell]: act });
      expectAlone(cell, code!, await project.run('run', '--json', '--jobs', '2'), MANY);
      project.act({});
      const { ran } = await project.finish('--retry-failed');
      assert.ok(ran <= 4, `${ran} cells computed after the cure`);
      await project.expectSound(project.store, undisturbed);
      return 'it fails alone, the rest is computed once';
    },
  };
}

const HOSTILE_PATHS = ['../escaped', 'a/../../escaped', '/tmp/escaped', 'C:/escaped', '', '.', '..', 'a//b', 'a/./b', 'a\\..\\b', 'a\0b', 'a\nb', '\u001b[2J', 'x'.repeat(500), 'a/'] as const;

async function escaping(project: FaultyProject): Promise<Trials> {
  project.reset();
  return {
    all: HOSTILE_PATHS.length,
    async trial(random, index) {
      project.reset();
      const before = readdirSync(project.root).sort();
      const cell = `part:${between(random, 0, PARTS - 1)}`;
      project.act({ [cell]: { treePath: HOSTILE_PATHS[index]! } });
      const ended = await project.run('run', '--json');
      expectAlone(cell, 'stage-threw', ended, PARTS);
      assert.match(eventsOf(ended).find(({ event }) => event === 'failed')!.sentence!, /^commit of "part:\d+": the path ".*" in the tree "out" /s);
      assert.equal(readdirSync(project.root).filter((name) => !['workers.log', '.bitwidth', 'site'].includes(name)).sort(), before.filter((name) => !['workers.log', '.bitwidth', 'site'].includes(name)));
      project.act({});
      await project.finish('--retry-failed');
      await project.expectSound();
      return 'refused with a sentence; nothing is written';
    },
  };
}

export const stageFaults: readonly Fault[] = [
  ...ACTS.map(([act, title, happened, code]): Fault => ({ name: `stage-${act.replace(' ', '-')}`, title, short: act === 'hang' ? 1 : 0, long: 5, open: (project) => acting(project, act, happened, code) })),
  { name: 'stage-poison', title: `A cell that fails in any of these ways among ${MANY} in one batch`, short: 1, long: 8, open: poison },
  { name: 'stage-escape', title: 'A stage whose output names a path outside its folder, or no path', short: 1, long: 'all', open: escaping },
];
