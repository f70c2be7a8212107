/** `query`: questions to the tables of the report. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { existsSync, rmSync } from 'node:fs';
import { parseCsv } from '../../reports/csv.ts';
import { SiteProject } from './site-project.ts';

const test = suite<{ project: SiteProject }>('provenance: query');
test.before(async (context) => {
  context.project = new SiteProject();
  assert.is((await context.project.command('run', 'tabulate')).code, 0);
});
test.after(({ project }) => project.remove());

const HOSTILE = "SELECT 'a\u001b[2J\u202eb' AS x, NULL AS y, '' AS z, 'say \"hi\", you' AS w";

test('rows as a table, as JSON and as CSV', async ({ project }) => {
  const sql = "SELECT format, value, n FROM metrics WHERE quantity = 'nll' ORDER BY format";
  const { code, lines } = await project.command('query', sql);
  assert.is(code, 0, lines.join('\n'));
  assert.equal(lines, ['format  value   n', '------  -----  --', 'fp16        3  19', 'nf4         4  19', '2 rows']);
  assert.equal((await project.command('query', sql, '--json')).lines, ['{"format":"fp16","value":3,"n":19}', '{"format":"nf4","value":4,"n":19}']);
  assert.equal((await project.command('query', sql, '--csv')).lines, ['format,value,n', 'fp16,3,19', 'nf4,4,19']);
  assert.equal((await project.command('query', 'SELECT count(*) AS n, 9007199254740993 AS large FROM metrics -- all', '--json')).lines, ['{"n":16,"large":"9007199254740993"}']);
  assert.match((await project.command('query', 'SELECT * FROM range(60)')).lines.at(-1)!, /^60 rows, the first 50 are shown; --all, --csv or --json prints them all$/);
  assert.is((await project.command('query', 'SELECT * FROM range(60)', '--all')).lines.length, 63);
  // A run of tables alone lists nobody that reads them: their rows are not said to be none.
  const past = await project.command('query', 'SELECT format FROM metrics', 'last');
  assert.is(past.code, 2);
  assert.match(past.lines.join('\n'), /the table metrics was not computed by the run \d{4}-\S+, or its list does not have it/);
});

test('text from outside steers no terminal, and comes back from CSV as it was', async ({ project }) => {
  assert.match((await project.command('query', HOSTILE)).lines[2]!, /^a\\u001b\[2J\\u202eb {2}NULL/);
  const [, row] = parseCsv((await project.command('query', HOSTILE, '--csv')).lines.join('\n'));
  assert.equal(row, ['a\u001b[2J\u202eb', undefined, '', 'say "hi", you']);
});

test('what is wrong is told plainly, with exit code 2; nothing is written and no file is read', async ({ project }) => {
  for (const [sql, sentence] of [
    ['SELEC 1', /^query: .*syntax error at or near "SELEC"/], ['SELECT * FROM nothing', /Table with name nothing does not exist/], ['SELECT nothing FROM metrics', /column "nothing" not found/], ['', /the question is empty/],
    ['DROP TABLE metrics', /it does more than read/], ['SET threads = 4', /it does more than read/], ['SELECT 1; DROP TABLE metrics', /it holds 2 statements; give one/],
    [`COPY metrics TO '${project.path('out.csv')}'`, /it does more than read|file system operations are disabled/], ["SELECT * FROM read_csv('/etc/hostname')", /file system operations are disabled/], ["ATTACH 'x.duckdb'", /it does more than read/],
    ["SELECT * FROM read_parquet('http://127.0.0.1:1/x.parquet')", /query: /], ['INSTALL httpfs', /it does more than read/],
  ] as const) {
    const { code, lines } = await project.command('query', sql);
    assert.is(code, 2, sql);
    assert.match(lines.join('\n'), sentence, sql);
  }
  assert.not.ok(existsSync(project.path('out.csv')));
  assert.is((await project.command('query', 'SELECT 1', '--json', '--csv')).code, 2);
  rmSync(project.path('data/schema.sql'));
  assert.match((await project.command('query', 'SELECT 1')).lines.join('\n'), /this project has no data\/schema\.sql/);
});

test.run();
