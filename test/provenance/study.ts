/** A small project with tables as the report reads them: exact and measured numbers of a table of metrics, made from a file, parameters and code. */
import { cell, file, gather, output, stage } from '../../stages/dag/index.ts';
import { Project } from '../dag/project.ts';
import type { PipelineDeclaration } from '../../stages/dag/index.ts';

const measure = stage({ name: 'measure', title: 'Time it', determinism: 'measured', module: 'measure.ts', outputs: ['rows'], where: 'in-process' });
// In a process of its own: a module that was changed is loaded anew.
const count = stage({ name: 'count', title: 'Count the words', determinism: 'exact', module: 'count.ts', outputs: ['rows'] });
const table = stage({ name: 'table', title: 'Gather the rows', determinism: 'exact', module: 'table.ts', outputs: ['rows'], where: 'in-process' });
const written = stage({ name: 'written', title: 'Say what the sources are', determinism: 'exact', module: 'sources.ts', outputs: ['rows'], where: 'in-process' });
const page = stage({ name: 'page', title: 'Draw the page', determinism: 'exact', module: 'page.ts', outputs: ['page'], where: 'in-process' });

/** What a test may change between two runs. */
export interface Settings { factor: number; models: readonly string[]; rate: number; /** Whether the text may be passed on. */ redistribute?: boolean }

const MODULES: { readonly [file: string]: string } = {
  'words.ts': `export const words = (text: string): number => text.split(/\\s+/).filter((word) => word !== '').length;\n`,
  'count.ts': `import { words } from './words.ts';
export const run = async (cells, io) => {
  for (const cell of cells) {
    const value = words(new TextDecoder().decode(await io.input(cell, 'text'))) * cell.params.factor;
    await io.commit(cell.id, { rows: JSON.stringify([{ quantity: 'kl_mean', model: cell.params.model, value, low: value - 0.5, high: value + 0.5, exact: true, cell: cell.id }]) });
  }
};\n`,
  'measure.ts': `export const run = async (cells, io) => {
  for (const cell of cells) {
    const { rate } = cell.params;
    await io.commit(cell.id, { rows: JSON.stringify([{ quantity: 'decode_tokens_per_second', model: cell.params.model, value: rate, low: rate - 5, high: rate + 5, exact: false, cell: cell.id }]) });
  }
};\n`,
  'table.ts': `export const run = async (cells, io) => {
  for (const cell of cells) {
    let rows = '';
    for (const { handle } of cell.inputs.rows.items) for (const row of JSON.parse(new TextDecoder().decode(await io.read(handle)))) {
      rows += JSON.stringify({ quantity: row.quantity, model: row.model, format: 'nf4', text: null, temperature: null, top_k: null, max_new_tokens: null, engine: null, value: row.value, low: row.low, high: row.high, unit: 'nats', n: 1, clusters: null, exact: row.exact, cell: row.cell }) + '\\n';
    }
    await io.commit(cell.id, { rows });
  }
};\n`,
  'sources.ts': `export const run = async (cells, io) => {
  for (const cell of cells) await io.commit(cell.id, { rows: JSON.stringify({ path: 'text.txt', title: 'A text', redistribute: cell.params.redistribute }) + '\\n' });
};\n`,
  'page.ts': `export const run = async (cells, io) => {
  for (const cell of cells) await io.commit(cell.id, { page: { tree: new Map([['index.html', '<!doctype html><title>rows</title>' + new TextDecoder().decode(await io.read(cell.inputs['table.metrics'].items[0].handle)).length]]) } });
};\n`,
};

/** The project, and its declaration as of now. `settings` may be changed between commands. */
export function tableProject(settings: Settings): { readonly project: Project; readonly declare: () => Omit<PipelineDeclaration, 'root'> } {
  const declare = (): Omit<PipelineDeclaration, 'root'> => {
    const counts = settings.models.map((model) => cell(count, model, { params: { model, factor: settings.factor }, inputs: { text: file('text.txt') } }));
    const timings = settings.models.map((model) => cell(measure, model, { params: { model, rate: settings.rate } }));
    const metrics = cell(table, 'metrics', { inputs: { rows: gather([...counts, ...timings].map((one) => output(one))) } });
    const sources = settings.redistribute === undefined ? [] : [cell(written, 'sources', { params: { redistribute: settings.redistribute } })];
    const index = cell(page, 'index', { inputs: { 'table.metrics': gather([output(metrics)]), ...Object.fromEntries(sources.map((one) => ['table.sources', gather([output(one)])])) } });
    return { name: 'tables', cells: [...counts, ...timings, metrics, ...sources, index], exports: [{ to: 'site', from: [{ kind: 'output', cell: 'page:index', output: 'page' }] }] };
  };
  const project = new Project('words', declare);
  for (const [name, text] of Object.entries(MODULES)) project.write(name, text);
  project.write('text.txt', 'to be or not to be');
  return { project, declare };
}
