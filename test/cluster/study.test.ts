/** The quick study on a real Slurm: every exact result has the bytes of the run on one machine, on nodes without a network and without a compiler. */
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openStore } from '../../stages/dag/open-store.ts';
import { Project } from '../e2e/project.ts';
import { notRun } from '../not-run.ts';
import { Slurm, whyNoSlurm } from './slurm.ts';
import type { CellRecord } from '../../stages/dag/index.ts';

const test = suite('cluster: the quick study on Slurm');
const why = whyNoSlurm();
const long = process.env['BITWIDTH_LONG'] === '1' || process.env['BITWIDTH_REQUIRE_ALL'] === '1';
if (why !== undefined) notRun('the quick study on a Slurm cluster', why);
else if (!long) notRun('the quick study on a Slurm cluster', 'it takes minutes; with BITWIDTH_LONG=1 it is run');

/** The last record of each cell. */
async function recordsOf({ root }: Project): Promise<ReadonlyMap<string, CellRecord>> {
  const store = openStore({ folder: join(root, '.bitwidth') });
  try {
    return new Map(store.records().map((record) => [record.cell, record]));
  } finally {
    await store.close();
  }
}

if (why === undefined && long) test('exact results are the same, timings are recorded under the kind of node, and the report says where cells ran', async () => {
  const slurm = new Slurm();
  const [here, away] = [new Project(), new Project()];
  try {
    const node = join(away.root, 'node-of-a-cluster');
    // Nothing but Node itself is on the nodes' path, and no interface is up.
    away.write('node-of-a-cluster', `#!/bin/sh\nPATH=/nowhere exec /usr/bin/env -u CC /usr/bin/unshare --net ${process.execPath} "$@"\n`);
    chmodSync(node, 0o755);
    away.edit('data/study.yaml', /^quick:/m, [
      'cluster:', '  partition: main', '  jobs: 16', '  poll_seconds: 0.5', '  settle_seconds: 3', `  node: ${node}`, '  staging: /tmp/bitwidth-staging-test', '  stages:', '    speed: { node_type: fake }', '', 'quick:',
    ].join('\n'));
    away.env = { SLURM_CONF: slurm.env['SLURM_CONF'] };
    const first = await away.run('prepare', '--quick', '--json');
    assert.is(first.code, 0, first.stderr);
    const [one, other] = [await here.run('run', '--quick', '--json'), await away.run('run', '--quick', '--json', '--executor', 'slurm')];
    assert.is(one.code, 0, one.stdout.slice(-2000));
    assert.is(other.code, 0, `${other.stdout.slice(-3000)}\n${other.stderr}`);
    const [local, jobs] = [await recordsOf(here), await recordsOf(away)];
    const measured = new Set(['speed', 'floor', 'native']);
    let compared = 0;
    for (const [cell, { outputs, key }] of local) {
      const same = jobs.get(cell);
      const stage = cell.split(':')[0]!;
      // What is made of timings, and the pages about this run, differ between any two runs.
      if (measured.has(stage) || same?.key !== key) continue;
      assert.equal(same.outputs, outputs, cell);
      compared++;
    }
    assert.ok(compared > 100, `${compared} cells have the same key`);
    for (const stage of ['quantize', 'score', 'generate', 'judge']) {
      const own = [...jobs.values()].filter(({ cell }) => cell.startsWith(`${stage}:`));
      assert.ok(own.length > 0 && own.every(({ place }) => place?.name === 'main'), stage);
      // Cells of one key (formats that wrote the same text) have one record, under whichever came first.
      const byKey = new Map([...local.values()].map(({ key, outputs }) => [key, outputs]));
      for (const { cell, key, outputs } of own) assert.equal(outputs, byKey.get(key), cell);
    }
    // The library that prepare has built is what computed.
    assert.is(jobs.get('score:novel-1m/nf4/garden')?.computedBy?.['engine'] ?? [...jobs.values()].find(({ cell }) => cell.startsWith('score:'))?.computedBy?.['engine'], 'native');
    const speed = [...jobs.values()].find(({ cell }) => cell.startsWith('speed:'))!;
    assert.equal([speed.machine, speed.place?.name], ['fake', 'fake']);
    assert.match(away.read('reports/site/cost.html'), /id="places"/);
  } finally {
    here.remove();
    away.remove();
    slurm.remove();
  }
});

test.run();
