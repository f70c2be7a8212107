/** On a Slurm with a node that starts no job: the scheduler holds its jobs for ever, and the run has them computed elsewhere. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { notRun } from '../not-run.ts';
import { ClusterProject } from './project.ts';
import { Slurm, whyNoSlurm } from './slurm.ts';

const test = suite('cluster: jobs that do not start');
const why = whyNoSlurm();

if (why !== undefined) notRun('jobs that do not start', why);
else test('a job that its node cannot start is held by the scheduler: its cells are submitted again at once, and it is taken out of the queue', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'bitwidth-prolog-'));
  const prolog = join(folder, 'prolog');
  writeFileSync(prolog, '#!/bin/sh\n[ "$SLURMD_NODENAME" != n1 ]\n');
  chmodSync(prolog, 0o755);
  const slurm = new Slurm({ NODES: '2', PROLOG: prolog });
  const project = new ClusterProject(slurm);
  try {
    // With that grace, waiting for results that cannot come would show.
    project.say({ cells: { a: 'ok', b: 'ok say:1', c: 'ok say:2' }, batch: 1, cluster: { pace: { gatherMs: 200, filesMs: 200, queueMs: 500, queueMostMs: 1000, graceMs: 600_000, resubmits: 3 } } });
    const { code, out } = await project.onSlurm();
    assert.is(code, 0, out);
    assert.match(out, /"warning","sentence":"act: a node could not start its job \(launch failed requeued held\); \d cells? of it will be submitted again/);
    assert.equal(slurm.queue('%T').filter((state) => state === 'PENDING'), []);
  } finally {
    project.remove();
    slurm.remove();
    rmSync(folder, { recursive: true });
  }
});

test.run();
