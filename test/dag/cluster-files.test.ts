/** What a run and its jobs tell each other through files, and what the scheduler's words mean; without a scheduler. */
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { leaves, needsOfStage } from '../../stages/dag/cluster.ts';
import { stage } from '../../stages/dag/index.ts';
import { sha256 } from '../../stages/dag/sha256.ts';
import { readArrayHead, readElement, writeArrayFile } from '../../stages/dag/slurm/array-file.ts';
import { jobEnvironment } from '../../stages/dag/slurm/ask.ts';
import { noteTask, readClaim, takeClaim } from '../../stages/dag/slurm/claim-file.ts';
import { resultNames, clusterPlaces, taskDigest } from '../../stages/dag/slurm/places.ts';
import { contentOf, readResult, writeResult } from '../../stages/dag/slurm/result-file.ts';
import { optionFault, sbatchArguments } from '../../stages/dag/slurm/sbatch.ts';
import { parseQueue } from '../../stages/dag/slurm/squeue.ts';
import { encodeManifest } from '../../stages/dag/trees.ts';
import type { Task } from '../../stages/dag/executor.ts';
import type { ResultHead } from '../../stages/dag/slurm/result-file.ts';
import type { OutputRecord, Sha256 } from '../../stages/dag/types.ts';

const test = suite<{ folder: string }>('dag: files of a cluster');
test.before.each((context) => { context.folder = mkdtempSync(join(tmpdir(), 'bitwidth-cluster-')); });
test.after.each(({ folder }) => rmSync(folder, { recursive: true, force: true }));

const key = (name: string): Sha256 => sha256(name);
const record = (bytes: Uint8Array): OutputRecord => ({ sha256: sha256(bytes), bytes: bytes.length });
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const task = (name: string): Task => ({ id: name, stage: 's', moduleUrl: 'file:///s.js', outputs: ['out'], cells: [{ id: `s:${name}`, params: { text: 'ä\n"' }, inputs: {} }], scratch: '', fresh: false, timed: false, cpus: 1 });

test('an array file gives each element its own tasks, however long the first line is', async ({ folder }) => {
  const elements = Array.from({ length: 2000 }, (_, i) => [{ digest: taskDigest([key(`${i}`)], 'x'), keys: [key(`${i}`)], task: task(`${i}`) }]);
  await writeArrayFile(folder, 'bw-a', { by: 'p', submittedAtMs: 5, place: 'gpu' }, elements);
  for (const i of [0, 1, 1999]) {
    const { head, tasks } = await readElement(join(folder, 'bw-a'), i);
    assert.equal(tasks, elements[i]);
    assert.is(head.place, 'gpu');
  }
  assert.equal((await readArrayHead(join(folder, 'bw-a')))!.elements[7], [{ digest: elements[7]![0]!.digest, keys: elements[7]![0]!.keys }]);
  assert.is(await readArrayHead(join(folder, 'bw-b')), undefined);
  let code: unknown;
  await readElement(join(folder, 'bw-b'), 0).catch((error: NodeJS.ErrnoException) => { code = error.code; });
  assert.is(code, 'ENOENT');
});

const head: ResultHead = { task: taskDigest([key('a')], 'x'), cells: [], log: '', machine: 'm', description: { cpu: 'c', cores: 1, memoryBytes: 1, os: 'o', node: 'v' }, place: 'gpu', queuedMs: 3, end: { kind: 'ended' } };

test('a result comes back as it was written; torn, flipped or cut anywhere it is none', async ({ folder }) => {
  const [small, part] = [bytes('small'), bytes('part')];
  const large = { sha256: key('large'), bytes: 5_000_000 };
  const manifest = encodeManifest(new Map([['a/b', record(part)], ['c', large]]));
  const cells = [{ key: key('a'), durationMs: 7, outputs: { out: record(small), tree: { ...record(manifest), tree: true as const } } }];
  await writeResult(folder, 0, { ...head, cells }, new Map([small, part, manifest].map((one) => [sha256(one), one])));
  const [name] = readdirSync(folder);
  const result = (await readResult(join(folder, name!)))!;
  assert.equal(result.head, { ...head, cells });
  const stored = { ...large, path: '/objects/large', offset: 0 };
  assert.equal(Buffer.from(contentOf(cells[0]!.outputs.out, result, () => undefined) as Uint8Array).toString(), 'small');
  const tree = (contentOf(cells[0]!.outputs.tree, result, ({ sha256: sha }) => (sha === large.sha256 ? stored : undefined)) as { tree: Map<string, unknown> }).tree;
  assert.equal(Buffer.from(tree.get('a/b') as Uint8Array).toString(), 'part');
  assert.equal(tree.get('c'), { stored });
  assert.is(contentOf(cells[0]!.outputs.tree, result, () => undefined), undefined, 'a large object that is not in the store');

  const whole = readFileSync(join(folder, name!));
  for (const cut of [0, 1, 17, 18, 100, whole.length - 66, whole.length - 1]) {
    writeFileSync(join(folder, 'cut'), whole.subarray(0, cut));
    assert.is(await readResult(join(folder, 'cut')), undefined, `cut at ${cut}`);
  }
  for (let at = 0; at < whole.length; at += 13) {
    const flipped = Buffer.from(whole);
    flipped[at]! ^= 4;
    writeFileSync(join(folder, 'flipped'), flipped);
    assert.is(await readResult(join(folder, 'flipped')), undefined, `flipped at ${at}`);
  }
});

test('results are listed by task and part; what is none is passed over', async ({ folder }) => {
  const places = { ...clusterPlaces(folder), results: folder };
  for (const part of [10, 2]) await writeResult(folder, part, head, new Map());
  writeFileSync(join(folder, '.tmp-x'), '');
  assert.equal((await resultNames(places)).map(({ task: name, part }) => [name, part]), [[head.task, 2], [head.task, 10]]);
});

test('of two jobs one has the claim; put back into the queue it finds its own, and where it was', ({ folder }) => {
  assert.ok(takeClaim(folder, 'a-0', '7'));
  assert.not.ok(takeClaim(folder, 'a-0', '8'));
  assert.ok(takeClaim(folder, 'a-0', '7'));
  noteTask(folder, 'a-0', { job: '7', task: 3 });
  assert.equal(readClaim(folder, 'a-0'), { job: '7', task: 3 });
  assert.equal(readdirSync(folder), ['a-0']);
});

test('the queue is read, whatever stands in it', () => {
  assert.equal(parseQueue('17_3 RUNNING bw-x None\n18 PENDING bw-y (Priority)\nwhat is this\n19_[4-9] PENDING bw-z Resources\n 20_1 PENDING bw-w launch failed requeued held\n21 NEW_STATE bw-v \n').map(({ id, index, name, reason, standing }) => [id, index, name, reason, standing]), [
    ['17_3', 3, 'bw-x', 'None', 'live'], ['18', 0, 'bw-y', '(Priority)', 'live'], ['20_1', 1, 'bw-w', 'launch failed requeued held', 'taken'], ['21', 0, 'bw-v', '', 'live'],
  ]);
});

test('an option of the site\'s is refused where it would change what is run, also by the beginning of its name', () => {
  for (const option of ['--account=physics', '--qos=a b', '--constraint=a&b', '--comment=$(rm) "\'', '--exclude=n1', '--wait-all-nodes=1', '--mail-type=END']) assert.is(optionFault(option), undefined, option);
  for (const option of ['--wrap=rm', '--wra=rm', '--array=0-9', '--arr=1', '--export=ALL', '--exp=ALL', '--job-name=x', '--output=/x', '--out=/x', '--uid=0', '--wait', '--parsable', '-p', '-Aphysics', 'physics', '--account\nx', '--a=\0', '']) assert.ok(optionFault(option), option);
});

test('a submission says all of a job in arguments; nothing is put into its script', () => {
  const given = sbatchArguments({ name: 'bw-n', elements: 3, tasks: 4, alone: true, script: '/s/job.sh', folder: '/s', output: '/s/50%/o', command: ['/node', '/main.js', '/s/$(x)'], needs: { partition: 'gpu', cpus: 4, gpus: 2, memoryBytes: 3 * 2 ** 30, timeMs: 3_600_000, nodeType: 'a100', options: ['--qos=$(x)'] } });
  assert.equal(given, ['--parsable', '--job-name=bw-n', '--array=0-2', '--nodes=1', '--ntasks=1', '--chdir=/s', '--input=/dev/null', '--output=/s/50%%/o-%a', '--open-mode=append', '--requeue', '--partition=gpu', '--cpus-per-task=4', '--gres=gpu:2', '--mem=3072M', '--time=240', '--signal=B:TERM@60', '--constraint=a100', '--exclusive', '--qos=$(x)', '/s/job.sh', '/node', '/main.js', '/s/$(x)']);
});

test('jobs are given few variables of the run\'s, and none of the job that it is itself', () => {
  const env = jobEnvironment({ OWN: '1' }, { PATH: '/bin', HF_TOKEN: 'secret', SLURM_CONF: '/c', SLURM_ARRAY_TASK_ID: '4', SBATCH_EXPORT: 'ALL', SBATCH_ACCOUNT: 'physics' });
  assert.equal(env, { PATH: '/bin', SLURM_CONF: '/c', SBATCH_ACCOUNT: 'physics', OWN: '1' });
});

test('a stage\'s settings come before those of all, their options behind; what came over a network stays', () => {
  const cluster = { all: { partition: 'a', cpus: 2, options: ['--x'] }, stages: { s: { partition: 'b', options: ['--y'] } }, here: ['light'] };
  assert.equal(needsOfStage(cluster, 's'), { partition: 'b', cpus: 2, options: ['--x', '--y'] });
  assert.equal(needsOfStage(cluster, 'toString'), { partition: 'a', cpus: 2, options: ['--x'] });
  const of = (name: string, more: object = {}) => stage({ name, title: 'T', determinism: 'exact', module: 'm.ts', outputs: ['o'], ...more });
  assert.equal([of('s'), of('light'), of('s', { where: 'in-process' }), of('s', { determinism: 'fetched' })].map((one) => leaves(cluster, one)), [true, false, false, false]);
});

test.run();
