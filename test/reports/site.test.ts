import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { CellProvenance } from '../../stages/dag/index.ts';
import { EXPORTS } from '../../reports/pages/data.ts';
import { tablesAt } from '../../reports/page.ts';
import { pages } from '../../reports/pages.ts';
import { report } from '../../reports/index.ts';
import { buildOf } from '../../kernels/engines/webgpu.ts';
import type { OpenedGpu } from '../../kernels/webgpu/adapter.ts';
import { FORMATS, MODELS, artificialRecords, artificialRows } from './rows.ts';
import { buildSite } from './site.ts';
import type { Site } from './site.ts';

const rows = artificialRows();
const records = artificialRecords(rows);
const site = await buildSite({ rows, records });
const htmlOf = (from: Site, path: string): string => {
  const bytes = from.files.get(path);
  if (!bytes) throw new Error(`no page ${path}; there are ${[...from.files.keys()].slice(0, 20).join(', ')}`);
  return new TextDecoder().decode(bytes);
};
const pagesOf = (from: Site): [string, string][] => [...from.files.keys()].filter((path) => path.endsWith('.html')).map((path) => [path, htmlOf(from, path)]);
const unescape = (text: string): string => text.replace(/&(amp|lt|gt|quot|#39);/g, (_, name: string) => ({ amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" })[name]!);
/** Rows and records of one model: enough for the tests of gaps, and quick. */
const small = Object.fromEntries(Object.entries(rows).map(([table, list]) => [table, list.filter((row) => !('model' in row) || row['model'] === MODELS[0] || row['model'] === null)]));

test('every page is there, and nothing failed', () => {
  assert.is(site.failed.size, 0);
  for (const path of ['index.html', 'quality.html', 'sensitivity.html', 'speed.html', 'kernels.html', 'samples.html', 'claims.html', 'method.html', 'dag.html', 'data.html', 'failures.html', 'glossary.html', 'assets/style.css', 'assets/script.js', 'data/results.duckdb', 'data/metrics.parquet', 'data/metrics.csv', 'data/token_scores.csv.gz',
    ...Object.keys(rows).map((t) => `tables/${t}.html`), ...FORMATS.map((f) => `formats/${f}.html`), ...MODELS.map((m) => `models/${m}.html`)]) assert.ok(site.files.has(path), path);
  assert.is([...site.files.keys()].filter((path) => path.startsWith('cells/')).length, records.length);
});

test('a model whose weights were quantized before is said to be, on the first page and on its own', () => {
  for (const path of ['index.html', `models/${MODELS[1]}.html`]) assert.match(htmlOf(site, path), /Quantized before this study:<\/b> the file of .*Q4_1, Q8_0.*5\.25.* bits a weight/);
  assert.not.match(htmlOf(site, `models/${MODELS[0]}.html`), /Quantized before/);
});

test('every link leads to a file and an anchor; ids are unique; links are relative', () => {
  const ids = new Map<string, Set<string>>();
  for (const [path, html] of pagesOf(site)) {
    const own = [...html.matchAll(/ id="([^"]*)"/g)].map((m) => unescape(m[1]!));
    ids.set(path, new Set(own));
    assert.is(own.length, ids.get(path)!.size, `ids of ${path} repeat: ${own.filter((id, i) => own.indexOf(id) !== i).slice(0, 3).join(', ')}`);
  }
  let numbers = 0;
  for (const [path, html] of pagesOf(site)) {
    for (const [, raw] of html.matchAll(/ (?:href|src)="([^"]*)"/g)) {
      const target = unescape(raw!);
      if (target === 'data:,') continue;
      assert.not.match(target, /^(?:[a-z]+:|\/)/, `${path} -> ${target}`);
      const [file, anchor] = target.split('#') as [string, string?];
      const to = file === '' ? path : new URL(file, `http://site/${path}`).pathname.slice(1);
      // What other stages write beside the pages; the main job's site is checked with them.
      if (EXPORTS.some(([file]) => file === to)) continue;
      assert.ok(site.files.has(to), `${path} -> ${target}: no such file`);
      if (anchor !== undefined) assert.ok(ids.get(to)?.has(anchor), `${path} -> ${target}: no such anchor`);
      if (anchor !== undefined && to.startsWith('cells/')) numbers++;
    }
  }
  assert.ok(numbers > 3000, `${numbers} links to records`);
});

test('a number in the prose or a table stands inside num(), lit() or a name', () => {
  for (const [path, html] of pagesOf(site)) {
    if (path.startsWith('cells/') || path === 'claims.html') continue;
    const body = html.slice(html.indexOf('<main'), html.indexOf('</main>'))
      .replace(/<svg[\s\S]*?<\/svg>/g, ' ').replace(/<pre>[\s\S]*?<\/pre>/g, ' ').replace(/<ul class="links">[\s\S]*?<\/ul>/g, ' ')
      .replace(/<details class="derivations">[\s\S]*?<\/details>/g, ' ')
      .replace(/<a class="num"[^>]*>[^<]*(?:<sup[^>]*>[^<]*<\/sup>)?<\/a>/g, ' ').replace(/<span class="lit[^>]*>[^<]*<\/span>/g, ' ').replace(/<div class="sample[\s\S]*?<\/div>/g, ' ').replace(/<[^>]*>/g, ' ');
    const found = /(?<![\w.#&;~/:-])\d+(?:[.,]\d+)*(?![\w.-])/.exec(body.replaceAll('at most 10 M', '').replace(/3 (?=models of|values that)/g, ''));
    assert.is(found?.[0], undefined, `${path}: …${body.slice(Math.max(0, (found?.index ?? 0) - 60), (found?.index ?? 0) + 20).replace(/\s+/g, ' ')}…`);
  }
});

test('text from outside stays text; no inline style, no inline script', () => {
  for (const [path, html] of pagesOf(site)) {
    assert.not.match(html, /<script>alert|<b>garden|\u202E/, path);
    assert.not.match(html, / style="|<style|<script(?! src=)| on[a-z]+="/, path);
    // Only where a reader may ask for something to be computed may a page read files and run WebAssembly; nothing may be sent anywhere from any.
    const computes = ['index.html', 'try.html'].includes(path) || path.startsWith('cells/');
    assert.ok(html.includes(`<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'self'; script-src 'self'${computes ? " 'wasm-unsafe-eval'; connect-src 'self'" : ''}; img-src data:; base-uri 'none'; form-action 'none'">`), path);
  }
  assert.match(htmlOf(site, 'samples.html'), /The &lt;b&gt;garden&lt;\/b&gt; &amp; ‹U\+202E›gate/);
  assert.match(htmlOf(site, 'failures.html'), /check the &lt;weights&gt;/);
});

test('built twice, the same bytes, but for the DuckDB file', async () => {
  const some = records.filter((r) => !r.cell.includes('10m') && !r.cell.includes('texts'));
  const [first, again] = [await buildSite({ rows: small, records: some }), await buildSite({ rows: small, records: some })];
  assert.equal([...again.files.keys()].sort(), [...first.files.keys()].sort());
  for (const [path, bytes] of again.files) {
    if (path !== 'data/results.duckdb') assert.ok(Buffer.from(bytes).equals(Buffer.from(first.files.get(path)!)), path);
  }
});

test('a run with another history, machine and speed gives the same pages, but for what is marked as of this run', async () => {
  const some = records.filter((r) => !r.cell.includes('10m') && !r.cell.includes('texts'));
  const elsewhere = some.map((r): CellProvenance => ({
    ...r, reasons: [{ field: 'never computed' }],
    ...(r.record ? { record: { ...r.record, outputs: Object.fromEntries(Object.entries(r.record.outputs).reverse()), finishedAt: '2027-07-07T07:07:07+00:00', durationMs: 777.7, machine: 'm-777777', run: 'r7', computedBy: { engine: 'native', build: '777' } } } : {}),
  }));
  const stages = ['page', 'run-page', 'cell-pages', 'exports', 'database'];
  const [first, again] = [await buildSite({ rows: small, records: some, stages }), await buildSite({ rows: small, records: elsewhere, stages })];
  const same = (html: string): string => html.replace(/<section class="measured">[\s\S]*?<\/section>/, '');
  let marked = 0;
  for (const [path, html] of pagesOf(again)) {
    // These two are about the run.
    if (path === 'dag.html' || path === 'cost.html') continue;
    const before = htmlOf(first, path);
    if (before !== html) marked++;
    assert.is(same(html), same(before), path);
  }
  assert.is(marked, some.length, 'every cell page says where, when and why');
  const run = (from: Site): string => htmlOf(from, 'dag.html').replace(/<p class="run-facts">[\s\S]*?<\/p>/, '').replace(/(#derived\.time[^>]*>|id="derived\.time[^>]*><b>)[^<]*/g, '$1');
  assert.is(run(again), run(first), 'dag.html, but for dates, machines and times');
});

test('downloads are there, with their sizes', () => {
  const html = htmlOf(site, 'data.html');
  for (const table of Object.keys(rows)) assert.ok(html.includes(`id="${table}"`), table);
  for (const [, path, shown] of html.matchAll(/<li id="derived\.size\.([^"]*)"><b>([^<]*)<\/b>/g)) {
    const [value, unit] = shown!.split(' ') as [string, string];
    const bytes = site.files.get(path!)!.length, power = { B: 1, kB: 1e3, MB: 1e6 }[unit]!;
    assert.ok(Math.abs(Number(value) * power - bytes) <= (path!.endsWith('.duckdb') ? 1e6 : bytes * 0.006 + 1), `${path}: ${shown} for ${bytes}`);
  }
  assert.is([...html.matchAll(/<li id="derived\.size/g)].length, 2 * Object.keys(rows).length + 1);
});

test('a figure is an image with a label, its data in a table below; a table is named by what stands above it', () => {
  const html = htmlOf(site, 'quality.html');
  const names = [...htmlOf(site, `models/${MODELS[0]}.html`).matchAll(/aria-label="(Table[^"]*)"/g)].map(([, name]) => name);
  assert.equal(names.map((name) => name!.replace(/ is in .*/, '')), ['Table 1: Closest to the base: bf16', 'Table 2: Under each format', 'Table 3: The largest error of all', 'Table 4: Worst tokens', 'Table 5: Claimed, not derived: figures of other programs']);
  const figures = html.match(/<figure/g)!.length;
  assert.is(html.match(/<details><summary>Data of this figure/g)!.length, figures);
  assert.is(html.match(/<svg/g)!.length, html.match(/<svg[^>]*role="img"/g)!.length);
  assert.not.match(html, /NaN|Infinity|undefined/);
});

test('the kernels are held against the memory: what fewer bits gain, by where the weights lie', () => {
  const html = htmlOf(site, 'kernels.html');
  const prose = html.slice(html.indexOf('<p class="lead">'), html.indexOf('<figure')).replace(/<[^>]*>/g, '');
  assert.match(prose, /^The model novel-1m, whose fp16 weights lie in L2, decodes in nf4 at 1\.03 × the rate of fp16: no gain from fewer bits\./);
  assert.match(prose, /The model random-135m, whose fp16 weights lie in memory, beyond the caches, decodes in nf4 at 3\.56 × the rate of fp16: fewer bits are fewer bytes to read\./);
  assert.match(html, /native comes nearest to the memory with fp16: <a[^>]*>80 %/);
  assert.match(html, /peer-node <span[^>]*>1\.2\.3/);
});

test('speed is told engine by engine: what fewer bits gain by where the weights lie, nothing of an engine that is there for its bits, and why one was not run', async () => {
  const html = htmlOf(site, 'speed.html');
  const plain = html.replace(/<[^>]*>/g, '');
  assert.match(plain, /Timed on the engines native and wasm, and beside them the peer other\. wasm is there to give the same bits where nothing faster can run: its timings describe this run and give no verdict/);
  assert.match(plain, /artificial-1m in fp16 lie in L2; nf4 decodes at [^:]* times the rate: no gain from fewer bits\./);
  assert.match(plain, /artificial-10m in fp16 lie in memory, beyond the caches; nf4 decodes at 3\.[^:]* times the rate: fewer bits are fewer bytes to read\./);
  assert.ok(html.indexOf('id="engine-native"') < html.indexOf('id="engine-wasm"'), 'the study’s own engine comes first');
  assert.not.match(html.slice(html.indexOf('id="engine-wasm"'), html.indexOf('id="memory"')), /the rate: /);
  assert.match(html, /held by native[\s\S]*held by wasm/);
  assert.match(html, /the system does not tell/);
  assert.match(html, /too few steps/);
  assert.not.match(html, /not run/);

  const refused = records.concat(MODELS.map((model): CellProvenance => ({
    cell: `speed-other:${model}/abacus`, stage: 'speed-other', determinism: 'measured', params: { engine: 'abacus' }, failure: { code: 'not-available', sentence: 'the engine abacus is not available here: it has no beads' }, inputs: {}, code: {}, reasons: [],
  })));
  const without = await buildSite({ rows: small, records: refused, stages: ['page', 'run-page'] });
  assert.is(without.failed.size, 0);
  const told = [...htmlOf(without, 'speed.html').matchAll(/<p class="note">.*abacus.*not run: <a href="(failures\.html#[^"]*)">the engine abacus is not available here: it has no beads<\/a>\.<\/p>/g)];
  assert.equal(told.map(([, to]) => to), [`failures.html#cell-speed-other-${MODELS[0]}-abacus`]);
  assert.match(htmlOf(without, 'failures.html'), /it has no beads/);
});

test('without an engine that uses packed weights the ratios are said to be that engine’s own; without a bench, how to make one', async () => {
  const decoding = await buildSite({ rows: { ...small, kernel_rates: rows['kernel_rates']!.filter((row) => row['who'] !== 'native') }, records, stages: ['page'] });
  assert.match(htmlOf(decoding, 'kernels.html'), /The fastest engine timed here, wasm, decodes weights to fp32 before it multiplies: fewer bits gain it nothing/);
  const none = await buildSite({ rows: { ...small, kernel_rates: [] }, records, stages: ['page'] });
  assert.match(htmlOf(none, 'kernels.html'), /Not measured here: <code>npm run bench -- --json data\/bench\.json<\/code>/);
});

test('what a peer was timed in and the study has not is called so, and links to no page of it', async () => {
  // transformers keeps its base in fp32 where that of the study is fp16.
  const theirs = (row: { readonly [column: string]: unknown }): object => ({ ...row, engine: 'other', format: 'fp32-of-theirs' });
  const timed = { ...small, ...Object.fromEntries(['speed_samples', 'speed_runs', 'metrics'].map((table) => [table, [...small[table]!, ...small[table]!.filter((row) => row['engine'] === 'native' && (row['format'] ?? 'nf4') === 'nf4').map(theirs)]])) };
  const page = htmlOf(await buildSite({ rows: timed, records, stages: ['page'] }), 'speed.html');
  assert.ok(page.split('fp32-of-theirs').length > 10);
  assert.not.match(page, /href="formats\/fp32-of-theirs\.html"/);
});

test('engines on a GPU: which adapter and driver computed, whether a processor played one, its clock, and no cache of the processor', async () => {
  const on = (engine: string, build: string) => (table: string): ReturnType<typeof artificialRows>[string] => small[table]!.filter((row) => row['engine'] === 'native').map((row) => ({ ...row, engine, ...(table === 'speed_runs' ? { build, level: null } : {}) }));
  // As the engines themselves write it: what they call a processor the page has to understand.
  const build = (words: string, isFallbackAdapter: boolean, how: string): Promise<string> => buildOf({ words, info: { isFallbackAdapter } } as OpenedGpu, {}, how);
  const played = on('webgpu', await build('dawn 0, maker soft, Software driver 5', true, 'gradual'));
  const card = on('webgpu-fast', await build('dawn 0, maker, card-a, driver 1.2', false, 'fast-subgroups-of-32'));
  const timed: ReturnType<typeof artificialRows> = { ...small, ...Object.fromEntries(['speed_samples', 'speed_runs', 'metrics'].map((table) => [table, [...small[table]!, ...played(table), ...card(table)]])) };
  timed['metrics'] = [...timed['metrics']!, ...timed['metrics']!.filter((row) => row['engine'] === 'webgpu-fast' && /_tokens_per_second$/.test(String(row['quantity']))).map((row) => ({ ...row, quantity: String(row['quantity']).replace('_tokens', '_gpu_tokens') }))];
  const page = htmlOf(await buildSite({ rows: timed, records, stages: ['page'] }), 'speed.html');
  const part = (engine: string): string => page.slice(page.indexOf(`id="engine-${engine}"`)).split('<h2')[0]!;
  assert.match(part('webgpu'), /<b>A processor played the GPU<\/b>: computed by [^.]*dawn 0, maker soft, Software driver 5/);
  assert.match(part('webgpu-fast'), /Adapter and driver: [^.]*dawn 0, maker, card-a, driver 1\.2/);
  assert.match(part('webgpu-fast'), /by the GPU’s clock/);
  for (const engine of ['webgpu', 'webgpu-fast']) assert.not.match(part(engine), /in L[23]|beyond the caches|the system does not tell/);
  assert.not.match(part('native'), /Adapter and driver|GPU/);
  assert.match(part('native'), /in L2/);
});

test('whatever table is lost, every page is drawn and says what is missing', async () => {
  const groups = [Object.keys(rows), ['metrics'], ['models', 'claims', 'speed_samples'], ['formats', 'claim_effects', 'generations', 'artifacts', 'layouts', 'machines']];
  for (const lost of groups) {
    const broken = await buildSite({ rows: small, records, lost, stages: ['page', 'run-page'] });
    assert.equal([...broken.failed], [], `without ${lost.join(', ')}`);
    for (const [path, html] of pagesOf(broken)) assert.not.match(html, /NaN|undefined|Infinity/, `${path} without ${lost.join(', ')}`);
    if (lost.length === 1) assert.match(htmlOf(broken, 'quality.html'), /There are no rows for quality/);
  }
});

test('rows of a failed cell leave a gap with its reason', async () => {
  const without = { ...small, metrics: small['metrics']!.filter((row) => row['format'] !== 'bf16') };
  const failed = records.filter((r) => r.cell !== `score:${MODELS[0]}/bf16/garden`).concat({
    cell: `score:${MODELS[0]}/bf16/garden`, stage: 'score', determinism: 'exact', params: { model: MODELS[0], format: 'bf16' },
    failure: { code: 'crashed', sentence: 'its process died' }, inputs: {}, code: {}, reasons: [],
  });
  const broken = await buildSite({ rows: without, records: failed, stages: ['page', 'run-page'] });
  assert.is(broken.failed.size, 0);
  assert.match(htmlOf(broken, 'quality.html'), new RegExp(`bf16[\\s\\S]*?href="failures\\.html#cell-score-${MODELS[0]}-bf16-garden">missing: crashed`));
  assert.match(htmlOf(broken, 'failures.html'), /its process died/);
});

test('a page is redrawn only for the tables that it declares', () => {
  const tables = new Map(Object.keys(rows).map((table) => [table, { kind: 'output', cell: `tabulate:${table}`, output: 'rows' } as const]));
  const { cells } = report({ tables, cells: ['a:b'], formats: FORMATS, models: MODELS });
  for (const page of pages) {
    const own = cells.filter((c) => c.params['page'] === page.name);
    assert.is(own.length, page.per === 'format' ? FORMATS.length : page.per === 'model' ? MODELS.length : page.per === 'table' ? tables.size : page.per === 'erratum' || page.per === 'peer' ? 0 : 1, page.name);
    for (const cell of own) {
      assert.equal(Object.keys(cell.inputs).filter((name) => name.startsWith('table.')).sort(), tablesAt(page, cell.params).map((t) => `table.${t}`).sort());
      assert.equal(cell.uses, [`reports/pages/${page.name}.ts`]);
      assert.is('records' in cell.inputs, page.records === true);
      assert.is('counts' in cell.inputs, page.counts === true);
    }
  }
});

test('a waiver shows on every number that it covers, on what is computed from them, and on the page of its cell', async () => {
  const summary = records.find(({ cell, inputs }) => cell.startsWith(`summarize:${MODELS[0]}/`) && Object.values(inputs).flat().some((one) => one.cell !== undefined))!;
  const origin = Object.values(summary.inputs).flat().find((one) => one.cell !== undefined)!.cell!;
  const waiver = { id: '1a2b3c4d', at: '2026-03-04T05:06:07.000+00:00', by: 'Ada <x>', because: 'only a message changed', causes: ['code kernels/formats/nf4.ts changed'], cells: 12, sampled: 5 };
  const accepted = await buildSite({ rows: small, records: records.map((one) => (one.cell === origin ? { ...one, waiver } : one)), stages: ['page', 'run-page', 'cell-pages'] });
  const pageOf = (cell: string): string => htmlOf(accepted, `cells/${cell.replace(/[:/]/g, '~')}.html`);
  for (const words of ['Accepted after a change', 'only a message changed', 'Ada &lt;x&gt;', 'code kernels/formats/nf4.ts changed', '1a2b3c4d']) assert.ok(pageOf(origin).includes(words), words);
  assert.match(pageOf(summary.cell), /Rests on accepted results/);
  assert.ok(pageOf(summary.cell).includes(`${origin.replace(/[:/]/g, '~')}.html#accepted`));
  let marked = 0;
  for (const [path, markup] of pagesOf(accepted).filter(([path]) => !path.startsWith('cells/'))) {
    for (const [number, href] of markup.matchAll(/<a class="num"[^>]* href="([^"#]*)#[^>]*>.*?<\/a>/g)) {
      const covered = href !== '' && pageHas(accepted, href!, 'id="accepted"');
      assert.is(number.includes('†'), covered, `${path}: ${number}`);
      if (covered) marked++;
    }
    if (markup.includes('†</sup>')) assert.match(markup, /<p class="note">† Computed/);
  }
  assert.ok(marked > 0);
  assert.not.ok(pagesOf(site).some(([, markup]) => markup.includes('†')), 'without a waiver there is no mark');
});

function pageHas(from: Site, href: string, what: string): boolean {
  return htmlOf(from, href.replace(/^(\.\.\/)+/, '')).includes(what);
}

test.run();
