/**
 * The machinery by itself: the words of a few texts are counted, a cell for each text; the counts become a table, the table a page.
 *
 *   node --import tsx example/pipeline.ts run       then edit a text, and run it again
 *   node --import tsx example/pipeline.ts why page
 *
 * A Node that reads TypeScript by itself needs no loader.
 */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { cell, commandLine, file, gather, output, pipeline, stage } from '../index.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

const count = stage({ name: 'count', title: 'Count the words of a text', determinism: 'exact', module: 'example/count.ts', outputs: ['counts'] });
const table = stage({ name: 'table', title: 'Put the counts side by side', determinism: 'exact', module: 'example/table.ts', outputs: ['rows'], where: 'in-process' });
const page = stage({ name: 'page', title: 'Draw the page', determinism: 'exact', module: 'example/page.ts', outputs: ['site'], where: 'in-process' });

/** A cell for each text: a further text is one more cell, and the others keep their results. */
const counts = readdirSync(new URL('./texts', import.meta.url)).filter((name) => name.endsWith('.txt')).sort()
  .map((name) => cell(count, name.replace('.txt', ''), { params: { longerThan: 3 }, inputs: { text: file(`example/texts/${name}`) } }));
const rows = cell(table, 'all', { params: { most: 8 }, inputs: { counts: gather(counts.map((one) => output(one))) } });
const site = cell(page, 'all', { params: { title: 'Words of three letters home' }, inputs: { rows: output(rows) } });

process.exitCode = await commandLine(pipeline({
  name: 'example', root, store: 'example/.store', cells: [...counts, rows, site],
  exports: [{ to: 'example/site', from: [output(site)] }],
  closing: ['The page: example/site/index.html'],
}), process.argv.slice(2));
