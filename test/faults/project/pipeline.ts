/** What the faults are done to: workers and work in the run's process, small and large outputs, a tree, a folder that is written. */
import { fileURLToPath } from 'node:url';
import { cell, commandLine, file, gather, output, pipeline, stage } from '../../../stages/dag/index.ts';
import { readActs } from './acts.ts';

const root = fileURLToPath(new URL('.', import.meta.url));
const { parts, acts } = readActs(root);

/** A limit only where something hangs: a machine that stands still for a while must fail nothing else. */
const HANGS_MS = 1500;
const part = stage({ name: 'part', title: 'Make a part', determinism: 'exact', module: 'stages/part.ts', outputs: ['out'], ...(Object.values(acts).includes('hang') ? { timeoutMs: HANGS_MS } : {}) });
const bulk = stage({ name: 'bulk', title: 'Make much of a part', determinism: 'exact', module: 'stages/bulk.ts', outputs: ['large', 'tree'] });
const total = stage({ name: 'total', title: 'Read all', determinism: 'exact', module: 'stages/total.ts', outputs: ['out'], where: 'in-process' });
const page = stage({ name: 'page', title: 'Write a page', determinism: 'exact', module: 'stages/page.ts', outputs: ['site'], where: 'in-process' });

const batches = parts > 100 ? 1 : 4;
const made = Array.from({ length: parts }, (_, i) => cell(part, String(i), { params: { i }, inputs: { text: file('text.txt') }, batch: String(i % batches) }));
const much = made.slice(0, 2).map((one, i) => cell(bulk, String(i), { inputs: { part: output(one) } }));
const all = cell(total, 'all', { inputs: { all: gather([...made.map((one) => output(one)), ...much.map((one) => output(one, 'large'))]) } });
const site = cell(page, 'index', { inputs: { total: output(all) } });

export default (argv: readonly string[]) => commandLine(() => pipeline({
  name: 'faults', root, cells: [...made, ...much, all, site], store: process.env['FAULTS_STORE'] ?? '.bitwidth',
  exports: [{ to: 'site', from: [{ kind: 'output', cell: site.id, output: 'site' }] }],
}), argv);
