/** Files from outside as a table tells of them, held to the records: single ones, and those of a folder, whose list is one output. */
import { createHash } from 'node:crypto';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { sourceFaults } from '../../reports/sources-check.ts';
import { encodeManifest } from '../../stages/dag/trees.ts';
import type { PublishedCell } from '../../reports/records-file.ts';
import type { Sha256 } from '../../stages/dag/index.ts';

const test = suite('report: sources held to the records');

const hash = (text: string | Uint8Array): Sha256 => createHash('sha256').update(text).digest('hex') as Sha256;
const ABOUT = { title: 'M', origin: 'a hub', licence: 'MIT', redistribute: true };
const SHARDS = new Map(['a.safetensors', 'b.safetensors'].map((name, i) => [name, { sha256: hash(name), bytes: 10 + i }]));

const CELLS = new Map(([
  { cell: 'fetch:m', params: {}, record: { outputs: { config: { sha256: hash('config'), bytes: 6 }, weights: { sha256: hash(encodeManifest(SHARDS)), bytes: 99, tree: true } } } },
  { cell: 'tabulate:sources', params: { table: 'sources', fetched: [{ cell: 'fetch:m', ...ABOUT, paths: { weights: 'm/', config: 'm/config.json' } }], texts: [{ path: 't.txt', ...ABOUT, title: 'T', sha256: hash('t'), bytes: 1 }] } },
] as unknown as PublishedCell[]).map((one) => [one.cell, one]));

const ROWS = [
  { path: 'm/config.json', ...ABOUT, sha256: hash('config'), bytes: 6, cell: 'fetch:m' },
  ...Array.from(SHARDS, ([name, own]) => ({ path: `m/${name}`, ...ABOUT, ...own, cell: 'fetch:m' })),
  { path: 't.txt', ...ABOUT, title: 'T', sha256: hash('t'), bytes: 1, cell: 'tabulate:sources' },
];

const faults = async (change: (rows: { [column: string]: unknown }[]) => void, cells = CELLS): Promise<readonly string[]> => {
  const rows = ROWS.map((row) => ({ ...row }));
  change(rows);
  return (await sourceFaults(rows as never, cells, hash)).map(({ what, expected, found }) => `${what}: ${found} / ${expected}`);
};

test('as they were taken in', async () => {
  assert.equal(await faults(() => undefined), []);
  assert.equal(await faults((rows) => { rows[0]!['sha256'] = hash('x'); }, new Map()), [], 'no record is of such a table');
});

test('each thing that is said of them, changed', async () => {
  assert.equal(await faults((rows) => { rows[0]!['bytes'] = 7; }), [`the source m/config.json: ${hash('config')}, 7 bytes / ${hash('config')}, 6 bytes`]);
  assert.match((await faults((rows) => { rows[1]!['sha256'] = hash('x'); })).join('\n'), /^the sources in m\/: a list of files with the hash [0-9a-f]{64} \/ [0-9a-f]{64} \(output weights of fetch:m\)$/);
  assert.is((await faults((rows) => { rows.splice(2, 1); })).length, 1, 'one of a folder, taken away');
  assert.equal(await faults((rows) => { rows[2]!['licence'] = 'none'; }), ['licence of the source m/b.safetensors: none / MIT']);
  assert.equal(await faults((rows) => { rows[3]!['sha256'] = hash('x'); }), [`sha256 of the source t.txt: ${hash('x')} / ${hash('t')}`]);
  assert.equal(await faults((rows) => { rows.splice(0, 1); }), ['the source m/config.json: none / a row']);
  assert.equal(await faults((rows) => { rows.push({ ...ROWS[0], path: 'n/more.json' }); }), ['the source n/more.json: one of fetch:m / a file that a record tells of']);
});

test.run();
