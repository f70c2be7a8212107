/** On a Slurm that holds jobs to the memory they asked for: a job that wants more ends, and the record says so. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { notHere, notRun } from '../not-run.ts';
import { ClusterProject } from './project.ts';
import { Slurm, whyNoMemoryLimit, whyNoSlurm } from './slurm.ts';

const test = suite('cluster: memory of jobs');
const noSlurm = whyNoSlurm();
const noLimit = whyNoMemoryLimit();

if (noSlurm !== undefined) notRun('a job that wants more memory than it was given', noSlurm);
else if (noLimit !== undefined) notHere('a job that wants more memory than it was given', noLimit);
else test('a cell that wants more memory than its job has fails with that as its reason, alone; given more, it is computed', async () => {
  const slurm = new Slurm({ NODES: '2', ENFORCE_MEMORY: '1' });
  const project = new ClusterProject(slurm);
  try {
    const cells = { a: 'ok', big: 'eat:600', b: 'ok say:1' };
    project.say({ cells, batch: 3, cluster: { all: { memoryBytes: 300 << 20 } } });
    const { code, events, out } = await project.onSlurm();
    assert.is(code, 1, out);
    const failed = events.filter(({ event }) => event === 'failed');
    assert.equal(failed.map(({ cell, code: how }) => [cell, how]), [['act:big', 'crashed']], out);
    assert.match(String(failed[0]!.sentence), /memory ran out, and the kernel ended it/);
    assert.equal(events.filter(({ event }) => event === 'ran').map(({ cell }) => cell).sort(), ['act:a', 'act:b', 'all:all'], out);
    const record = (await project.records()).find(({ cell }) => cell === 'act:big')!;
    assert.is(record.status, 'failed');
    assert.match(record.failure!.sentence, /memory ran out/);
    assert.match(record.failure!.hint!, /on a cluster say how much with `memory`/);

    project.say({ cells, batch: 3, cluster: { all: { memoryBytes: 1200 << 20 } } });
    const again = await project.onSlurm();
    assert.is(again.code, 0, again.out);
    assert.match(again.out, /"ran":2,"cached":2/, 'what was cut off, and what gathers them all');

    // The job's own program ended: then it is the scheduler that tells.
    project.say({ cells: { c: 'expose eat:600' }, cluster: { all: { memoryBytes: 300 << 20 } } });
    const small = await project.onSlurm();
    const told = small.events.find(({ event }) => event === 'failed');
    assert.ok(told !== undefined, small.out);
    assert.match(String(told['sentence']), /its job was ended: OUT_OF_MEMORY/);
    assert.match(String(told['hint']), /with `memory`/);
  } finally {
    project.remove();
    slurm.remove();
  }
});

test.run();
