/** The cluster: block of study.yaml: what it says, and how every mistake in it is answered. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Reader } from '../../stages/quantization/config-fields.ts';
import { readCluster } from '../../stages/quantization/config-cluster.ts';
import { Problems, readYaml } from '../../stages/quantization/config-yaml.ts';
import { nativeOn, studyCluster } from '../../stages/quantization/cluster.ts';
import { nativeCell } from '../../stages/quantization/native.ts';
import type { ClusterSettings } from '../../stages/quantization/config-cluster.ts';
import type { StudyConfig } from '../../stages/quantization/config.ts';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const test = suite('study: the cluster block');

async function read(text: string): Promise<{ readonly settings: ClusterSettings; readonly mistakes: readonly string[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'bitwidth-config-'));
  try {
    writeFileSync(join(folder, 'study.yaml'), text);
    const problems = new Problems();
    const settings = readCluster(new Reader('study.yaml', problems), await readYaml(folder, 'study.yaml', problems));
    return { settings, mistakes: problems.lines() };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test('a block is read as it is meant', async () => {
  const { settings, mistakes } = await read(`partition: gpu,long
cpus: 8
gpus: 1
memory: 1.5G
time: 4h
options: [--account=physics, "--qos=a b"]
stages:
  speed: { node_type: a100, time: 90min }
  judge: { partition: cpu, gpus: 0 }
here: [choose]
jobs: 64
tasks_per_job: 4
staging: /local
store: /scratch/me
poll_seconds: 30
settle_seconds: 5
`);
  assert.equal(mistakes, []);
  assert.equal({ ...settings, here: settings.here?.at(-1) }, {
    written: true, all: { partition: 'gpu,long', cpus: 8, gpus: 1, memoryBytes: 1.5 * 2 ** 30, timeMs: 4 * 3_600_000, options: ['--account=physics', '--qos=a b'] },
    stages: { speed: { nodeType: 'a100', timeMs: 90 * 60_000 }, judge: { partition: 'cpu', gpus: 0 } }, here: 'choose', jobs: 64, tasksPerJob: 4, staging: '/local', store: '/scratch/me',
    pace: { queueMs: 30_000, queueMostMs: 120_000, filesMs: 2000, gatherMs: 500, graceMs: 5000 },
  });
});

test('a light stage that the block names leaves the machine of the run', async () => {
  assert.ok((await read('cpus: 1\n')).settings.here!.includes('summarize'));
  assert.not.ok((await read('stages: { summarize: { cpus: 2 } }\n')).settings.here!.includes('summarize'));
});

test('every mistake is answered with its place and what is allowed', async () => {
  const { mistakes } = await read(`partition: "gpu; rm"
cpus: 0
memory: 16
time: 4 hours
options: [--wrap=rm, -Aphysics]
stages: { "Bad stage": {}, score: { gpu: 1 }, quantise: {} }
store: somewhere
poll: 3
`);
  assert.equal(mistakes, [
    'study.yaml:1:12 cluster.partition "gpu; rm" cannot be used; write a name such as gpu',
    'study.yaml:2:7 cluster.cpus 0 is out of range; allowed are 1 to 1024',
    'study.yaml:3:9 cluster.memory must be text, not 16; put it in quotes',
    'study.yaml:4:7 cluster.time "4 hours" must be a number with min, h, d behind it, such as 90min or 4h',
    'study.yaml:5:11 the option "--wrap=rm" would change what the run itself says with --wrap; write options of the site\'s such as --account=physics or --qos=normal',
    'study.yaml:5:22 the option "-Aphysics" is no option of sbatch written in full, like --account=physics; write options of the site\'s such as --account=physics or --qos=normal',
    'study.yaml:6:11 "Bad stage" in cluster.stages is no name of a stage, such as score',
    'study.yaml:6:37 unknown key "gpu" in cluster.stages.score; keys are partition, cpus, gpus, memory, time, node_type, options; did you mean "gpus"?',
    'study.yaml:6:47 there is no stage "quantise"; did you mean "quantize"?',
    'study.yaml:7:8 cluster.store "somewhere" must be an absolute path, the same on every node',
    'study.yaml:8:1 unknown key "poll" in cluster; keys are partition, cpus, gpus, memory, time, node_type, options, stages, here, jobs, tasks_per_job, tasks, staging, store, node, poll_seconds, settle_seconds',
  ]);
});

test('with a block the library holds every instruction set; the store may lie elsewhere, and jobs are told the engine', async () => {
  const native = await nativeCell();
  const config = (cluster: ClusterSettings) => ({ cluster, engine: 'auto' }) as unknown as StudyConfig;
  assert.is(nativeOn(config({ written: false }), native), native);
  const everywhere = nativeOn(config({ written: true }), native, { BITWIDTH_COMPILER: 'gcc\ngcc 12' });
  assert.ok((everywhere.params['instructionSets'] as string[]).length >= (native.params['instructionSets'] as string[]).length);
  assert.is(everywhere.params['version'], 'gcc 12');
  const { cluster, store } = studyCluster(config({ written: true, store: '/scratch/me' }), native, [{ computedBy: { build: 'native-1' }, reason: 'rounding' }]);
  assert.is(store, '/scratch/me');
  assert.equal(cluster!.environment, { BITWIDTH_ENGINE: 'auto', BITWIDTH_REVOKED_BUILDS: '{"native-1":"rounding"}' });
});

test.run();
