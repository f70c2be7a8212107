/** What each page says, and what it says where data are missing: read as text, as a reader would. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { CellProvenance } from '../../stages/dag/index.ts';
import { FORMATS, MODELS, artificialRecords, artificialRows } from './rows.ts';
import { buildSite } from './site.ts';
import type { Site } from './site.ts';

type Rows = ReturnType<typeof artificialRows>;
const rows = artificialRows();
const records = artificialRecords(rows);
const PAGES = ['page', 'run-page'];
const site = await buildSite({ rows, records, stages: PAGES });
const [SMALL, , LARGE] = MODELS;

const markup = (from: Site, path: string): string => {
  const bytes = from.files.get(path);
  if (!bytes) throw new Error(`no page ${path}; failed: ${JSON.stringify([...from.failed])}`);
  return new TextDecoder().decode(bytes);
};
const words = (html: string): string => html.replace(/<svg[\s\S]*?<\/svg>/g, ' ').replace(/<[^>]*>/g, '').replace(/&#39;/g, '’').replace(/&quot;/g, '"').replace(/\s+/g, ' ').trim();
const leadOf = (from: Site, path: string): string => words(/<p class="lead">([\s\S]*?)<\/p>/.exec(markup(from, path))?.[1] ?? '');
const figureOf = (from: Site, path: string, id: string): string => new RegExp(`<figure id="${id}">[\\s\\S]*?</figure>`).exec(markup(from, path))?.[0] ?? '';
const titleOf = (from: Site, path: string, id: string): string => words(/<span class="title">([\s\S]*?)<\/span><span class="subtitle">/.exec(figureOf(from, path, id))?.[1] ?? '');
const without = (change: (table: string, row: Rows[string][number]) => Rows[string][number] | undefined): { [table: string]: Rows[string] } =>
  Object.fromEntries(Object.entries(rows).map(([table, list]) => [table, list.flatMap((row) => { const changed = change(table, row); return changed === undefined ? [] : [changed]; })]));
/** One model, no intervals, one text, one temperature above 0: what a quick run has. */
const few = await buildSite({
  rows: without((table, row) => ('model' in row && row['model'] !== SMALL && row['model'] !== null) || (row['temperature'] === 0.5 || row['temperature'] === 1 || row['temperature'] === 1.3) || row['quantity'] === 'kl_p999'
    ? undefined : table === 'kernel_rates' ? undefined : 'low' in row ? { ...row, low: null, high: null } : row),
  records, stages: PAGES,
});

test('every page opens with a sentence that the data make, also with one model and no intervals', () => {
  for (const [from, name] of [[site, 'whole'], [few, 'few']] as const) {
    assert.equal([...from.failed], [], name);
    for (const [path, bytes] of from.files) {
      if (!path.endsWith('.html')) continue;
      const html = new TextDecoder().decode(bytes);
      assert.not.match(html, /NaN|undefined|Infinity|\[object/, `${name}: ${path}`);
      const first = /<\/h1>\s*<(p class="(?:lead|note)"|figure|h2|table|div)/.exec(html)?.[1] ?? '';
      assert.match(first, /^p class="(?:lead|note)"/, `${name}: ${path} begins with <${first}`);
    }
  }
});

test('quality: what betters what, percentiles, flips, Δp, context, calibration, and that the floor was not measured', () => {
  // The artificial nf4 has as many bits as fp4, and its pairs say that it is clearly nearer.
  assert.match(titleOf(site, 'quality.html', 'pareto'), /^On artificial-10m nf4 betters fp4.*: no larger, and clearly nearer to the base$/);
  assert.match(titleOf(few, 'quality.html', 'pareto'), /by these few windows alone nearer to the base$/);
  for (const id of ['tails', 'context', 'loss', 'top1', 'flips', 'delta-p', 'calibration', 'calibration-by-entropy']) for (const from of [site, few]) assert.ok(titleOf(from, 'quality.html', id).length > 10, id);
  assert.match(words(markup(site, 'quality.html')), /The floor of the measurement Not measured here:/);
  const told = words(markup(site, 'quality.html'));
  assert.match(told, /the 99\.9th needs 10,000 positions/);
  const floor = ['floor_kl_mean', 'floor_kl_max', 'floor_delta_nll', 'floor_top1_agreement'].map((quantity) => ({ ...rows['metrics']![0]!, quantity, engine: 'fast', value: 1e-9, low: null, high: null, unit: quantity.endsWith('agreement') ? 'share' : 'nats', exact: false, cell: `floor:${SMALL}` }));
  return buildSite({ rows: { ...rows, metrics: [...rows['metrics']!, ...floor] }, records, stages: PAGES }).then((measured) => {
    assert.match(words(markup(measured, 'quality.html')), /The base itself, scored by fast, which rounds and adds otherwise \(on some processors in bf16\), is at most 1\.00 × 10⁻⁹ nats a token from what the study computed; the smallest distance of a format, .* is above that\./);
  });
});

test('sensitivity: noise of equal size beside each 4-bit format, the base itself, curves of texts that part and the least that they must', () => {
  assert.match(titleOf(site, 'sensitivity.html', 'null'), /^On artificial-10m nf4, nf4-dq, fp4 and fp4-dq do what noise of their size does not, at \d+ of \d+ points$/);
  assert.is(figureOf(few, 'sensitivity.html', 'null'), '', 'one temperature makes no curve');
  assert.match(titleOf(site, 'sensitivity.html', 'survival'), /^On artificial-10m half of the texts in \S+ have parted from the base's by token 64$/);
  assert.match(titleOf(site, 'sensitivity.html', 'hazard'), /part at each of the first 4 tokens/);
  assert.match(titleOf(site, 'sensitivity.html', 'bound'), /no way of coupling the noise could make that less than some/);
  assert.match(titleOf(site, 'sensitivity.html', 'base'), /^Unquantized, artificial-10m surprises the judge by/);
  assert.match(titleOf(site, 'sensitivity.html', 'relative'), /times that at T = 1 on artificial-10m$/);
});

test('speed: noise, latencies and bytes are figures with what they say in their titles', () => {
  assert.match(titleOf(site, 'speed.html', 'noise-native'), /^A format timed twice on native differs from itself by a factor of 1\.003 ± 0\.010 at most: quiet enough for verdicts$/);
  const loud = without((_, row) => (String(row['quantity']).endsWith('aa_ratio') ? { ...row, high: 1.4 } : row));
  return buildSite({ rows: loud, records, stages: PAGES }).then((noisy) => {
    assert.match(titleOf(noisy, 'speed.html', 'noise-native'), /^6 of 6 comparisons on native are too noisy for a verdict/);
    assert.match(titleOf(site, 'speed.html', 'latency-native'), /for half of its tokens at most, and \S+ ms or more for one in twenty$/);
    assert.match(titleOf(site, 'speed.html', 'bytes'), /^In (nf4|fp4)-dq the weights of artificial-10m take \d+ % of their bytes in fp16$/);
    assert.match(titleOf(site, 'kernels.html', 'roofline'), /^Of 4096 x 4096, \S+ with 1 row reaches \d+ % of what reading the weights allows$/);
  });
});

test('formats and models: bits accounted for, and the worst tokens with their context, as text', () => {
  const format = markup(site, 'formats/nf4.html');
  assert.match(words(format), /Accounted for, weight by weight/);
  assert.match(format, /<mark><span class="lit name">↵<\/span><\/mark>/, 'a line break shows');
  assert.match(format, /∅/, 'no token shows');
  assert.match(format, /&lt;i&gt;said&lt;\/i&gt; the ‹U\+202E›/);
  assert.match(words(markup(site, `models/${LARGE}.html`)), /of all formats \S+ changes its loss on the text most for the worse, by \+/);
  assert.not.match(words(markup(site, 'formats/fp16.html')), /Worst tokens/, 'the base moves nothing');
});

test('multiple choice: a section of the quality page for each set that is asked, and none where none is', async () => {
  assert.match(titleOf(site, 'quality.html', 'answers-cloze'), /^The accuracy clearly changes for .*fp4-dq on artificial-10m \(−[\d.]+ %\)/);
  assert.match(titleOf(site, 'quality.html', 'answer-flips-cloze'), /^On artificial-10m \S+ changes [\d.]+ % of the answers, and the accuracy by −/);
  assert.match(words(markup(site, 'quality.html')), /Which word ends the sentence ?40 items, made from the texts\./);
  assert.is([...figureOf(site, 'quality.html', 'answers-cloze').matchAll(/<svg/g)].length, MODELS.length);
  const none = await buildSite({ rows: { ...rows, choice_sets: [], metrics: rows['metrics']!.filter((r) => r['text'] !== 'cloze') }, records, stages: PAGES });
  assert.not.match(markup(none, 'quality.html'), /Multiple choice/);
});

test('compare: every pair of every model has a section of its own, reached from a matrix, with the interval of the difference', () => {
  const computed = FORMATS.filter((f) => f !== 'fp32');
  for (const model of MODELS) {
    const html = markup(site, `compare/${model}.html`);
    const sections = [...html.matchAll(/<section id="([^"]*)"><h2>/g)].map(([, id]) => id);
    assert.is(sections.length, (computed.length * (computed.length - 1)) / 2);
    for (const id of sections) assert.ok(html.includes(`href="#${id}"`) && markup(site, 'compare/index.html').includes(`href="../compare/${model}.html#${id}"`), id);
  }
  const section = words(/<section id="nf4\.fp4">[\s\S]*?<\/section>/.exec(markup(site, `compare/${LARGE}.html`))![0]);
  assert.match(section, /^nf4 and fp4 all pairs Their loss on the texts is not told apart; nf4 is nearer to the base\./);
  assert.match(section, /same top token as one another95\.0 ± 0\.2 %/);
  assert.match(leadOf(site, `compare/${LARGE}.html`), /^On artificial-10m \S+ and \S+ are farthest apart: the loss of \S+ less that of \S+ is .*Not told apart by their loss on these texts: /);
  assert.match(words(/<section id="nf4\.fp4">[\s\S]*?<\/section>/.exec(markup(few, `compare/${SMALL}.html`))![0]), /By these few windows alone nf4 predicts the texts better\./);
});

test('compare: what changed between the inputs of two formats is told from the records, and what both rest on', async () => {
  const like = records.find((r) => r.record?.status === 'done' && r.determinism === 'exact')!;
  const made = (cell: string, params: CellProvenance['params'], inputs: CellProvenance['inputs'], code: CellProvenance['code']): CellProvenance => ({
    ...like, cell, stage: cell.split(':')[0]!, params, inputs, code, record: { ...like.record!, cell, outputs: { artifact: { sha256: Buffer.from(cell).toString('hex').padEnd(64, '0').slice(-64) as never, bytes: 5 } } },
  });
  const own = ['nf4', 'fp4'].map((format) => made(`quantize:${LARGE}/${format}`, { format, base: 'fp16' }, { weights: [{ cell: `fetch:${LARGE}`, output: 'weights', sha256: 'aa' }] }, { 'kernels/half.ts': '1', [`kernels/formats/${format}.ts`]: format }));
  const told = await buildSite({ rows, records: [...records.filter((r) => !own.some((o) => o.cell === r.cell)), ...own], stages: PAGES });
  const section = words(/<section id="nf4\.fp4">[\s\S]*?<\/section>/.exec(markup(told, `compare/${LARGE}.html`))![0]);
  assert.match(section, /What changed between their inputs Both rest on the same results: .*fetch:artificial-10m/);
  assert.match(section, /quantize:artificial-10m\/nf4 ?quantize:artificial-10m\/fp4 ?parameter format: nf4 → fp4code: kernels\/formats\/nf4\.ts → kernels\/formats\/fp4\.tsoutput artifact: /);
  assert.not.match(section, /half\.ts/, 'what is the same is no change');
});

test('figures of other programs stand under a heading of their own, each marked, and on no page that decides', async () => {
  const quality = markup(site, 'quality.html'), section = quality.slice(quality.indexOf('<section id="claimed">'));
  assert.match(words(section), /Claimed, not derived: figures of other programs.*perplexity\s*12\.3\s*¶\s*perplexity\s*other\.cpp b4321/);
  assert.match(section, /cells\/import~others\.html#claimed\.value\.others\.perplexity\./);
  assert.match(section, /&lt;script&gt;alert\(1\)&lt;\/script&gt; &quot;test&quot;/);
  assert.match(words(section), /¶ Claimed, not derived: another program gave this number.*no verdict either/);
  assert.match(words(markup(site, 'speed.html')), /61\.2¶/);
  assert.not.match(words(markup(site, 'speed.html')), /8\.5.*¶.*Other CPU/, 'of a model that the study does not have');
  assert.match(words(markup(site, `models/${LARGE}.html`)), /Q4_K_M\s*top1_agreement\s*91\.2 %\s*¶/);
  assert.match(words(markup(site, 'tables/claimed.html')), /llama-7b.*Other CPU/);
  for (const path of ['index.html', 'claims.html', 'sensitivity.html', 'method.html']) assert.not.match(markup(site, path), /¶|claimed\.value/, path);
  const none = await buildSite({ rows: { ...rows, claimed: [] }, records, stages: PAGES });
  for (const path of ['quality.html', 'speed.html', `models/${LARGE}.html`]) assert.not.match(markup(none, path), /¶|id="claimed"/, path);
});

test('data: each table has a page with what its columns hold and its rows, sortable; of a large one the first', async () => {
  const html = markup(site, 'tables/pairs.html');
  assert.match(leadOf(site, 'tables/pairs.html'), /^[\d,]+ rows of 13 columns, written by tabulate:pairs\. One row is two formats of a model compared/);
  assert.match(words(html), /otherVARCHARthe second: differences are its value less that of the first/);
  assert.match(html, /<section id="rows">[\s\S]*<table data-sortable>/);
  assert.match(leadOf(site, 'tables/errata.html'), /^This table has no rows in this run, written by tabulate:errata\. A row would be a published number that turned out to be wrong\.$/);
  const large = await buildSite({ rows: { ...rows, windows: Array.from({ length: 1501 }, (_, window) => ({ ...rows['windows']![0]!, window })) }, records, stages: PAGES });
  assert.match(words(markup(large, 'tables/windows.html')), /1,501 rows.*The first 100; the downloads have them all\./);
  assert.is([...markup(large, 'tables/windows.html').matchAll(/<tr>/g)].length, 1 + 13 + 1 + 100, 'a head and 13 columns, a head and a hundred rows');
});

test('cost: results, time and bytes of the records, stage by stage, and the machines', async () => {
  const done = records.filter((r) => r.record?.status === 'done');
  const total = done.reduce((sum, r) => sum + r.record!.durationMs, 0);
  assert.ok(leadOf(site, 'cost.html').startsWith(`${done.length.toLocaleString('en')} results took ${(total / 60_000).toFixed(1)} min of work and `), leadOf(site, 'cost.html'));
  assert.match(leadOf(site, 'cost.html'), /on one machine\.$/);
  assert.match(words(markup(site, 'cost.html')), /More than was expected: quantize\..*score\s*450 MB\s*500 MB\s*90 %\s*score:.*quantize\s*300 MB\s*200 MB\s*150 %\s*quantize:/);
  const two = await buildSite({ rows, records: records.map((r, i) => (r.record && i % 2 === 0 ? { ...r, record: { ...r.record, machine: 'm-other' } } : r)), stages: PAGES });
  assert.match(leadOf(two, 'cost.html'), /on 2 machines\.$/);
  assert.match(words(markup(two, 'cost.html')), /m-other.*it timed nothing/);
  const none = await buildSite({ rows, records: records.filter((r) => !r.record), stages: PAGES });
  assert.is(leadOf(none, 'cost.html'), 'There are no records of this run.');
  const quiet = await buildSite({ rows, records: records.map((r) => { if (r.record === undefined) return r; const { memory: _, ...record } = r.record; return { ...r, record }; }), stages: PAGES });
  assert.not.match(markup(quiet, 'cost.html'), /id="memory"/, 'nothing is told of what nobody measured');
});

test('errata: that there are none, or which numbers were wrong and what stands in their place', async () => {
  assert.is(leadOf(site, 'errata.html'), 'No number of this study is known to have been wrong.');
  const errata = [
    { number: 'kl_mean.m.nf4', date: '2026-01-31', wrong: 'a <b>window</b> twice', successor: 'kl_mean.m.nf4', cell: 'tabulate:errata' }, { number: 'nll.m.fp4', date: '2026-02-01', wrong: 'another model', successor: null, cell: 'tabulate:errata' },
  ];
  const wrong = await buildSite({ rows: { ...rows, errata }, records, stages: PAGES });
  assert.is(leadOf(wrong, 'errata.html'), '2 published numbers were wrong; for 1 of them nothing stands in its place. The last was found on 2026-02-01.');
  assert.match(markup(wrong, 'errata.html'), /a &lt;b&gt;window&lt;\/b&gt; twice/);
  assert.match(words(markup(wrong, 'errata.html')), /another modelwithdrawn/);
  // And of sources that may not be passed on: which, and what is therefore not there.
  const sources = rows['sources']!.map((row) => ({ ...row, redistribute: false }));
  const marked = await buildSite({ rows: { ...rows, errata, sources }, records, stages: PAGES, errata: [`kl_mean.${LARGE}.nf4`] });
  assert.match(markup(marked, 'quality.html'), new RegExp(`id="kl_mean\\.${LARGE}\\.nf4"[^>]*>[^<]*<sup title="an erratum speaks of it">‡</sup>`));
  assert.match(words(markup(marked, 'quality.html')), /‡ A number that was published under this name turned out to be wrong/);
  assert.not.match(markup(site, 'quality.html'), /‡/);
  assert.match(words(markup(marked, 'data.html')), /Text garden ?\(public domain\) ?may not be passed on/);
  assert.match(markup(marked, 'tables/token_scores.html'), /href="\.\.\/data\.html#kept-back"/);
  assert.not.match(markup(marked, 'tables/metrics.html'), /kept-back/);
  assert.not.match(markup(site, 'data.html'), /kept-back/);
});

test('a peer has a page of its own: what agrees, what does not, what it computes in; without peers there is none', async () => {
  const page = markup(site, 'peers/other.html'), text = words(page);
  assert.match(text, /In fp32 other and this study compute not the same: .* \(artificial-10m\), above the 0\.00001 that sums in another order explain/);
  assert.match(text, /That is a finding/);
  assert.match(page, /&lt;i&gt;are&lt;\/i&gt; multiplied in bf16/);
  assert.match(text, /Q4_0/);
  assert.match(text, /28\s*27/);
  assert.match(page, /cells\/peer-summary~artificial-1m~other~nf4\.html#peer_metrics\.value\.agreement_kl_mean\.artificial-1m\.other\.nf4/);
  assert.match(text, /as-published \(Q4_1, Q8_0\)/, 'a published file with the types in it');
  assert.match(text, /33\.?0? ± 7/, 'tokens before a greedy text is another than ours');
  assert.match(text, /Held against ours in the same format, token by token, for fp32, nf4 and as-published\. A published file is held against our reading of it, the base/);
  assert.match(text, /Temperature 0\.5, all tokens/);
  assert.not.match(text, /seeds the first/, 'it wrote with all seeds');
  assert.match(text, /rate of this study.s engine, native, over that: both programs were loaded at once and timed in turn in the same blocks/);
  assert.match(page, /id="peer_ratios\.value\.decode_ratio_to_peer\.artificial-1m\.other\.Q4_0\.fp4"[^>]*>1\.71 ± 0\.09/);
  for (const path of ['speed.html', 'quality.html']) assert.match(markup(site, path), /href="peers\/other\.html"/, path);
  const none = await buildSite({ rows: { ...rows, peers: [], peer_metrics: [], peer_sweep_metrics: [], peer_texts: [], peer_ratios: [] }, records, stages: PAGES });
  assert.not.ok([...none.files.keys()].some((path) => path.startsWith('peers/')));
  for (const path of ['speed.html', 'quality.html']) assert.not.match(markup(none, path), /href="peers\//, path);
});

test.run();
