/** Runs on a real Slurm of four nodes: the results are those of a run on one machine, and what happens to jobs ends in a recorded state. */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { notRun } from '../not-run.ts';
import { ClusterProject, comesTrue } from './project.ts';
import { Slurm, whyNoSlurm } from './slurm.ts';

const test = suite<{ slurm: Slurm }>('cluster: on Slurm');
const why = whyNoSlurm();
if (why !== undefined) notRun('runs on a Slurm cluster', why);

/** A test with a project of its own, and the cluster. */
function onCluster(name: string, body: (project: ClusterProject, slurm: Slurm) => Promise<void>): void {
  if (why !== undefined) return;
  test(name, async ({ slurm }) => {
    // A killed controller that has forgotten a job gives its number to another, and the node that still runs the first one drains itself.
    assert.ok(await comesTrue(() => slurm.resume()), `a node is out of service\n${slurm.state()}`);
    const project = new ClusterProject(slurm);
    try {
      await body(project, slurm);
      if (existsSync(project.path('.bitwidth'))) assert.equal(project.left(), [], 'nothing of the jobs is left in the store');
    } catch (error) {
      console.log(slurm.state());
      throw error;
    } finally {
      project.remove();
    }
  });
}

const cells = (count: number, what: string, prefix = 'c'): { [name: string]: string } => Object.fromEntries(Array.from({ length: count }, (_, i) => [`${prefix}${i}`, `${what} say:${i}`]));
const times = (names: readonly string[]): { [name: string]: number } => names.reduce<{ [name: string]: number }>((all, name) => ({ ...all, [name]: (all[name] ?? 0) + 1 }), {});

if (why === undefined) {
  test.before((context) => { context.slurm = new Slurm({ MAX_ARRAY: '40' }); });
  test.after(({ slurm }) => slurm.remove());
}

onCluster('a sweep gives the bytes of a run on one machine; its records say where it ran and name no host', async (project, slurm) => {
  project.say({ cells: { ...cells(9, 'large:1500000', 'l'), ...cells(15, 'ok') }, batch: 3, cluster: { all: { partition: 'main' } } });
  const { code, done, err } = await project.onSlurm();
  assert.is(code, 0, err);
  assert.equal({ ...done, durationMs: 0 }, { event: 'done', ran: 25, cached: 0, failed: 0, skipped: 0, durationMs: 0 });
  const records = await project.records();
  const away = records.filter(({ cell }) => cell.startsWith('act:'));
  assert.is(away.length, 24);
  for (const { place, durationMs } of away) {
    assert.is(place?.name, 'main');
    assert.ok(place!.queuedMs > 0 && durationMs > 0);
  }
  assert.is(records.find(({ cell }) => cell === 'all:all')!.place, undefined);
  const text = JSON.stringify(records);
  for (const secret of [hostname(), 'SLURMD', slurm.folder, project.root]) assert.not.ok(text.includes(secret), secret);
  assert.match((await project.run('logs', 'act:c7')).out, /c7 says 7/);

  const here = new ClusterProject(slurm);
  here.say({ cells: { ...cells(9, 'large:1500000', 'l'), ...cells(15, 'ok') }, batch: 4 });
  assert.is((await here.run('run', '--json')).code, 0);
  assert.equal(await project.outputs(), await here.outputs());
  here.remove();
  assert.match((await project.onSlurm()).out, /"ran":0,"cached":25/);
  // Asked for although it is there: no result that lies anywhere stands for it.
  assert.match((await project.onSlurm('--force', 'act:c3')).out, /"ran":1,"cached":0/);
  assert.is(times(project.begun())['c3'], 2);
});

onCluster('what fails fails alone: a failure, an error and a crash in one batch take none of its other cells', async (project) => {
  project.say({ cells: { a: 'ok', b: 'fail', c: 'crash', d: 'ok say:1', e: 'throw', f: 'ok say:2' }, batch: 6 });
  const { code, events } = await project.onSlurm();
  assert.is(code, 1);
  const failed = Object.fromEntries(events.filter(({ event }) => event === 'failed').map(({ cell, code: how, sentence }) => [cell, `${String(how)}: ${String(sentence)}`]));
  assert.equal(failed, { 'act:b': 'bad-input: b was told to fail', 'act:c': 'crashed: its process ended by SIGSEGV', 'act:e': 'stage-threw: e was told to throw' });
  assert.equal(events.filter(({ event }) => event === 'ran').map(({ cell }) => cell).sort(), ['act:a', 'act:d', 'act:f', 'all:all']);
  assert.ok(times(project.begun())['c']! <= 4, 'in its batch, in halves of it, and alone');
});

onCluster('the site\'s options reach sbatch as they are: no shell ever reads them', async (project, slurm) => {
  const evil = project.path('evil');
  const comment = `--comment=$(touch ${evil}); "'\`touch ${evil}\` % %j \\ *`;
  project.say({ cells: { a: 'gate' }, cluster: { all: { options: [comment] } } });
  const { end } = project.begin();
  assert.ok(await comesTrue(() => project.begun().length === 1));
  assert.ok(slurm.queue('%T %k').includes(`RUNNING ${comment.slice('--comment='.length)}`), slurm.queue('%T %k').join('\n'));
  project.open();
  assert.is((await end).code, 0);
  assert.not.ok(existsSync(evil));
});

onCluster('tasks that need a GPU get one each', async (project) => {
  const wanted = cells(8, 'env:SLURMD_NODENAME env:CUDA_VISIBLE_DEVICES gate');
  project.say({ cells: wanted, gpus: 1 });
  const { end } = project.begin();
  assert.ok(await comesTrue(() => project.begun().length === 8), 'all GPUs of all nodes are in use');
  project.open();
  const ended = await end;
  assert.is(ended.code, 0, ended.err);
  const places = new Set<string>();
  const records = await project.records();
  assert.is(records.filter(({ cell }) => cell.startsWith('act:')).length, 8);
  project.say({ cells: wanted, gpus: 1 });
  for (const line of (await gathered(project)).matchAll(/SLURMD_NODENAME=(n[1-4])\nCUDA_VISIBLE_DEVICES=([01])\n/g)) places.add(`${line[1]} ${line[2]}`);
  assert.is(places.size, 8, [...places].join(', '));
});

onCluster('jobs need no network: with every interface cut off they compute the same', async (project) => {
  const node = project.path('node-without-network');
  writeFileSync(node, `#!/bin/sh\nexec unshare --net ${process.execPath} "$@"\n`);
  chmodSync(node, 0o755);
  project.say({ cells: cells(4, 'large:2000000 network'), batch: 2, cluster: { node } });
  const { code, err } = await project.onSlurm();
  assert.is(code, 0, err);
  assert.equal([...(await gathered(project)).matchAll(/interfaces: (.*)$/gm)].map(([, found]) => found), ['lo', 'lo', 'lo', 'lo']);
});

onCluster('the coordinator killed at any moment: the next one takes its jobs over, none is submitted twice, none is lost', async (project, slurm) => {
  const inQueue = (): number => slurm.queue('%j').filter((name) => name === name.trim()).length;
  const moments: readonly [string, () => boolean][] = [
    ['its tasks are written down', () => project.left().some((name) => name.startsWith('arrays/'))],
    ['jobs run', () => project.begun().length > before.begun],
    ['half have a result', () => project.left().some((name) => name.startsWith('results/'))],
  ];
  const before = { begun: 0, jobs: 0 };
  for (const [round, [moment, isThere]] of moments.entries()) {
    before.begun = project.begun().length;
    before.jobs = inQueue();
    // What ends at once and what a test must let go on, in every round others.
    project.say({ cells: { ...cells(6, 'sleep:300', `r${round}q`), ...cells(4, 'gate', `r${round}g`) }, batch: 1, cluster: { pace: { gatherMs: 200, filesMs: 60_000, queueMs: 60_000, queueMostMs: 60_000, graceMs: 4000, resubmits: 3 } } });
    const first = project.begin();
    assert.ok(await comesTrue(isThere), moment);
    first.child.kill('SIGKILL');
    await first.end;
    project.say({ cells: { ...cells(6, 'sleep:300', `r${round}q`), ...cells(4, 'gate', `r${round}g`) }, batch: 1 });
    const second = project.begin();
    await comesTrue(() => project.begun().length === before.begun + 10);
    project.open();
    const ended = await second.end;
    assert.is(ended.code, 0, `${moment}\n${ended.out}\n${ended.err}`);
    const own = times(project.begun().slice(before.begun));
    assert.equal(Object.values(own), Array(10).fill(1), `${moment}: each cell is begun once\n${ended.out}`);
    assert.is(inQueue() - before.jobs, 10, `${moment}: a job each`);
    execFileSync('rm', [project.path('gate')]);
  }
});

onCluster('the controller killed while jobs run and while some are to be submitted: everything ends as it would have', async (project, slurm) => {
  project.say({ cells: cells(8, 'gate'), batch: 1, cluster: { jobs: 4, tasksPerJob: 1 } });
  const { end } = project.begin();
  assert.ok(await comesTrue(() => project.begun().length === 4));
  slurm.killController();
  project.open();
  // Results come without it.
  assert.ok(await comesTrue(() => !project.left().some((name) => name.startsWith('results/'))));
  await new Promise((resolve) => setTimeout(resolve, 2500));
  slurm.startController();
  const ended = await end;
  assert.is(ended.code, 0, `${ended.out}\n${ended.err}`);
  assert.equal(Object.values(times(project.begun())), Array(8).fill(1), ended.out);
});

onCluster('a node dies with all that it runs: its tasks are computed on another', async (project, slurm) => {
  project.say({ cells: cells(8, 'env:SLURMD_NODENAME gate'), batch: 1, cluster: { all: { cpus: 2 } } });
  const { end } = project.begin();
  assert.ok(await comesTrue(() => project.begun().length === 8));
  slurm.killNode('n2');
  // The controller's word for it would take minutes: an administrator's comes at once.
  slurm.ask('scontrol', 'update', 'nodename=n2', 'state=down', 'reason=test');
  project.open();
  const ended = await end;
  assert.is(ended.code, 0, `${ended.out}\n${ended.err}`);
  const text = await gathered(project);
  assert.is([...text.matchAll(/is done/g)].length, 8);
  assert.not.match(text, /NODENAME=n2/);
  assert.is(Object.values(times(project.begun())).reduce((a, b) => a + b), 10, 'two of them twice');
  slurm.startNode('n2');
});

onCluster('a job that a person cancels, one that can never start and one that the scheduler refuses each end in a failure that says so', async (project, slurm) => {
  project.say({ cells: { a: 'gate' } });
  const cancelled = project.begin();
  assert.ok(await comesTrue(() => project.begun().length === 1));
  slurm.ask('scancel', '--full', slurm.queue('%i %T').find((line) => line.endsWith('RUNNING'))!.split(' ')[0]!);
  assert.match((await cancelled.end).out, /"failed","cell":"act:a","code":"interrupted","sentence":"its job was ended: CANCELLED/);

  const failing = /(\d+)/.exec(slurm.ask('sbatch', '--parsable', '--output=/dev/null', '--wrap=exit 1'))![1]!;
  assert.ok(await comesTrue(() => slurm.queue().some((line) => line.startsWith(`${failing} FAILED`))));
  project.say({ cells: { b: 'ok' }, cluster: { all: { options: [`--dependency=afterok:${failing}`] } } });
  assert.match((await project.onSlurm()).out, /"failed","cell":"act:b","code":"not-available","sentence":"its job can never start: DependencyNeverSatisfied"/);

  project.say({ cells: { c: 'ok' }, cluster: { all: { partition: 'nowhere' } } });
  assert.match((await project.onSlurm()).out, /"failed","cell":"act:c","code":"not-available","sentence":"the scheduler refused its job: [^"]*invalid partition/i);

  project.say({ cells: { d: 'ok' }, cluster: { node: '/nowhere/node' } });
  assert.match((await project.onSlurm()).out, /"failed","cell":"act:d","code":"not-available","sentence":"the program of its job did not start \(FAILED[^"]*\/nowhere\/node/);
  // All of them passing reasons: put right, they are computed.
  project.open();
  project.say({ cells: { a: 'gate', b: 'ok', c: 'ok say:1', d: 'ok' } });
  assert.is((await project.onSlurm()).code, 0);
});

onCluster('a job that another preempts goes back into the queue, and its task ends there', async (project, slurm) => {
  project.say({ cells: cells(4, 'gate'), batch: 1, cluster: { all: { partition: 'main', cpus: 4 } } });
  const { end } = project.begin();
  assert.ok(await comesTrue(() => project.begun().length === 4));
  slurm.ask('sbatch', '--parsable', '--output=/dev/null', '--partition=urgent', '--cpus-per-task=4', '--wrap=sleep 1');
  assert.ok(await comesTrue(() => project.begun().length === 5), 'one of them begins again');
  project.open();
  assert.is((await end).code, 0);
});

onCluster('interrupted: jobs are left, and the next run takes them in; or they are cancelled', async (project, slurm) => {
  project.say({ cells: cells(3, 'gate') });
  const left = project.begin();
  assert.ok(await comesTrue(() => project.begun().length === 3));
  left.child.kill('SIGTERM');
  const ended = await left.end;
  assert.is(ended.code, 130);
  assert.match(ended.out, /3 jobs left in the queue: the next run takes in what they compute/);
  const second = project.begin();
  project.open();
  const again = await second.end;
  assert.is(again.code, 0, again.out);
  assert.is(project.begun().length, 3, again.out);

  execFileSync('rm', [project.path('gate')]);
  project.say({ cells: cells(3, 'gate', 'k') });
  const cancelled = project.begin('--on-interrupt', 'cancel');
  assert.ok(await comesTrue(() => project.begun().length === 6));
  cancelled.child.kill('SIGINT');
  const told = await cancelled.end;
  assert.match(told.out, /3 jobs cancelled/, told.out);
  assert.ok(await comesTrue(() => slurm.queue('%T').every((state) => !['RUNNING', 'PENDING', 'COMPLETING'].includes(state))));
});

onCluster('detached: the run is a job, of which there is one; before its time is over it goes on in another, and no cell is computed twice', async (project, slurm) => {
  project.say({ cells: cells(4, 'gate'), cluster: { stages: { coordinator: { options: ['--comment=the-run'] } } } });
  const { code, out, err } = await project.begin('--detach').end;
  assert.is(code, 0, err);
  assert.match(out, /^The run is job \d+;/);
  assert.match((await project.begin('--detach').end).out, /underway as job \d+ already/);
  const coordinators = (): readonly string[] => slurm.queue('%i %T %k').filter((line) => line.endsWith(' the-run'));
  assert.ok(await comesTrue(() => project.begun().length === 4));
  const first = coordinators()[0]!.split(' ')[0]!;
  slurm.ask('scancel', '--batch', '--signal=USR2', first);
  assert.ok(await comesTrue(() => coordinators().some((line) => !line.startsWith(`${first} `) && line.includes('RUNNING'))), 'a second one runs');
  project.open();
  assert.ok(await comesTrue(() => coordinators().every((line) => / (COMPLETED|FAILED) /.test(line))));
  assert.equal((await project.records()).map(({ cell, status }) => `${cell} ${status}`).sort(), ['act:c0 done', 'act:c1 done', 'act:c2 done', 'act:c3 done', 'all:all done']);
  assert.is(project.begun().length, 4);
});

onCluster('two runs at once in one folder: each cell has one job', async (project) => {
  project.say({ cells: cells(12, 'sleep:500'), batch: 1 });
  const both = await Promise.all([project.onSlurm(), project.onSlurm()]);
  assert.equal(both.map(({ code }) => code), [0, 0], both.map(({ out }) => out).join('\n'));
  assert.equal(Object.values(times(project.begun())), Array(12).fill(1));
});

onCluster('what is timed runs alone on a node of its kind, and is recorded under that', async (project) => {
  project.say({ cells: cells(2, 'ok'), timed: true, cluster: { stages: { act: { nodeType: 'fake' } } } });
  assert.is((await project.onSlurm()).code, 0);
  assert.equal((await project.records()).filter(({ cell }) => cell.startsWith('act:')).map(({ machine, place }) => [machine, place?.name]), [['fake', 'fake'], ['fake', 'fake']]);
});

onCluster('a thousand cells as arrays, cut to what the site allows, cost less than a minute besides their work, and few files', async (project, slurm) => {
  project.say({ cells: Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`c${i}`, 'plain'])), batch: 1, cluster: { jobs: 64, tasksPerJob: 16 } });
  const before = slurm.queue('%j').length;
  const { end } = project.begin();
  let most = 0;
  const timer = setInterval(() => { most = Math.max(most, inodesUnder(project.path('.bitwidth'))); }, 500);
  const from = performance.now();
  const ended = await end;
  const tookS = (performance.now() - from) / 1000;
  clearInterval(timer);
  assert.is(ended.code, 0, ended.err);
  assert.match(ended.out, /"ran":1001/);
  const names = slurm.queue('%j').slice(before - slurm.queue('%j').length);
  assert.is(names.length, 64, 'jobs');
  assert.ok(new Set(names).size >= 2, 'of more than one array, since one may have 40 elements');
  const workS = (await project.records()).reduce((sum, { durationMs }) => sum + durationMs, 0) / 1000;
  assert.ok(tookS - workS / 16 < 60, `${tookS} s, of which ${workS / 16} s are the cells' own on 16 processors`);
  // What lies there at once while jobs are underway is bounded by how many tasks are: of ten thousand cells it is no more.
  assert.ok(most < 2000, `${most} inodes`);
});

if (process.env['BITWIDTH_LONG'] === '1') onCluster('a task whose time is over ends in that, the other tasks of its job do not; of several cells the slow one alone', async (project) => {
  project.say({ cells: { a: 'sleep:10', slow: 'sleep:600000', b: 'sleep:11' }, batch: 3, cluster: { all: { timeMs: 60_000 } } });
  const { code, events, out } = await project.onSlurm();
  assert.is(code, 1, out);
  assert.equal(events.filter(({ event }) => event === 'failed').map(({ cell, code: how }) => [cell, how]), [['act:slow', 'timed-out']], out);
  assert.match(out, /its job was ended: TIMEOUT/);
});

/** Files and folders, without the compiled program. Leases are names of one file. */
function inodesUnder(folder: string): number {
  const inodes = new Set<number>();
  const walk = (path: string): void => {
    for (const name of readdirSync(path)) {
      if (name === 'build') continue;
      const found = statSync(`${path}/${name}`, { throwIfNoEntry: false });
      if (found === undefined) continue;
      inodes.add(found.ino);
      if (found.isDirectory()) walk(`${path}/${name}`);
    }
  };
  try { walk(folder); } catch { /* a folder went meanwhile */ }
  return inodes.size;
}

/** The text that the last cell of a project makes of all others. */
async function gathered(project: ClusterProject): Promise<string> {
  const sha = (await project.records()).findLast(({ cell }) => cell === 'all:all')!.outputs['out']!.sha256;
  const { openStore } = await import('../../stages/dag/open-store.ts');
  const store = openStore({ folder: project.path('.bitwidth') });
  try {
    return new TextDecoder().decode(await store.read(store.handle((await project.records()).findLast(({ outputs }) => outputs['out']?.sha256 === sha)!.outputs['out']!)));
  } finally {
    await store.close();
  }
}
test.run();
