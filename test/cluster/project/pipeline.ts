/** A small sweep that runs as jobs, with cells that behave as they are told to. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { cell, commandLine, gather, output, pipeline, stage } from '../../../stages/dag/index.ts';
import type { Cluster } from '../../../stages/dag/index.ts';

export interface Settings {
  /** Cell -> what it does (stages/act.ts). */
  readonly cells: { readonly [name: string]: string };
  /** Cells of one batch, which is one task. */
  readonly batch: number;
  readonly timeoutMs?: number;
  readonly timed?: boolean;
  readonly gpus?: number;
  readonly cluster: Cluster;
}

const root = fileURLToPath(new URL('.', import.meta.url));
const { cells: wanted, batch, timeoutMs, timed, gpus, cluster } = JSON.parse(readFileSync(`${root}settings.json`, 'utf8')) as Settings;

const act = stage({
  name: 'act', title: 'Act', module: 'stages/act.ts', outputs: ['out', 'tree'],
  ...(timed === true ? { determinism: 'measured', exclusive: true } : { determinism: 'exact' }),
  ...(timeoutMs === undefined ? {} : { timeoutMs }), ...(gpus === undefined ? {} : { resources: { gpus } }),
});
const all = stage({ name: 'all', title: 'Put all together', determinism: 'exact', module: 'stages/all.ts', outputs: ['out'], where: 'in-process' });

const cells = Object.entries(wanted).map(([name, what], i) => cell(act, name, { params: { name, what }, batch: String(Math.floor(i / batch)) }));

export default (argv: readonly string[]) => commandLine(pipeline({
  name: 'cluster', root, cluster, cells: [...cells, cell(all, 'all', { inputs: { of: gather(cells.map((one) => output(one, 'out'))) } })],
}), argv);
