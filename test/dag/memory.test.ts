/** Memory of tasks: what cells say beforehand, what records hold afterwards, and who tells of both. */
import { existsSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { cell, stage } from '../../stages/dag/index.ts';
import { exceededLines, expectedLines, stageMemory } from '../../stages/dag/memory-lines.ts';
import { PeakMemory } from '../../stages/dag/peak-memory.ts';
import { memoryNeed } from '../../stages/dag/resources.ts';
import { notRun } from '../not-run.ts';
import { Project } from './project.ts';
import { withStore } from './store-help.ts';
import type { Cell, CellRecord, Stage } from '../../stages/dag/index.ts';

interface Declared { where: Stage['where']; cells: (act: Stage) => Cell[] }
const test = suite<{ declared: Declared; project: Project }>('dag: memory');

test.before.each((context) => {
  context.declared = { where: 'worker', cells: () => [] };
  context.project = new Project('faults', () => {
    const act = stage({ name: 'act', title: 'Act', determinism: 'exact', module: 'act.ts', outputs: ['out'], where: context.declared.where ?? 'worker' });
    return { name: 'memory', cells: context.declared.cells(act) };
  });
});
test.after.each(({ project }) => project.remove());

const MB = 1e6;
const holding = (act: Stage, name: string, bytes: number, memoryBytes: number): Cell => cell(act, name, { params: { act: 'hold', bytes }, memoryBytes });

if (!existsSync('/proc/self/clear_refs')) notRun('memory of tasks', 'this system does not tell what a process held since a moment');
else {
  test('a height is forgotten when the next task begins', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const hold = (): number => new Uint8Array(300 * MB).fill(1).length;
    const memory = new PeakMemory();
    memory.begin();
    const before = memory.bytes()!;
    assert.is(hold(), 300 * MB);
    const height = memory.bytes()!;
    assert.ok(height > before + 250 * MB, `${before} ${height}`);
    for (let tries = 0; tries < 50; tries++) {
      collect();
      await new Promise((resolve) => setTimeout(resolve, 20));
      memory.begin();
      if (memory.bytes()! < height - 200 * MB) return;
    }
    assert.unreachable(`${memory.bytes()} of ${height}`);
  });

  test('the record holds what a worker held and what was expected; why and status tell it', async ({ declared, project }) => {
    declared.cells = (act) => [holding(act, 'large', 400 * MB, 100 * MB), holding(act, 'small', 1000, 900 * MB)];
    assert.is((await project.run('--jobs', '1')).code, 0);
    const records = await recordsOf(project);
    const [large, small] = [records.get('act:large')!.memory!, records.get('act:small')!.memory!];
    assert.ok(large.peakBytes > 400 * MB && large.peakBytes < 900 * MB, `${large.peakBytes}`);
    assert.is(large.expectedBytes, 100 * MB);
    assert.is(small.expectedBytes, 900 * MB);
    assert.ok(small.peakBytes > 20 * MB);
    assert.match((await project.command('why', 'act:large')).lines.join('\n'), /[45]\d\d MB in memory at its height, 100 MB expected/);
    assert.match((await project.command('status')).lines.join('\n'), /act held more memory than expected: [45]\d\d MB of 100 MB \(act:large\)/);
  });

  test('what a run did in its own process is no task’s', async ({ declared, project }) => {
    declared.where = 'in-process';
    declared.cells = (act) => [holding(act, 'a', 1000, 100 * MB)];
    await project.run();
    assert.is((await recordsOf(project)).get('act:a')!.memory, undefined);
    assert.not.match((await project.command('status')).lines.join('\n'), /memory/);
  });
}

const recordsOf = (project: Project): Promise<ReadonlyMap<string, CellRecord>> => withStore(project.path('.bitwidth'), async (store) => new Map([...store.records()].map((record) => [record.cell, record])));

test('plan tells the largest of each stage, and what is more than there is', async ({ declared, project }) => {
  declared.cells = (act) => [holding(act, 'a', 1, 200 * MB), holding(act, 'b', 1, 300 * MB)];
  const lines = (await project.command('plan')).lines.join('\n');
  assert.match(lines, /Memory of one task at its height, expected: act 300 MB; a run here may use [\d.]+ GB\./);
  assert.not.match(lines, /more than there is/);
  assert.match((await project.command('plan', '--json')).lines[0]!, /"memoryBytes":200000000/);
  declared.cells = (act) => [holding(act, 'a', 1, 2 ** 50)];
  assert.match((await project.command('plan')).lines.join('\n'), /act is expected to need [\d.]+ PB \(act:a\), more than there is: it runs alone, and may fail or swap; take a smaller model/);
});

test('tasks start beside each other as far as what they are expected to hold fits', async ({ declared, project }) => {
  declared.where = 'in-process';
  declared.cells = (act) => Array.from({ length: 4 }, (_, i) => cell(act, String(i), { params: { act: 'span', i }, memoryBytes: 2 ** 30 }));
  assert.is((await project.run('--jobs', '8', '--memory', '2G')).code, 0);
  let [now, most] = [0, 0];
  for (const line of project.read('spans.log').split('\n').filter((text) => text !== '')) most = Math.max(most, now += line.startsWith('+') ? 1 : -1);
  assert.is(most, 2);
});

test('what a cell expects is an amount, and no part of its key', async ({ declared, project }) => {
  const act = stage({ name: 'act', title: 'Act', determinism: 'exact', module: 'act.ts', outputs: ['out'], resources: { memoryBytes: 7 } });
  assert.throws(() => cell(act, 'a', { memoryBytes: 1.5 }), /^cell "act:a": memoryBytes is 1\.5; it must be a whole number, 0 or more$/);
  assert.is(memoryNeed(act, [cell(act, 'a'), cell(act, 'b', { memoryBytes: 5 })]), 7, 'where a cell does not say, its stage does; the largest counts');
  declared.cells = (of) => [holding(of, 'a', 1, 100 * MB)];
  await project.run();
  declared.cells = (of) => [holding(of, 'a', 1, 999 * MB)];
  assert.equal((await project.run()).ran, []);
});

test('of a stage the cell that went furthest beyond is named', () => {
  const record = (name: string, peakBytes: number, expectedBytes?: number) => ({ stage: 'act', record: { cell: `act:${name}`, memory: { peakBytes, ...(expectedBytes === undefined ? {} : { expectedBytes }) } } });
  const [found] = stageMemory([record('a', 90, 100), record('b', 300, 200), record('c', 350, 300), record('d', 999)]);
  assert.equal(found, { stage: 'act', cell: 'act:b', peakBytes: 300, expectedBytes: 200, exceeded: true });
  assert.equal(exceededLines(stageMemory([record('a', 90, 100)])), []);
  assert.equal(expectedLines([], 1), []);
});

test.run();
