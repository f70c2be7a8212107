/** data/bench.json: what is taken in, what is refused and with which words, and the rows that it becomes. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { BENCH_FORMAT, readBenchFile } from '../../stages/quantization/bench-file.ts';
import type { BenchFile } from '../../stages/quantization/bench-file.ts';
import { kernelRates } from '../../stages/quantization/bench.ts';
import { readStudy } from '../../stages/quantization/config.ts';
import { study } from '../../stages/quantization/study.ts';
import { schemaTables } from '../../reports/tables.ts';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, runCells } from './in-process.ts';

const good: BenchFile = {
  format: BENCH_FORMAT, quick: false,
  machine: { cpu: 'Test CPU', cores: 2, memoryBytes: 8e9, os: 'Debian 12', node: 'v20.0.0' },
  caches: [{ level: 2, bytes: 2_097_152, sharedBy: 1 }],
  rows: [
    { suite: 'products', who: 'native', version: 'abc', peer: false, decoded: false, format: 'nf4', bitsPerWeight: 4.5, activations: 'fp32', shape: '4096 x 4096', phase: 'product', batch: 1, threads: 2, rate: 40, low: 39, high: 41, unit: 'G multiply-adds/s', rounds: 9, bytes: 9_437_184, level: 'L3', readShare: 0.8 },
    { suite: 'products', who: 'native', version: 'abc', peer: false, decoded: false, format: 'nf4', bitsPerWeight: null, activations: null, shape: '512 x 512', phase: 'product', batch: 1, threads: 2, rate: 40, low: 40, high: 40, unit: 'G multiply-adds/s', rounds: 1, bytes: 147_456, level: 'L2', readShare: null },
  ],
};
const bytes = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));
const changed = (row: object): unknown => ({ ...good, rows: [{ ...good.rows[0], ...row }] });

test('a file that keeps the schema is read as it is', () => {
  assert.equal(readBenchFile(bytes(good)), good);
});

test('whatever does not keep it is refused, with its place', () => {
  for (const [value, words] of [
    [[], 'data/bench.json: the file must be an object'],
    [{ ...good, format: 'bitwidth bench 1' }, 'format must be one of bitwidth bench 2'],
    [{ ...good, more: 1 }, 'the file has the field "more"; its fields are format, quick, machine, caches, rows'],
    [{ ...good, machine: { ...good.machine, cores: 0 } }, 'machine.cores must be a whole number from 1 to 4096'],
    [{ ...good, caches: [{ level: 2, bytes: -1, sharedBy: 1 }] }, 'caches[0].bytes must be'],
    [changed({ rate: null }), 'rows[0].rate must be a number above 0'],
    [changed({ suite: 'other' }), 'rows[0].suite must be one of read, products, attention, models'],
    [changed({ low: 41 }), 'rows[0] has the rate 40 outside its quartiles 41 and 41'],
    [changed({ who: 'x'.repeat(65) }), 'rows[0].who must be text of at most 64 characters'],
    [changed({ bitsPerWeight: 0 }), 'rows[0].bitsPerWeight must be a number above 0'],
    [changed({ activations: undefined }), 'rows[0].activations must be text of at most 300 characters'],
    [changed({ readShare: '80 %' }), 'rows[0].readShare must be a number above 0'],
    [{ ...good, rows: [good.rows[0], good.rows[0]] }, 'rows[1] measures'],
  ] as const) assert.throws(() => readBenchFile(bytes(value)), (error: Error) => error.message.includes(words), `${words}`);
  assert.throws(() => readBenchFile(Buffer.from('{"format": ')), /the file is no JSON/);
  assert.throws(() => readBenchFile(Buffer.from([0xff])), /the file is no JSON/);
});

test('rows of the table have its columns, in its order', () => {
  const columns = schemaTables(readFileSync(join(root, 'data/schema.sql'), 'utf8')).get('kernel_rates')!.map(({ name }) => name);
  const rows = kernelRates(good, 'bench:kernels');
  for (const row of rows) assert.equal(Object.keys(row), columns);
  assert.equal(rows.map((row) => row['level_bytes']), [null, 2_097_152]);
});

test('the study takes the file in where it is there, fails that cell alone where it is wrong, and has an empty table without it', async () => {
  const config = await readStudy(root, { quick: true });
  const { cells } = study({ ...config, bench: true });
  const file = (content: unknown) => ({ files: new Map([['data/bench.json', bytes(content)]]) });
  const rows = (done: Awaited<ReturnType<typeof runCells>>): string[] => done.bytes('tabulate:kernel_rates', 'rows').toString().split('\n').filter((line) => line !== '');
  assert.is(rows(await runCells(cells, ['tabulate:kernel_rates'], file(good))).length, 2);
  const broken = await runCells(cells, ['tabulate:kernel_rates'], file(changed({ rate: -1 })));
  assert.is(broken.failures.get('bench:kernels')?.sentence, 'data/bench.json: rows[0].rate must be a number above 0');
  assert.equal(rows(broken), []);
  const without = study({ ...config, bench: false }).cells;
  assert.not.ok(without.some(({ id }) => id.startsWith('bench:')));
  assert.equal(rows(await runCells(without, ['tabulate:kernel_rates'])), []);
});

test.run();
