import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { KEYS, schemaTables, schemaWords } from '../../reports/tables.ts';
import { openWarehouse } from '../../reports/warehouse.ts';
import type { Warehouse } from '../../reports/warehouse.ts';
import { claims } from '../../stages/quantization/claims.ts';
import { artificialRows } from './rows.ts';

const schema = await readFile(new URL('../../data/schema.sql', import.meta.url), 'utf8');
const ndjson = (rows: readonly object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');

async function withWarehouse(rows: { readonly [table: string]: readonly object[] }, body: (warehouse: Warehouse, scratch: string) => Promise<void>): Promise<void> {
  const scratch = await mkdtemp(join(tmpdir(), 'warehouse-'));
  try {
    const warehouse = await openWarehouse({ schema, rows: new Map(Object.entries(rows).map(([table, list]) => [table, ndjson(list)])), scratch });
    try { await body(warehouse, scratch); } finally { warehouse.close(); }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

test('schema.sql says of every table what a row is, and of every column what it holds', () => {
  const words = schemaWords(schema);
  for (const [table, columns] of schemaTables(schema)) {
    assert.ok((words.get(table)?.row.length ?? 0) > 8, table);
    for (const { name } of columns) assert.ok((words.get(table)!.columns.get(name)?.length ?? 0) > 4, `${table}.${name}`);
    assert.is(words.get(table)!.columns.size, columns.length, table);
  }
  assert.equal([...schemaWords('CREATE TABLE a (\n  b INTEGER, -- words\n  c DOUBLE\n);\n')], [['a', { row: '', columns: new Map([['b', 'words']]) }]]);
});

test('schema.sql is read column by column, and every table says what identifies a row', () => {
  const tables = schemaTables(schema);
  assert.equal([...tables.keys()].sort(), Object.keys(KEYS).sort());
  for (const [table, keys] of Object.entries(KEYS)) {
    const names = tables.get(table)!.map((c) => c.name);
    for (const key of [...keys, 'cell']) assert.ok(names.includes(key), `${table}.${key}`);
  }
  assert.throws(() => schemaTables('CREATE TABLE unheard (a INTEGER);'), /no entry in KEYS/);
});

test('columns as DuckDB has them', () => withWarehouse({}, async (warehouse) => {
  for (const [table, columns] of warehouse.tables) {
    const described = await warehouse.query<{ column_name: string; column_type: string }>(`SELECT column_name, column_type FROM (DESCRIBE ${table})`);
    assert.equal(described.map((c) => `${c.column_name} ${c.column_type}`), columns.map((c) => `${c.name} ${c.type}`));
  }
}));

test('rows come back as they were written, in plain values', () => {
  const rows = artificialRows();
  return withWarehouse({ models: rows['models']!, generations: rows['generations']!, metrics: rows['metrics']! }, async (warehouse) => {
    assert.equal(await warehouse.query('SELECT * FROM models'), rows['models']!);
    assert.equal(await warehouse.query('SELECT * FROM generations LIMIT 5'), rows['generations']!.slice(0, 5));
    assert.equal(await warehouse.query('SELECT * FROM metrics'), rows['metrics']!);
    assert.equal(await warehouse.query('SELECT 9007199254740993::BIGINT AS big, 7::BIGINT AS small, sum(1) AS huge, 0.5::DECIMAL(4, 2) AS d'), [{ big: 9007199254740993n, small: 7, huge: 1, d: 0.5 }]);
    assert.equal(await warehouse.query('SELECT $word AS word', { word: "it's; DROP TABLE models" }), [{ word: "it's; DROP TABLE models" }]);
  });
});

test('a page sees only the tables that it declares', () => withWarehouse({}, async (warehouse) => {
  await warehouse.query('SELECT count(*) FROM models', {}, ['models']);
  const refused = await warehouse.query('SELECT count(*) FROM models JOIN (SELECT * FROM formats) f ON true', {}, ['models']).then(() => '', (error: Error) => error.message);
  assert.match(refused, /reads formats, which its page does not declare/);
}));

test('no SQL reaches outside once the rows are loaded', () => withWarehouse({}, async (warehouse, scratch) => {
  const outside = join(tmpdir(), `outside-${process.pid}.csv`);
  await writeFile(outside, 'a\n1\n');
  try {
    for (const sql of [
      `SELECT * FROM read_csv('${outside}')`, `SELECT * FROM '${outside}'`, `COPY models TO '${outside}.copy'`, `ATTACH '${outside}.db'`,
      `SELECT * FROM read_text('https://example.org/')`, 'INSTALL httpfs', 'LOAD httpfs', 'SET enable_external_access = true',
    ]) assert.ok(await warehouse.execute(sql).then(() => false, () => true), sql);
  } finally {
    await rm(outside);
  }
  await warehouse.execute(`COPY models TO '${join(scratch, 'inside.csv')}'`);
}));

test('the SQL of every claim runs on the tables as published', () => withWarehouse(artificialRows(), async (warehouse) => {
  for (const claim of claims) if (claim.sql.trim() !== '') await warehouse.query(claim.sql).catch((error: Error) => assert.unreachable(`${claim.id}: ${error.message}`));
}));

test('half a pair of surrogates becomes the sign for no character; pairs, zero bytes and escaped backslashes stay', () => {
  const titles = ['a\uD83Db', '\uDE00', '\uD800\uD83D\uDE00', '😀', '\\ud800', '\\\\uDC00', 'a\u0000b', '"\uD800"'];
  return withWarehouse({ texts: titles.map((title, i) => ({ text: `t${i}`, title, author: 'b', year: 1, bytes: 1, cell: 'x:y' })) }, async (warehouse) => {
    const rows = await warehouse.query<{ title: string }>('SELECT title FROM texts ORDER BY text');
    assert.equal(rows.map((row) => row.title), ['a\uFFFDb', '\uFFFD', '\uFFFD😀', '😀', '\\ud800', '\\\\uDC00', 'a\u0000b', '"\uFFFD"']);
  });
});

test('rows that do not fit the schema are refused, with the table', async () => {
  const bad = await withWarehouse({ texts: [{ text: 'a', title: 'b', author: 'c', year: 'not a year', bytes: 1, cell: 'x:y' }] }, async () => {}).then(() => '', (error: Error) => error.message);
  assert.match(bad, /rows of table texts do not fit data\/schema\.sql/);
  assert.not.match(bad, /warehouse-/, 'no path of the machine');
  const unknown = await withWarehouse({ nonsense: [{}] }, async () => {}).then(() => '', (error: Error) => error.message);
  assert.match(unknown, /table nonsense is not in data\/schema\.sql/);
});

test.run();
