/** Figures of other programs: which files are taken and which refused and with which words, what becomes of them, and that no verdict rests on them. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { claimsStage } from '../../stages/quantization/claims-cells.ts';
import { claims } from '../../stages/quantization/claims.ts';
import { readStudy } from '../../stages/quantization/config.ts';
import { csvFields } from '../../stages/quantization/csv-lines.ts';
import importCommand from '../../stages/quantization/import-command.ts';
import { IMPORT_COLUMNS, ImportMistakes, readImport } from '../../stages/quantization/import-file.ts';
import { importedMetrics } from '../../stages/quantization/import-metrics.ts';
import { claimedRows, importedNames } from '../../stages/quantization/import.ts';
import { study } from '../../stages/quantization/study.ts';
import { report } from '../../reports/index.ts';
import { pages } from '../../reports/pages.ts';
import { KEYS, schemaTables } from '../../reports/tables.ts';
import { numbersIn } from '../../reports/numbers.ts';
import { isConfigurationError } from '../../stages/dag/index.ts';
import type { Pipeline } from '../../stages/dag/index.ts';
import { root, runCells } from './in-process.ts';

const HEADER = IMPORT_COLUMNS.join(',');
const fields = { model: 'novel-1m', format: 'nf4', metric: 'decode_tokens_per_second', value: '61.2', unit: 'tokens/s', program: 'other.cpp', version: 'b4321', source: 'https://example.org/bench', date: '2026-11-02', machine: '"2 cores, AVX2"', conditions: 'batch 1' };
const line = (changes: Partial<typeof fields> = {}): string => Object.values({ ...fields, ...changes }).join(',');
const bytes = (...lines: readonly string[]): Buffer => Buffer.from([HEADER, ...lines].join('\n'));
const one = bytes(line());

function mistakesIn(content: Uint8Array): readonly string[] {
  try {
    readImport(content, 'results.csv');
  } catch (error) {
    if (error instanceof ImportMistakes) return error.mistakes;
    throw error;
  }
  return [];
}

test('CSV as programs write it is read, and what is none is told', () => {
  assert.equal(csvFields('a,"b, ""c""",,d'), ['a', 'b, "c"', '', 'd']);
  assert.equal(csvFields(''), ['']);
  assert.equal(csvFields('a,'), ['a', '']);
  assert.equal(csvFields('"",""'), ['', '']);
  assert.match(String(csvFields('a,"b')), /does not end on its line/);
  assert.match(String(csvFields('"a"b,c')), /text behind a quoted field/);
  assert.match(String(csvFields('a"b,c')), /inside a field that is not quoted/);
});

test('a file with a byte order mark, other line ends, columns in any order and without those that may be left out is read', () => {
  const [figure] = readImport(one, 'results.csv');
  assert.equal(figure, { ...fields, value: 61.2, machine: '2 cores, AVX2' });
  const other = 'value,unit,metric,format,model,version,program,date,source\r\n 12.5 ,perplexity,perplexity,Q4_K_M,llama-7b,1.0,gptq,2025-01-31,"Frantar et al., 2022"\r\n\r\n';
  assert.equal(readImport(Buffer.from(`\ufeff${other}`), 'results.csv'), [{
    model: 'llama-7b', format: 'Q4_K_M', metric: 'perplexity', value: 12.5, unit: 'perplexity', program: 'gptq', version: '1.0', source: 'Frantar et al., 2022', date: '2025-01-31', machine: null, conditions: null,
  }]);
});

test('whatever is wrong is refused with its place, what is allowed and what to do', () => {
  for (const [content, words] of [
    [Buffer.alloc(0), 'results.csv is empty; its first line names the columns: model,format,metric'],
    [Buffer.from([0x66, 0xff]), 'results.csv is not valid UTF-8; save it as UTF-8'],
    [Buffer.from(HEADER), 'results.csv has a header and no figure'],
    [Buffer.from(HEADER.replace('value,', '')), 'results.csv:1 lacks the column value; its first line names the columns'],
    [Buffer.from(`${HEADER},low\n`), 'results.csv:1 has the column "low"; columns are model, format'],
    [Buffer.from(`${HEADER},model\n`), 'results.csv:1 has the column model twice'],
    [Buffer.from(HEADER.replaceAll(',', ';')), 'results.csv:1 separates its columns by semicolons; separate them by commas'],
    [bytes(line(), line({ value: 'NaN' })), 'results.csv:3 value is "NaN"; write a finite number with a decimal point'],
    [bytes(line({ value: 'inf' })), 'results.csv:2 value is "inf"'],
    [bytes(line({ value: '1e999' })), 'results.csv:2 value is "1e999"'],
    [bytes(line({ value: '"61,2"' })), 'results.csv:2 value is "61,2"; write a finite number with a decimal point'],
    [bytes(line({ value: '0x10' })), 'results.csv:2 value is "0x10"'],
    [bytes(line({ value: '' })), 'results.csv:2 has no value; write the figure'],
    [bytes(line({ value: '0' })), 'results.csv:2 value is 0; decode_tokens_per_second is above 0'],
    [bytes(line({ metric: 'top1_agreement', unit: 'share', value: '87.3' })), 'results.csv:2 value is 87.3; top1_agreement is 0 to 1 (write 0.873 for 87.3 %)'],
    [bytes(line({ metric: 'speed' })), 'results.csv:2 metric is "speed"; metrics are perplexity, nll,'],
    [bytes(line({ unit: 'tok/s' })), 'results.csv:2 unit is "tok/s"; decode_tokens_per_second is in tokens/s'],
    [bytes(line({ machine: '' })), 'results.csv:2 has no machine; decode_tokens_per_second depends on it'],
    [bytes(line({ model: '../../etc' })), 'results.csv:2 model is "../../etc"; allowed are letters'],
    [bytes(line({ model: 'a'.repeat(65) })), 'results.csv:2 model is "aaaa'],
    [bytes(line({ date: '2026-02-30' })), 'results.csv:2 date is "2026-02-30"; write a day as YYYY-MM-DD'],
    [bytes(line({ source: 'javascript://alert(1)' })), 'results.csv:2 source is "javascript://alert(1)"; an address begins with https://'],
    [bytes(line({ source: 'https://me:secret@example.org/' })), 'results.csv:2 source is an address with a user in it; take user and password out'],
    [bytes(line({ program: '=HYPERLINK(1)' })), 'results.csv:2 has a program that begins with "=" ("=HYPERLINK(1)"), which a spreadsheet takes for a formula'],
    [bytes(line({ conditions: 'a\u202eb' })), 'results.csv:2 has a character in conditions that is not seen, or turns text around ("a?b")'],
    [bytes(line({ conditions: 'a\u0000b' })), 'results.csv:2 has a character in conditions'],
    [bytes(line({ conditions: 'x'.repeat(301) })), 'results.csv:2 has a conditions of 301 characters; at most 300 are taken'],
    [bytes(`${line()},more`), 'results.csv:2 has 12 fields, the header 11'],
    [bytes(line(), 'x'.repeat(1e6)), 'results.csv:3 has 1000000 characters; a line has at most 5000'],
    [Buffer.from(`${'x'.repeat(1e6)}\n`), 'results.csv:1 has 1000000 characters'],
    [Buffer.alloc(5_000_001, 0x61), 'results.csv has 5000001 bytes; at most 5000000 are taken: split the file'],
    [bytes(line(), '', line({ value: '62' })), 'results.csv:4 is the same figure as that of line 2'],
    // The ids of their numbers would be one.
    [bytes(line({ conditions: 'batch 1' }), line({ conditions: 'batch-1' })), 'results.csv:3 is the same figure as that of line 2'],
    [bytes(...Array.from({ length: 10_001 }, (_, i) => line({ conditions: `batch ${i}` }))), 'results.csv has 10001 figures; at most 10000 are taken'],
  ] as const) assert.ok(mistakesIn(content).some((mistake) => mistake.startsWith(words)), `${words}: ${mistakesIn(content)[0]}`);
  assert.is(mistakesIn(bytes(...Array.from({ length: 1000 }, () => line({ value: 'NaN' })))).length, 21, 'not a thousand times the same');
});

test('units are those of the study’s own metrics, so that nothing is converted', () => {
  const units = new Map([['perplexity', 'perplexity'], ['kl_mean', 'nats'], ['top1_agreement', 'share'], ['decode_tokens_per_second', 'tokens/s'], ['time_to_first_token', 'ms'], ['held_bytes', 'bytes'], ['bits_per_byte', 'bits']]);
  for (const [metric, unit] of units) assert.is(importedMetrics.get(metric)?.unit, unit);
});

test('rows have the columns of their table, and every number an id of its own', () => {
  const columns = schemaTables(readFileSync(join(root, 'data/schema.sql'), 'utf8')).get('claimed')!.map(({ name }) => name);
  const rows = claimedRows(readImport(bytes(line(), line({ conditions: '' }), line({ machine: 'other', conditions: '' })), 'x'), 'others', 'import:others');
  for (const row of rows) assert.equal(Object.keys(row), columns);
  assert.is(new Set(numbersIn('claimed', rows).map(({ id }) => id)).size, 3);
  assert.ok(KEYS['claimed']!.every((key) => columns.includes(key)));
});

const config = await readStudy(root, { quick: true });

test('a file in the project becomes rows; one that is wrong fails its own cell alone', async () => {
  const { cells } = study({ ...config, imported: ['good', 'wrong'] });
  const files = new Map([['data/claimed/good.csv', one], ['data/claimed/wrong.csv', bytes(line({ value: 'NaN' }))]]);
  const done = await runCells(cells, ['tabulate:claimed'], { files });
  const rows = done.bytes('tabulate:claimed', 'rows').toString().trimEnd().split('\n').map((text) => JSON.parse(text) as { [column: string]: unknown });
  assert.equal(rows.map(({ file, value, cell }) => [file, value, cell]), [['good', 61.2, 'import:good']]);
  assert.match(done.failures.get('import:wrong')!.sentence, /^data\/claimed\/wrong\.csv:2 value is "NaN"/);
  assert.match(done.failures.get('import:wrong')!.hint!, /bitwidth import data\/claimed\/wrong\.csv --check/);
  const without = await runCells(study({ ...config, imported: [] }).cells, ['tabulate:claimed']);
  assert.is(without.bytes('tabulate:claimed', 'rows').length, 0);
});

test('no verdict and no other result rests on them: only their table is made of them, and only pages and downloads read that', () => {
  const { cells, tables } = study({ ...config, imported: ['others'] });
  const site = report({ tables, cells: cells.map(({ id }) => id), formats: [...config.formats], models: ['novel-1m'] });
  const refs = (input: (typeof cells)[number]['inputs'][string]): readonly string[] => input.kind === 'output' ? [input.cell] : input.kind === 'gather' ? input.of.map(({ cell }) => cell) : [];
  const readers = (id: string): string[] => [...cells, ...site.cells].filter(({ inputs }) => Object.values(inputs).some((input) => refs(input).includes(id))).map(({ id: reader }) => reader);
  assert.equal(readers('import:others'), ['tabulate:claimed']);
  const shown = pages.filter((page) => page.tables.includes('claimed')).map(({ name }) => name);
  assert.equal(shown.sort(), ['data', 'erratum', 'model', 'quality', 'speed']);
  for (const reader of readers('tabulate:claimed')) assert.match(reader, /^(?:page:(?:quality|speed|data|model\/novel-1m|table\/claimed)|exports:tables|database:results|cell-pages:all|numbers-tex:all)$/);
  // Whatever a verdict rests on, however far above it.
  const above = new Set(cells.filter(({ stage }) => stage === claimsStage).map(({ id }) => id));
  assert.ok(above.size > 0);
  for (const id of above) for (const input of Object.values(cells.find((cell) => cell.id === id)?.inputs ?? {})) for (const from of refs(input)) above.add(from);
  assert.not.ok([...above].some((id) => id.startsWith('import:') || id === 'tabulate:claimed'));
  for (const { id, sql } of claims) assert.not.match(sql, /\bclaimed\b/, `claim ${id}`);
});

async function imported(project: string, file: string, values: { readonly [option: string]: string | boolean } = {}): Promise<readonly string[]> {
  const lines: string[] = [];
  try {
    await importCommand.run({ pipeline: { root: project } as Pipeline, values: { quick: true, ...values }, positionals: [file], print: (text) => void lines.push(text), terminal: false });
  } catch (error) {
    if (!isConfigurationError(error)) throw error;
    return [`refused: ${error.message}`];
  }
  return lines;
}

test('the command keeps the file as it is, tells what stands beside nothing, and overwrites nothing unasked', async () => {
  const project = mkdtempSync(join(tmpdir(), 'bitwidth-import-'));
  try {
    mkdirSync(join(project, 'data'));
    for (const name of ['study.yaml', 'sources.yaml', 'prompts.yaml']) writeFileSync(join(project, 'data', name), readFileSync(join(root, 'data', name)));
    for (const path of ['models', 'texts', 'choices']) cpSync(join(root, 'data', path), join(project, 'data', path), { recursive: true });
    const csv = join(project, 'My results.csv'), content = bytes(line(), line({ model: 'llama-7b', format: 'Q4_K_M' }));
    writeFileSync(csv, content);
    assert.match((await imported(project, csv))[0]!, /^refused: import: the name "My results" cannot be used; allowed are letters, digits, _ and -/);
    assert.equal(importedNames(project), { names: [], unusable: [] });
    const lines = await imported(project, csv, { as: 'others' });
    assert.match(lines[0]!, /^2 figures of other\.cpp b4321, kept as data\/claimed\/others\.csv: claimed, not derived\./);
    assert.match(lines[1]!, /^1 figure of a model that the study does not have, in the table only: llama-7b; its models are novel-1m$/);
    assert.match(lines[2]!, /^1 figure of a format that the study does not have, in the table only: Q4_K_M; its formats are/);
    assert.equal(readFileSync(join(project, 'data/claimed/others.csv')), content);
    assert.equal((await readStudy(project, { quick: true })).imported, ['others']);
    assert.match((await imported(project, csv, { as: 'others' }))[0]!, /^2 figures/, 'the same bytes once more');
    writeFileSync(csv, one);
    assert.match((await imported(project, csv, { as: 'others' }))[0]!, /^refused: import: data\/claimed\/others\.csv has other bytes already; put this in its place with --replace/);
    assert.match((await imported(project, csv, { as: 'others', check: true }))[0]!, /nothing is wrong$/);
    assert.equal(readFileSync(join(project, 'data/claimed/others.csv')), content, 'checking keeps nothing');
    assert.match((await imported(project, csv, { as: 'others', replace: true }))[0]!, /^1 figure of/);
    assert.equal(readFileSync(join(project, 'data/claimed/others.csv')), one);
    assert.match((await imported(project, join(project, 'none.csv')))[0]!, /^refused: import: there is no file/);
    assert.match((await imported(project, project))[0]!, /is no file; give a CSV file/);
    writeFileSync(csv, bytes(line({ value: 'NaN' }), line({ unit: 's' })));
    assert.is((await imported(project, csv))[0]!.split('\n').length, 2, 'every mistake at once');
    writeFileSync(join(project, 'data/claimed/a b.csv'), one);
    await readStudy(project, { quick: true }).then(() => assert.unreachable(), (error: Error) => assert.match(error.message, /data\/claimed\/a b\.csv:1:1 the name of this file cannot be used; .*: rename it/));
  } finally {
    rmSync(project, { recursive: true, force: true });
  }
});

test.run();
