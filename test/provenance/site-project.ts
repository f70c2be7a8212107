/**
 * A small real project with a whole site: it counts words of a text under two "formats", times something, and the report's own stages
 * draw the pages, write the tables, the records and the list of files. Its modules are its own; the report's are this project's, linked.
 */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createHash } from 'node:crypto';
import { report, reportBoundaries } from '../../reports/index.ts';
import { KEYS } from '../../reports/tables.ts';
import { ledgerFiles, provenanceCommands } from '../../provenance/index.ts';
import { cell, commandLine, file, gather, output, pipeline, stage } from '../../stages/dag/index.ts';
import type { Cell, OutputRef, PipelineDeclaration } from '../../stages/dag/index.ts';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const TEXT = 'to be or not to be: that is the question <b>whether</b> "tis nobler, in the mind\n';
const FORMATS = ['fp16', 'nf4'];
const MODEL = 'small';

const ABOUT = {
  name: 'Words & <counts>', description: 'Counts words.', licence: 'Apache-2.0', workflow: 'pipeline.ts', stages: {},
  basedOn: { name: 'arXiv 2309.05210', url: 'https://arxiv.org/abs/2309.05210', author: { family: 'Roy', given: 'S.' }, year: 2023 },
};

const source = stage({ name: 'fetch', title: 'Fetch the text', determinism: 'fetched', module: 'fetch.ts', outputs: ['text'], where: 'in-process' });
const count = stage({ name: 'summarize', title: 'Count the words', determinism: 'exact', module: 'count.ts', outputs: ['metrics'], where: 'in-process' });
const time = stage({ name: 'speed', title: 'Time it', determinism: 'measured', module: 'time.ts', outputs: ['metrics'], where: 'in-process', exclusive: true });
const tabulate = stage({ name: 'tabulate', title: 'Write the tables', determinism: 'exact', module: 'table.ts', outputs: ['rows'], where: 'in-process' });

const MODULES: { readonly [file: string]: string } = {
  'fetch.ts': `export const run = async (cells, io) => { for (const cell of cells) await io.commit(cell.id, { text: await io.input(cell, 'file') }); };\n`,
  'row.ts': `export const metric = (cell, quantity, value, exact, unit) => ({ quantity, model: cell.params.model, format: cell.params.format, text: null, temperature: null, top_k: null, max_new_tokens: null, engine: null, value, low: value * 0.9, high: value * 1.1, unit, n: 19, clusters: 2, exact, cell: cell.id });\n`,
  'count.ts': `import { metric } from './row.ts';
export const run = async (cells, io) => {
  for (const cell of cells) {
    const words = new TextDecoder().decode(await io.input(cell, 'text')).split(/\\s+/).length;
    const { factor, seed } = cell.params;
    const rows = [['nll', 3 + factor, 'nats'], ['perplexity', Math.sqrt(400 + factor), 'perplexity'], ['delta_nll', factor / 100, 'nats'], ['kl_mean', factor / words / 40, 'nats'], ['top1_agreement', 1 - factor / words / 20, 'share'], ['bits_per_weight_linear', 16 - 11.5 * factor, 'bits'], ['weight_bytes', 4000000 - 1000000 * factor, 'bytes']];
    await io.commit(cell.id, { metrics: JSON.stringify(rows.map(([quantity, value, unit]) => metric(cell, quantity, value, true, unit))) }, { engine: 'words', build: 'words-1-' + seed });
  }
};\n`,
  'time.ts': `import { metric } from './row.ts';
export const run = async (cells, io) => {
  for (const cell of cells) {
    const before = performance.now();
    for (let i = 0, x = 0; i < 1e5; i++) x += i;
    await io.commit(cell.id, { metrics: JSON.stringify([metric(cell, 'decode_tokens_per_second', 1e3 / (1 + performance.now() - before), false, 'tokens/s')]) });
  }
};\n`,
  'table.ts': `export const run = async (cells, io) => {
  for (const cell of cells) {
    const rows = (cell.params.rows ?? []).map((row) => ({ ...row, cell: row.cell ?? cell.id }));
    const machines = new Map();
    for (const item of cell.inputs.from?.items ?? []) machines.set(item.cell, item);
    for (const item of machines.values()) rows.push(...JSON.parse(new TextDecoder().decode(await io.read(item.handle))));
    await io.commit(cell.id, { rows: rows.map((row) => JSON.stringify(row) + '\\n').join('') });
  }
};\n`,
};

export interface Said { readonly code: number; readonly lines: readonly string[] }

export class SiteProject {
  readonly root = realpathSync(mkdtempSync(join(tmpdir(), 'bitwidth-site-')));
  /** Numbers that were wrong, as the table has them. */
  errata: { number: string; date: string; wrong: string; successor: string | null }[] = [];

  constructor() {
    for (const name of ['provenance', 'reports', 'stages', 'node_modules']) symlinkSync(join(ROOT, name), this.path(name));
    cpSync(join(ROOT, 'package-lock.json'), this.path('package-lock.json'));
    mkdirSync(this.path('data'));
    cpSync(join(ROOT, 'data/schema.sql'), this.path('data/schema.sql'));
    for (const [name, text] of Object.entries(MODULES)) writeFileSync(this.path(name), text);
    writeFileSync(this.path('text.txt'), TEXT);
    writeFileSync(this.path('pipeline.ts'), '// What the test composes.\n');
  }

  declare(): Omit<PipelineDeclaration, 'root'> {
    const fetched = cell(source, 'text', { inputs: { file: file('text.txt') } });
    const point = (format: string, i: number) => ({ params: { model: MODEL, format, factor: i, seed: 1 }, inputs: { text: output(fetched) } });
    const counts = FORMATS.map((format, i) => cell(count, `${MODEL}/${format}`, point(format, i)));
    const timings = FORMATS.map((format, i) => cell(time, `${MODEL}/${format}`, point(format, i)));
    const table = (name: string, declaration: { readonly rows?: readonly object[]; readonly from?: readonly Cell[] }): readonly [string, Cell] =>
      [name, cell(tabulate, name, { params: { table: name, ...(declaration.rows === undefined ? {} : { rows: declaration.rows as never }) }, inputs: declaration.from === undefined ? {} : { from: gather(declaration.from.map((one) => output(one))) } })];
    const tables = new Map([
      // The others are there and empty.
      ...Object.keys(KEYS).map((name) => table(name, { rows: [] })),
      table('models', { rows: [{ model: MODEL, title: 'Small', architecture: 'llama', parameters: 1000000, layers: 2, hidden_size: 8, heads: 2, kv_heads: 2, feed_forward_size: 16, vocabulary: 19, context_tokens: 64, tied_embeddings: true, base_format: 'fp16', is_judge: true, source: 'none' }] }),
      table('formats', { rows: FORMATS.map((format, position) => ({ format, position, title: format, family: format === 'fp16' ? 'base' : format, nominal_bits_per_weight: format === 'fp16' ? 16 : 4.5, product: 'weights' })) }),
      table('errata', { rows: this.errata }),
      table('claims', { rows: [{ claim: 'fewer', position: 1, version: '1', title: 'Fewer bits cost words', statement: 'So it is said.', source: 'Nowhere', operationalised: 'Words are counted.', test: 'None', margin: 'Any.', margin_reason: 'None', sql: '', verdict: 'inconclusive', scope: 'one text', sentence: 'They were counted.', would_change: 'Another count.' }] }),
      table('metrics', { from: [...counts, ...timings] }),
      table('sources', { rows: [{ path: 'text.txt', title: 'A <text>', origin: 'W. Shakespeare, "Hamlet", III, 1', sha256: createHash('sha256').update(TEXT).digest('hex'), bytes: TEXT.length, licence: 'public domain', redistribute: true }] }),
    ]);
    const study = [fetched, ...counts, ...timings, ...tables.values()];
    const site = report({ tables: new Map<string, OutputRef>([...tables].map(([name, one]) => [name, output(one)])), cells: study.map(({ id }) => id), formats: FORMATS, models: [MODEL], to: 'site', reproductions: ledgerFiles(this.root), about: ABOUT, errata: this.errata.map(({ number }) => number) });
    return { name: 'small', cells: [...study, ...site.cells], exports: site.exports, boundaries: { ...reportBoundaries, 'stages/dag/': { constant: 'task contract 1' } } };
  }

  async command(...argv: string[]): Promise<Said> {
    const lines: string[] = [];
    const code = await commandLine(() => pipeline({ ...this.declare(), root: this.root }), argv, { commands: provenanceCommands, print: (line) => lines.push(...line.split('\n')), complain: (line) => lines.push(line) });
    return { code, lines };
  }

  path(...parts: string[]): string { return join(this.root, ...parts); }
  read(path: string): Buffer { return readFileSync(this.path(path)); }

  makeFolder(path: string): void { mkdirSync(this.path(path), { recursive: true }); }

  /** Written over what is there, also where that may only be read. */
  write(path: string, bytes: Uint8Array | string): void {
    rmSync(this.path(path), { force: true });
    writeFileSync(this.path(path), bytes);
  }

  remove(): void { rmSync(this.root, { recursive: true, force: true }); }
}
