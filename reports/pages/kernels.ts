/** Kernels against the memory: what engines and peers reach, at each level of the caches, beside what reading alone reaches. */
import { dotPanel, figure } from '../charts.ts';
import type { Mark, Panel } from '../charts.ts';
import { html, link, list, lit } from '../html.ts';
import type { Content, Html } from '../html.ts';
import { inOrder } from '../in-order.ts';
import { derived, num } from '../num.ts';
import type { Row } from '../num.ts';
import type { Page } from '../page.ts';
import { table } from '../table.ts';
import type { TableColumn } from '../table.ts';
import { inOrderOfFormats } from './common.ts';
import { roofline } from './roofline.ts';

const TABLE = 'kernel_rates';
/** A row's rate and the share of reading that it is. */
const RATE = `${TABLE}.value`, SHARE = `${TABLE}.read_share`;
const LEVELS = ['L2', 'L3', 'memory'] as const;
type Level = (typeof LEVELS)[number];
const WHERE: { readonly [level in Level]: string } = { L2: 'in L2', L3: 'in L3', memory: 'in memory, beyond the caches' };

interface Rate extends Row {
  readonly suite: string; readonly who: string; readonly version: string; readonly peer: boolean; readonly decoded: boolean; readonly format: string; readonly bits_per_weight: number | null; readonly activations: string | null; readonly family: string;
  readonly shape: string; readonly phase: string; readonly batch: number; readonly threads: number; readonly value: number; readonly low: number; readonly high: number; readonly unit: string;
  readonly rounds: number; readonly bytes: number; readonly level: Level; readonly level_bytes: number | null; readonly read_share: number | null;
  readonly quick: boolean; readonly cpu: string; readonly cell: string;
}

export const kernels: Page = {
  name: 'kernels',
  path: () => 'kernels.html',
  tables: ['formats', TABLE],
  async write(input) {
    const rates = inOrder(await inOrderOfFormats(input, await input.rows<Rate>(TABLE), (k) => k.shape, (k) => k.phase, (k) => k.batch, (k) => k.threads), (k) => Number(k.peer), (k) => k.who);
    return { title: 'Kernels against the memory', body: rates.length === 0 ? notMeasured() : html`${lead(rates)}
${await againstReading(rates)}
${await roofline(rates, (level) => WHERE[level as Level] ?? level)}
${suite(rates, 'products', 'Single products', html`Rows of activations times one weight, in G multiply-adds/s. With one row every weight is read once, and the share says how near that comes to reading alone.`)}
${suite(rates, 'models', 'Whole models', html`In tokens/s. A prompt is read at once; sequences are decoded a token at a time, alone or several together.`)}
${suite(rates, 'attention', 'Attention', html`One layer over a full window, in G multiply-adds/s.`)}
${reading(rates)}
${conditions(rates)}` };
  },
};

function notMeasured(): Html {
  return html`<p class="lead">Not measured here: <code>npm run bench -- --json data/bench.json</code> times the kernels on this machine in some minutes, and the next <code>npm start</code> shows the result on this page.</p>`;
}

/** The same engine in nf4 and in fp16, one row or one sequence at a time. */
interface Pair { readonly base: Rate; readonly few: Rate; readonly ratio: number }

/** A smaller difference is none that a reader would care for. */
const GAIN = 1.1;

function pairs(rates: readonly Rate[], suiteName: string): Pair[] {
  const few = new Map(rates.filter((r) => r.format === 'nf4').map((r) => [spot(r), r]));
  return rates.filter((r) => r.format === 'fp16' && r.suite === suiteName && r.batch === 1).flatMap((base) => {
    const other = few.get(spot(base));
    return other === undefined ? [] : [{ base, few: other, ratio: other.value / base.value }];
  });
}

const spot = (r: Rate): string => [r.suite, r.who, r.shape, r.phase, r.batch, r.threads].join('|');

/** Of engines that use packed weights the fastest, with the most threads; of the others only where there is nothing else. */
function subject(all: readonly Pair[]): Pair[] {
  const packed = all.filter(({ base }) => !base.decoded);
  const candidates = packed.length > 0 ? packed : all;
  const best = candidates.reduce<Pair | undefined>((a, b) => (a === undefined || b.base.threads > a.base.threads || (b.base.threads === a.base.threads && b.few.value > a.few.value) ? b : a), undefined);
  return candidates.filter(({ base }) => base.who === best?.base.who && base.threads === best.base.threads);
}

function lead(rates: readonly Rate[]): Html {
  const models = subject(pairs(rates, 'models')), products = subject(pairs(rates, 'products'));
  const who = [...new Set([...models, ...products].map(({ base }) => base.who))];
  if (who.length === 0) return html`<p class="lead">No engine was timed in both nf4 and fp16, so nothing is said about what fewer bits gain.</p>`;
  const silent = [...models, ...products].every(({ base }) => base.decoded);
  const sentences = [
    ...byLevel(models).map((pair) => html`The model ${pair.base.shape}, whose fp16 weights lie ${WHERE[pair.base.level]}, decodes in nf4 at ${times(pair)} the rate of fp16${silent ? '' : verdict(pair)}. `),
    ...byLevel(products).map((pair) => html`One row times ${lit(pair.base.shape, 'name')} (${WHERE[pair.base.level]}) multiplies in nf4 at ${times(pair)} the rate of fp16${silent ? '' : verdict(pair)}. `),
  ];
  if (silent) return html`<p class="lead">The fastest engine timed here, ${list(who)}, decodes weights to fp32 before it multiplies: fewer bits gain it nothing, and its ratios say nothing about the formats.</p>
<p>${sentences}</p>`;
  return html`<p class="lead">${sentences[0]}</p>
<p>${sentences.slice(1)}Engine: ${list([...models.slice(0, 1), ...products.slice(0, 1)].map(({ base }) => html`${base.who} with ${lit(base.threads, 'parameter')} ${base.threads === 1 ? 'thread' : 'threads'} (${base.suite})`))}.</p>`;
}

/** From the caches outward. */
const byLevel = (own: readonly Pair[]): Pair[] => [...own].sort((a, b) => LEVELS.indexOf(a.base.level) - LEVELS.indexOf(b.base.level) || a.base.bytes - b.base.bytes);

const times = (pair: Pair): Html => derived(`gain.${pair.base.suite}.${pair.base.who}.${pair.base.shape.replace(/\W+/g, '-')}`, pair.ratio,
  html`${num(pair.few, RATE, { bare: true })} (nf4) divided by ${num(pair.base, RATE, { bare: true })} (fp16), ${pair.base.unit}, engine ${pair.base.who}.`, { decimals: 2, unit: '×' });

/** Only where the middle halves of the two rates lie apart is there a difference to speak of. */
function verdict({ base, few, ratio }: Pair): Content {
  if (ratio >= GAIN && few.low > base.high) return ': fewer bits are fewer bytes to read';
  if (ratio <= 1 / GAIN && few.high < base.low) return ': fewer bits cost time there';
  return ': no gain from fewer bits';
}

/** One panel a level: products of one row, as shares of what reading alone reaches, with the most threads that were timed. */
async function againstReading(rates: readonly Rate[]): Promise<Html> {
  const own = rates.filter((r) => r.suite === 'products' && r.batch === 1 && r.read_share !== null);
  const threads = Math.max(...own.map((r) => r.threads));
  // What has no threads is shown with its one.
  const shown = own.filter((r) => r.threads === Math.max(...own.filter((o) => o.who === r.who).map((o) => o.threads)));
  const high = Math.max(100, ...shown.map((r) => 100 * r.read_share!));
  const panels: Panel[] = [];
  for (const shape of [...new Set(shown.map((r) => r.shape))].sort((a, b) => shown.find((r) => r.shape === a)!.bytes - shown.find((r) => r.shape === b)!.bytes)) {
    const here = shown.filter((r) => r.shape === shape);
    const levels = LEVELS.filter((level) => here.some((r) => r.level === level));
    const marks = here.map((r): Mark => ({ format: `${short(r.who)} ${r.format}`, family: r.family, x: 0, y: 100 * r.read_share!, low: null, high: null }));
    panels.push({ ...await dotPanel(`${shape}, ${levels.map((level) => WHERE[level]).join(' or ')}`, marks, { label: '% of reading alone', domain: [0, high * 1.03], rules: [100] }), title: html`${lit(shape, 'name')}, ${list(levels.map((level) => WHERE[level]), ' or ')}` });
  }
  const best = shown.filter((r) => !r.peer).reduce<Rate | undefined>((a, b) => (a === undefined || b.read_share! > a.read_share! ? b : a), undefined);
  return figure({
    id: 'reading', panels,
    title: best === undefined ? 'Products of one row, beside reading alone' : html`${best.who} comes nearest to the memory with ${best.format}: ${num({ ...best, unit: 'share' }, SHARE, { as: 'percent', decimals: 0 })} of what reading alone reaches`,
    subtitle: html`Products of one row: bytes of weights used a second, as a share of what ${threads > 1 ? 'as many threads' : 'one thread'} read of a buffer of that size in the same rounds. The line is reading alone.`,
    data: table({
      rows: shown, sortable: true, columns: [
        { head: 'engine or peer', cell: (r) => r.who }, { head: 'format', cell: (r) => r.format }, { head: 'weight', cell: (r) => lit(r.shape, 'name') }, { head: 'lies', cell: (r) => WHERE[r.level] },
        { head: 'threads', cell: (r) => lit(r.threads, 'parameter') }, { head: 'working set', number: (r) => r, what: `${TABLE}.bytes`, options: { as: 'bytes' } }, { head: 'share', number: (r) => r, what: SHARE, options: { as: 'percent', decimals: 0 } },
      ],
    }),
  });
}

/** A package's name without what all such names share. */
const short = (who: string): string => who.replace(/^node-|-node$/g, '');

/** A table for each shape: a line for each format of each engine, a column for each batch and number of threads. */
function suite(rates: readonly Rate[], name: string, title: string, note: Html): Html {
  const own = rates.filter((r) => r.suite === name);
  if (own.length === 0) return html``;
  const shapes = [...new Set(own.map((r) => r.shape))].sort((a, b) => largest(own, a) - largest(own, b) || (a < b ? -1 : 1));
  return html`<h2 id="${name}">${title}</h2>
<p>${note}</p>
${shapes.map((shape) => shapeTable(own.filter((r) => r.shape === shape), shape))}`;
}

const largest = (rates: readonly Rate[], shape: string): number => Math.max(...rates.filter((r) => r.shape === shape).map((r) => r.bytes));

function shapeTable(rates: readonly Rate[], shape: string): Html {
  const line = (r: Rate): string => `${r.who} ${r.format}`;
  const lines = [...new Map(rates.map((r) => [line(r), r])).values()];
  const order = (r: Rate): number => (r.phase === 'decode' ? 0 : 1e7) + 100 * r.batch + r.threads;
  const kinds = [...new Map(rates.map((r) => [order(r), r])).entries()].sort(([a], [b]) => a - b);
  const columns = kinds.flatMap(([kind, { phase, batch, threads }]): TableColumn<Rate>[] => {
    const at = (r: Rate): Rate | undefined => rates.find((other) => line(other) === line(r) && order(other) === kind);
    const named = html`${COUNTED[phase]?.(batch) ?? ''}, ${lit(threads, 'parameter')} ${threads === 1 ? 'thread' : 'threads'}`;
    const shares = rates.some((r) => order(r) === kind && r.read_share !== null);
    return [
      { head: named, number: at, what: RATE, best: 'high', options: { bare: true } },
      ...(shares ? [{ head: 'of reading', number: (r: Rate) => (at(r)?.read_share == null ? undefined : at(r)), what: SHARE, options: { as: 'percent', decimals: 0 } } satisfies TableColumn<Rate>] : []),
    ];
  });
  return table<Rate>({
    caption: html`${lit(shape, 'name')}`, rows: lines, group: (r) => r.who,
    columns: [
      { head: 'format', cell: (r) => r.format }, ...(lines.some((r) => r.bits_per_weight !== null) ? [
        { head: 'bits a weight', number: (r: Rate) => (r.bits_per_weight === null ? undefined : r), what: `${TABLE}.bits_per_weight`, options: { bare: true } } satisfies TableColumn<Rate>,
        { head: 'activations', cell: (r: Rate) => (r.activations === null ? '' : lit(r.activations, 'name')) },
      ] : []), ...columns, { head: 'weights', number: (r) => r, what: `${TABLE}.bytes`, options: { as: 'bytes' } }],
  });
}

/** What a batch is, by phase. */
const COUNTED: { readonly [phase: string]: (batch: number) => Html } = {
  product: (batch) => html`${lit(batch, 'parameter')} ${batch === 1 ? 'row' : 'rows'}`,
  attention: (batch) => html`${lit(batch, 'parameter')} positions`,
  prefill: (batch) => html`prompt of ${lit(batch, 'parameter')}`,
  decode: (batch) => (batch === 1 ? html`decode one` : html`decode ${lit(batch, 'parameter')}`),
};

function reading(rates: readonly Rate[]): Html {
  const own = rates.filter((r) => r.suite === 'read');
  if (own.length === 0) return html``;
  // One working set was read beside several contests: the first stands for them.
  const rows = [...new Map(own.map((r) => [`${r.bytes} ${r.threads}`, r])).values()].sort((a, b) => a.bytes - b.bytes || a.threads - b.threads);
  return html`<h2 id="read">Reading alone</h2>
<p>What each working set could be read at, and no arithmetic done.</p>
<details><summary>Read rates by size</summary>${table({
    rows, columns: [
      { head: 'lies', cell: (r) => WHERE[r.level] }, { head: 'buffer', number: (r) => r, what: `${TABLE}.bytes`, options: { as: 'bytes', decimals: 1 } },
      { head: 'threads', cell: (r) => lit(r.threads, 'parameter') }, { head: 'GB/s', number: (r) => r, what: RATE, options: { bare: true } },
    ],
  })}</details>`;
}

function conditions(rates: readonly Rate[]): Html {
  const first = rates[0]!;
  const caches = (['L2', 'L3'] as const).flatMap((level) => { const row = rates.find((r) => r.level === level && r.level_bytes !== null); return row ? [html`${level} of ${num(row, `${TABLE}.level_bytes`, { as: 'bytes' })}`] : []; });
  const peers = [...new Map(rates.filter((r) => r.peer).map((r) => [r.who, r])).values()];
  return html`<h2 id="conditions">How it was measured</h2>
<p>On ${lit(first.cpu, 'name')} with ${num(first, `${TABLE}.cores`)} processors${caches.length > 0 ? html` and caches as it reports them: ${list(caches)}` : ''}. Elapsed time; medians over rounds in which all that are compared took turns in random order, so that whatever else the machine did fell on all alike. ${first.quick ? 'This was a quick run, of few rounds. ' : ''}A weight counts as lying in the smallest level that holds it; what a virtual machine shares with others may be less than it reports.</p>
<p>${peers.length > 0 ? html`Peers, each with its published build: ${list(peers.map((r) => html`${r.who} ${lit(r.version, 'name')}`))}. Their results were held to ours before they were timed.` : html`No peers were installed; <code>npm ci --ignore-scripts --prefix test/bench/peers</code> installs them.`} The study's own timings, of its models and its formats, are on ${link('speed.html', 'speed and memory')}.</p>`;
}
