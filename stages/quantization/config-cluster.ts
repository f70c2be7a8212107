/**
 * The `cluster:` block of study.yaml: what jobs are given when the study runs on a cluster (docs/cluster.md). Nothing of it is part of any
 * result: where a cell ran does not change what it is.
 */
import { isAbsolute } from 'node:path';
import { closest, clusterOptionFault } from '../dag/index.ts';
import type { Cluster, JobNeeds } from '../dag/index.ts';
import type { Reader } from './config-fields.ts';
import { quoted } from './config-yaml.ts';
import type { Located, LocatedMap } from './config-yaml.ts';

/** The block as it was read. */
export interface ClusterSettings extends Cluster {
  /** There is a block. */
  readonly written: boolean;
  /** Absolute path of the store, where it is not in the project's folder. */
  readonly store?: string;
}

const NEEDS = ['partition', 'cpus', 'gpus', 'memory', 'time', 'node_type', 'options'] as const;
const KEYS = [...NEEDS, 'stages', 'here', 'jobs', 'tasks_per_job', 'tasks', 'staging', 'store', 'node', 'poll_seconds', 'settle_seconds'] as const;

/** Over before a job would have begun, or in need of a compiler: these stay on the machine of the run unless `stages` says otherwise. */
const LIGHT = ['native', 'native-check', 'tokenize', 'summarize', 'slices', 'worst-tokens', 'parting', 'compare', 'claims', 'tabulate', 'exports', 'database', 'page', 'run-page', 'cell-pages', 'numbers-tex', 'program'];

/** Computed by jobs; and the run itself, where it is one. */
const OTHERS = ['quantize', 'score', 'generate', 'judge', 'choose', 'floor', 'speed', 'speed-other', 'coordinator'];

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const PARTITIONS = /^[A-Za-z0-9][A-Za-z0-9._-]*(?:,[A-Za-z0-9][A-Za-z0-9._-]*)*$/;
const STAGE = /^[a-z][a-z0-9-]*$/;
const SIZES: { readonly [unit: string]: number } = { M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };
const TIMES: { readonly [unit: string]: number } = { min: 60_000, h: 3_600_000, d: 86_400_000 };
const MAX_OPTIONS = 32;

/** Mistakes go to the reader. Where there is no block: what holds without one. */
export function readCluster(reader: Reader, value: Located | undefined): ClusterSettings {
  const map = reader.map(value, 'cluster', KEYS);
  if (map === undefined) return { written: false, here: LIGHT };
  const at = (key: string): Located | undefined => map.entries.get(key)?.value;
  const whole = (key: string, high: number): number | undefined => reader.integer(at(key), `cluster.${key}`, 1, high);
  const folder = (key: string): string | undefined => {
    const path = reader.text(at(key), `cluster.${key}`);
    return path === undefined || isAbsolute(path) ? path : reader.wrong(at(key)!.at, `cluster.${key} ${quoted(path)} must be an absolute path, the same on every node`);
  };
  const stages: { [stage: string]: JobNeeds } = {};
  for (const [stage, { keyAt, value: needs }] of reader.openMap(at('stages'), 'cluster.stages')?.entries ?? []) {
    const near = [...LIGHT, ...OTHERS].includes(stage) ? undefined : closest(stage, [...LIGHT, ...OTHERS]);
    if (!STAGE.test(stage)) reader.wrong(keyAt, `${quoted(stage)} in cluster.stages is no name of a stage, such as score`);
    // A project may have stages of its own.
    else if (near !== undefined) reader.wrong(keyAt, `there is no stage ${quoted(stage)}; did you mean ${quoted(near)}?`);
    else stages[stage] = readNeeds(reader, reader.map(needs, `cluster.stages.${stage}`, NEEDS), `cluster.stages.${stage}`);
  }
  const here = reader.list(at('here'), 'cluster.here', 64, (item) => {
    const stage = reader.text(item, 'a stage', 64);
    return stage === undefined || STAGE.test(stage) ? stage : reader.wrong(item.at, `${quoted(stage)} in cluster.here is no name of a stage, such as judge`);
  }) ?? [];
  const [jobs, tasksPerJob, tasks] = [whole('jobs', 100_000), whole('tasks_per_job', 10_000), whole('tasks', 100_000)];
  const [staging, store, node] = [folder('staging'), folder('store'), folder('node')];
  const poll = reader.number(at('poll_seconds'), 'cluster.poll_seconds', 0.1, 3600);
  const settle = reader.number(at('settle_seconds'), 'cluster.settle_seconds', 1, 3600);
  return {
    written: true, all: readNeeds(reader, map, 'cluster'), stages, here: [...LIGHT.filter((stage) => !Object.hasOwn(stages, stage)), ...here],
    ...(jobs === undefined ? {} : { jobs }), ...(tasksPerJob === undefined ? {} : { tasksPerJob }), ...(tasks === undefined ? {} : { tasks }),
    ...(staging === undefined ? {} : { staging }), ...(store === undefined ? {} : { store }), ...(node === undefined ? {} : { node }),
    pace: {
      ...(poll === undefined ? {} : { queueMs: poll * 1000, queueMostMs: poll * 4000, filesMs: Math.min(2000, poll * 1000), gatherMs: Math.min(500, poll * 1000) }),
      ...(settle === undefined ? {} : { graceMs: settle * 1000 }),
    },
  };
}

function readNeeds(reader: Reader, map: LocatedMap | undefined, what: string): JobNeeds {
  const at = (key: string): Located | undefined => map?.entries.get(key)?.value;
  const named = (key: string, rule: RegExp, example: string): string | undefined => {
    const text = reader.text(at(key), `${what}.${key}`, 256);
    return text === undefined || rule.test(text) ? text : reader.wrong(at(key)!.at, `${what}.${key} ${quoted(text)} cannot be used; write a name such as ${example}`);
  };
  const amount = (key: string, units: { readonly [unit: string]: number }, example: string): number | undefined => {
    const text = reader.text(at(key), `${what}.${key}`, 32);
    if (text === undefined) return undefined;
    const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?) ?([A-Za-z]+)$/.exec(text) ?? [];
    const found = Math.round(Number(number) * (units[unit] ?? NaN));
    return number !== '' && found >= 1 && Number.isSafeInteger(found) ? found : reader.wrong(at(key)!.at, `${what}.${key} ${quoted(text)} must be a number with ${Object.keys(units).join(', ')} behind it, such as ${example}`);
  };
  const [partition, nodeType] = [named('partition', PARTITIONS, 'gpu'), named('node_type', NAME, 'a100')];
  const [cpus, gpus] = [reader.integer(at('cpus'), `${what}.cpus`, 1, 1024), reader.integer(at('gpus'), `${what}.gpus`, 0, 64)];
  const [memoryBytes, timeMs] = [amount('memory', SIZES, '16G'), amount('time', TIMES, '90min or 4h')];
  const options = reader.list(at('options'), `${what}.options`, MAX_OPTIONS, (item) => {
    const option = reader.text(item, 'an option');
    const fault = option === undefined ? undefined : clusterOptionFault(option);
    return fault === undefined ? option : reader.wrong(item.at, `the option ${quoted(option!)} ${fault}; write options of the site's such as --account=physics or --qos=normal`);
  });
  return {
    ...(partition === undefined ? {} : { partition }), ...(nodeType === undefined ? {} : { nodeType }), ...(cpus === undefined ? {} : { cpus }), ...(gpus === undefined ? {} : { gpus }),
    ...(memoryBytes === undefined ? {} : { memoryBytes }), ...(timeMs === undefined ? {} : { timeMs }), ...(options === undefined ? {} : { options }),
  };
}
