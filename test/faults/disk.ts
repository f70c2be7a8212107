/** A disk of the store's own that is full, out of inodes or read-only: a tmpfs in a name space of the kernel's. */
import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { promisify } from 'node:util';
import * as assert from 'uvu/assert';
import { filesUnder } from '../dag/store-help.ts';
import { between, NotPossible, pick } from './fault.ts';
import { countsOf, eventsOf } from './faulty-project.ts';
import type { Ended } from '../dag/launched-project.ts';
import type { FaultyProject } from './faulty-project.ts';
import type { Fault, Random, Trials } from './fault.ts';

/**
 * Everything happens in one name space, with which the disk goes. Its words: first mount options, first run's arguments, options in
 * between, what is mounted over the exported folder then, and commands that must end well before the second run, with commas.
 */
const SCRIPT = `set -u
mount -t tmpfs -o "$FIRST,mode=0700" none disk || exit 99
"$NODE" bin/bitwidth.mjs run --json --jobs 2 $FIRST_CELLS >first.out 2>first.err; echo $? >first.code
mount -o "remount,$THEN" disk || exit 98
if [ -n "$OVER_SITE" ]; then mkdir -p site && mount -t tmpfs -o "$OVER_SITE" none site || exit 96; fi
: >look.out; : >look.err; echo 0 >look.code
IFS=,
for command in $LOOK; do IFS=' '; "$NODE" bin/bitwidth.mjs $command >>look.out 2>>look.err || { echo "$command" >>look.err; echo 1 >look.code; }; done
"$NODE" bin/bitwidth.mjs run --json --jobs 2 >second.out 2>second.err; echo $? >second.code
if [ -n "$OVER_SITE" ]; then umount site; fi
mount -o remount,rw,size=64m,nr_inodes=10000 disk || exit 97
"$NODE" bin/bitwidth.mjs run --json --jobs 2 >third.out 2>third.err; echo $? >third.code
cp -R disk/store after
`;

interface Sizes { readonly bytes: number; readonly files: number }
interface Runs { readonly first: Ended; readonly look: Ended; readonly second: Ended; readonly third: Ended }
interface Words { readonly first: string; readonly then: string; readonly firstCells?: string; readonly overSite?: string; readonly look?: readonly string[] }

async function open(project: FaultyProject, trial: (random: Random, runs: (words: Words) => Promise<Runs>, sizes: () => Promise<Sizes>, index: number) => Promise<string>): Promise<Trials> {
  const disk = project.path('disk');
  mkdirSync(disk, { recursive: true });
  try {
    execFileSync('unshare', ['-rm', 'sh', '-c', 'mount -t tmpfs -o size=1m none "$0"', disk], { stdio: 'ignore' });
  } catch {
    throw new NotPossible('no user name spaces (unshare -rm), or no right to mount in one');
  }
  let known: Promise<Sizes> | undefined;
  const sizes = (): Promise<Sizes> => known ??= sizesOf(project);
  const runs = async ({ first, then, firstCells = '', overSite = '', look = [] }: Words): Promise<Runs> => {
    rmSync(project.path('after'), { recursive: true, force: true });
    rmSync(project.path('tmp'), { recursive: true, force: true });
    mkdirSync(project.path('tmp'));
    const env = { ...process.env, NODE: process.execPath, TMPDIR: project.path('tmp'), FAULTS_STORE: 'disk/store', FIRST: first, THEN: then, FIRST_CELLS: firstCells, OVER_SITE: overSite, LOOK: look.join(',') };
    await promisify(execFile)('unshare', ['-rm', 'sh', '-c', SCRIPT], { cwd: project.root, env });
    const read = (name: string): Ended => {
      const [out, err, code] = ['out', 'err', 'code'].map((kind) => readFileSync(project.path(`${name}.${kind}`), 'utf8'));
      return { out: out!, err: err!, code: Number(code), signal: null };
    };
    return { first: read('first'), look: read('look'), second: read('second'), third: read('third') };
  };
  return {
    async trial(random, index) {
      project.reset();
      const what = await trial(random, runs, sizes, index);
      await project.expectSound(project.path('after'));
      return what;
    },
  };
}

/** Of the store of a project that is complete. */
async function sizesOf(project: FaultyProject): Promise<Sizes> {
  await project.complete();
  const files = filesUnder(project.store).filter((name) => !name.startsWith('build/'));
  const sizes = { files: files.length, bytes: files.reduce((sum, name) => sum + readFileSync(project.path('.bitwidth', name)).length, 0) };
  project.reset();
  return sizes;
}

/** It ended in order, and every failure says that the disk is why. */
function expectRefusal(ended: Ended, sentence: RegExp): void {
  assert.ok(ended.code === 0 || ended.code === 1, `exit code ${ended.code}: ${ended.out}${ended.err}`);
  assert.is(ended.err, '');
  countsOf(ended);
  for (const event of eventsOf(ended)) if (event.event === 'failed') assert.match(`${event.code}: ${event.sentence}`, sentence, `${event.cell} ${event.code}: ${event.sentence}`);
}

const FULL = /^not-available: .*(the disk is full|ENOSPC|no space left)/i;

const filling = (project: FaultyProject, limit: (random: Random, sizes: Sizes) => string): Promise<Trials> => open(project, async (random, runs, sizes) => {
  const { first, second, third } = await runs({ first: limit(random, await sizes()), then: 'size=64m,nr_inodes=10000' });
  expectRefusal(first, FULL);
  for (const ended of [second, third]) assert.is(ended.code, 0, ended.out + ended.err);
  assert.is(countsOf(third).ran, 0);
  const kept = countsOf(second).cached;
  return first.code === 0 ? 'there was room enough for all results' : kept > 0 ? 'what fitted is kept; the rest says that the disk is full' : 'nothing fitted; every cell says that the disk is full';
});

/** Commands that only look. */
const LOOKS = ['status', 'plan', 'plan --cells', 'why part:0', 'runs', 'check', 'graph', 'reproduce part:0'] as const;

const readOnly = (project: FaultyProject): Promise<Trials> => open(project, async (random, runs, _, index) => {
  // part:0 is there in any case: it is reproduced.
  const firstCells = Array.from({ length: between(random, 1, 11) }, (_, i) => `part:${i}`).join(' ');
  const siteToo = index % 3 === 2;
  const { first, look, second, third } = await runs({ first: 'size=64m', then: 'ro', firstCells, overSite: siteToo ? 'ro' : '', look: [pick(random, LOOKS), pick(random, LOOKS)] });
  assert.is(first.code, 0, first.out + first.err);
  assert.equal([look.code, look.err], [0, ''], look.out);
  assert.is(second.err, '');
  const counts = countsOf(second);
  assert.equal([counts.cached, counts.ran, counts.failed], [countsOf(first).ran, project.cells - countsOf(first).ran, 0], 'what is there is used, the rest is computed');
  assert.equal(counts.notStored, { store: 'disk/store', reason: 'the file system is read-only' });
  assert.equal(readdirSync(project.path('tmp')), [], 'nothing is left in the temporary folder');
  const warnings = eventsOf(second).flatMap(({ event, sentence }) => event === 'warning' ? [sentence] : []);
  assert.is(warnings.some((sentence) => /^site could not be written: EROFS/.test(sentence!)), siteToo);
  assert.is(second.code, siteToo ? 1 : 0, second.out);
  assert.is(third.code, 0, third.out + third.err);
  assert.is(countsOf(third).ran, counts.ran, 'nothing was stored');
  return siteToo ? 'the same, and that the exported folder is read-only, too, is said' : 'what is there is used, the rest is computed, exported, and said not to be stored';
});

const PAGE_BYTES = 4096;

export const disks: readonly Fault[] = [
  { name: 'disk-full', title: 'A disk that is full at a random moment; the next run has room', short: 1, long: 16, open: (project) => filling(project, (random, { bytes }) => `size=${between(random, 1, Math.ceil(bytes / PAGE_BYTES) + 20) * PAGE_BYTES}`) },
  { name: 'disk-inodes', title: 'A disk that is out of inodes at a random moment; the next run has some', short: 1, long: 14, open: (project) => filling(project, (random, { files }) => `size=64m,nr_inodes=${between(random, 2, files + 15)}`) },
  { name: 'disk-read-only', title: 'A disk that is read-only when a part of the cells is computed; the next run can write it', short: 1, long: 6, open: readOnly },
];
