/** Speed and memory, engine by engine: distributions, the machine's own noise beside them, and no verdict where none is due. */
import { figure, sharedDomain, stripPanel } from '../charts.ts';
import type { Panel } from '../charts.ts';
import { html, link, list, lit } from '../html.ts';
import type { Content, Html } from '../html.ts';
import { inOrder } from '../in-order.ts';
import { num } from '../num.ts';
import type { Row } from '../num.ts';
import type { FailedCell, Page, PageInput } from '../page.ts';
import { failureAnchor } from '../page.ts';
import { table } from '../table.ts';
import { claimedFigures } from './claimed-figures.ts';
import { find, formatName, formats, gaps, inOrderOfModels, metrics, modelName, models, nothing, overall, plural } from './common.ts';
import type { FormatRow, MetricRow, ModelRow } from './common.ts';
import { named } from './peer-words.ts';
import { latency } from './speed-latency.ts';
import { memory } from './speed-memory.ts';
import { noise } from './speed-noise.ts';

/** Engines that are there to give the same bits where nothing faster can run: their speed says little of the formats. */
const NO_VERDICT = new Set(['reference', 'wasm']);

/** A smaller ratio to the base is none that a reader would care for. */
const GAIN = 1.1;
/** Where a working set lies, in words. */
const WHERE: { readonly [level: string]: string } = { L2: 'in L2', L3: 'in L3', memory: 'in memory, beyond the caches' };

const TIMED = ['decode_tokens_per_second', 'prefill_tokens_per_second', 'decode_ratio_to_base', 'prefill_ratio_to_base', 'decode_aa_ratio', 'prefill_aa_ratio', 'decode_gpu_tokens_per_second', 'prefill_gpu_tokens_per_second', 'time_to_first_token', 'decode_latency_p50', 'decode_latency_p95', 'decode_latency_p99'];
const RUNS = 'speed_runs';
/** Begins what a build says of an adapter that is none. */
const PLAYED = 'a processor that plays a GPU: ';
/** Those of other programs that are about speed and memory. */
const CLAIMED_HERE = ['decode_tokens_per_second', 'prefill_tokens_per_second', 'time_to_first_token', 'decode_latency_p50', 'decode_latency_p95', 'held_bytes', 'peak_memory_bytes', 'weight_bytes', 'bits_per_weight_linear', 'bits_per_weight_model'];

interface Timing extends Row { readonly model: string; readonly format: string; readonly engine: string; readonly machine: string; readonly phase: string; readonly pair: string; readonly block: number; readonly tokens: number; readonly duration_ms: number }
/** In tokens per second, with the median of all of its kind. */
interface Sample extends Timing { readonly family: string; readonly value: number; readonly median: number }
interface Run extends Row {
  readonly model: string; readonly engine: string; readonly machine: string; readonly own: boolean; readonly threads: number; readonly prompt_tokens: number; readonly level: string | null; readonly build: string;
  readonly steal_share: number | null; readonly mhz: number | null;
}

/** What one engine's part of the page is drawn from. */
interface Timed { readonly engine: string; readonly samples: readonly Sample[]; readonly rows: readonly MetricRow[]; readonly runs: readonly Run[] }
/** What all parts share. */
interface Shared { readonly peers: ReadonlySet<string>; readonly all: readonly ModelRow[]; readonly listed: readonly FormatRow[]; readonly gap: Awaited<ReturnType<typeof gaps>> }

export const speed: Page = {
  name: 'speed',
  path: () => 'speed.html',
  tables: ['models', 'formats', 'metrics', 'speed_samples', RUNS, 'machines', 'artifacts', 'claimed', 'peers'],
  async write(input) {
    const shared: Shared = { peers: new Set((await input.rows<{ peer: string }>('peers')).map(({ peer }) => peer)), all: await models(input), listed: await formats(input), gap: await gaps(input) };
    const samples = samplesOf((await input.rows<Timing>('speed_samples')).filter((s) => s.pair === 'A'), shared.listed);
    const runs = await inOrderOfModels(input, await input.rows<Run>(RUNS), (r) => -Number(r.own), (r) => r.engine, (r) => r.machine);
    const rows = await metrics(input, [...TIMED, 'held_bytes', 'weight_bytes', 'bits_per_weight_linear', 'bits_per_weight_model'], overall);
    // The study's own engine first, and the others by name.
    const own = new Set(runs.filter((r) => r.own).map((r) => r.engine));
    const named = [...new Set([...samples, ...runs, ...rows].flatMap((r) => (typeof r.engine === 'string' ? [r.engine] : [])))];
    const engines = named.sort((a, b) => Number(own.has(b)) - Number(own.has(a)) || (a < b ? -1 : 1));
    const timed = engines.map((engine): Timed => ({ engine, samples: samples.filter((s) => s.engine === engine), rows: rows.filter((r) => r.engine === engine), runs: runs.filter((r) => r.engine === engine) }));
    return {
      title: 'Speed and memory',
      body: html`${lead(shared, rows, timed)}
${notRun(input.failed)}
${timed.length === 0 ? nothing('speed') : await Promise.all(timed.map((one) => section(one, shared)))}
<h2 id="memory">Memory</h2>
${await memory(input, shared.all, shared.listed, shared.gap, rows, engines)}
${await claimedFigures(input, CLAIMED_HERE)}
${await machinesOf(input, runs)}`,
    };
  },
};

function samplesOf(timings: readonly Timing[], listed: readonly FormatRow[]): Sample[] {
  const known = new Map(listed.map((f) => [f.format, f]));
  const rate = (s: Timing): number => (1000 * s.tokens) / s.duration_ms;
  const kind = (s: Timing): string => [s.model, s.format, s.phase, s.machine, s.engine].join('|');
  const rates = new Map<string, number[]>();
  for (const s of timings) rates.set(kind(s), [...(rates.get(kind(s)) ?? []), rate(s)]);
  const samples = timings.map((s): Sample => ({ ...s, family: known.get(s.format)?.family ?? 'other', value: rate(s), median: median(rates.get(kind(s))!) }));
  return inOrder(samples, (s) => s.model, (s) => s.machine, (s) => s.phase, (s) => known.get(s.format)?.position, (s) => s.block);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b), half = values.length / 2;
  return (sorted[Math.ceil(half) - 1]! + sorted[Math.floor(half)]!) / 2;
}

function lead({ all, peers }: Shared, rows: readonly MetricRow[], timed: readonly Timed[]): Html {
  const model = all.at(-1);
  const base = find(rows, { quantity: 'weight_bytes', model: model?.model ?? '', format: model?.base_format ?? '' });
  const small = rows.filter((r) => r.quantity === 'weight_bytes' && r.model === model?.model).sort((a, b) => a.value - b.value)[0];
  const size = base && small && small.format !== base.format ? html`The weights of ${modelName(model!.model)} take ${num(small)} in ${small.format} and ${num(base)} in ${base.format}. ` : html``;
  const engines = timed.map(({ engine }) => engine).filter((engine) => !peers.has(engine));
  const beside = [...peers].filter((peer) => timed.some(({ engine }) => engine === peer)).sort();
  const which = engines.length === 0 ? html`` : html`Timed on ${engines.length === 1 ? html`the engine ${engines[0]!}` : html`the engines ${list(engines)}`}${beside.length === 0 ? '' : html`, and beside them ${beside.length === 1 ? 'the peer' : 'the peers'} ${list(beside)}`}. `;
  const silent = engines.filter((engine) => NO_VERDICT.has(engine));
  const caution = silent.length > 0
    ? html`${list(silent)} ${silent.length === 1 ? 'is' : 'are'} there to give the same bits where nothing faster can run: ${silent.length === 1 ? 'its' : 'their'} timings describe this run and give no verdict on the formats’ speed.`
    : html``;
  return html`<p class="lead">${size}${which}${caution}</p>`;
}

/** Timings that could not be taken, once for each engine and reason. A cell that times names its engine in its parameters. */
function notRun(failed: readonly FailedCell[]): Html {
  const cells = failed.filter(({ params }) => typeof params['engine'] === 'string');
  const same = (a: FailedCell, b: FailedCell): boolean => a.params['engine'] === b.params['engine'] && a.failure.sentence === b.failure.sentence;
  const reasons = cells.filter((cell, index) => cells.findIndex((other) => same(cell, other)) === index);
  return html`${reasons.map(({ cell, params, failure }) => html`<p class="note">${lit(String(params['engine']), 'name')}: not run: ${link(`failures.html#${failureAnchor(cell)}`, failure.sentence)}.</p>
`)}`;
}

async function section(timed: Timed, shared: Shared): Promise<Html> {
  const { engine, runs } = timed;
  const first = runs[0];
  const how = first ? html`<p>At most ${num(first, `${RUNS}.threads`)} ${plural(first.threads, 'thread')}, one sequence, a prompt of ${num(first, `${RUNS}.prompt_tokens`)} tokens.</p>` : '';
  return html`<h2 id="engine-${engine}">Engine ${engine}</h2>
${how}${adapters(runs)}${shared.peers.has(engine) ? html`<p>A peer: another program, timed as the engines are. What it computes in, and how far it agrees: ${link(`peers/${engine}.html`, engine)}.</p>` : ''}${gains(timed, shared)}
${await distributions(timed, shared, 'decode')}${await distributions(timed, shared, 'prefill')}
${ratesTable(timed, shared)}
${await latency(engine, timed.rows, shared.all)}
${await noise(engine, timed.rows, shared.all)}`;
}

/** Of engines on a GPU: which adapter and driver computed, as their builds name them (kernels/engines/webgpu.ts). */
function adapters(runs: readonly Run[]): Html {
  const words = [...new Set(runs.flatMap(({ build }) => /^webgpu-\S+ \((.*)\)$/.exec(build)?.[1] ?? []))];
  return html`${words.map((word) => {
    const played = word.startsWith(PLAYED);
    const adapter = lit(played ? word.slice(PLAYED.length) : word, 'name');
    return played
      ? html`<p><b>A processor played the GPU</b>: computed by ${adapter}. What was timed says how fast this program is on a processor, and nothing of any GPU.</p>`
      : html`<p>Adapter and driver: ${adapter}.</p>`;
  })}`;
}

/** What fewer bits gain in decoding, by where the base's weights lie. Nothing of engines that give no verdict. */
function gains({ engine, rows, runs }: Timed, { all }: Shared): Html {
  if (NO_VERDICT.has(engine)) return html``;
  const sentences = all.flatMap(({ model, base_format: base }) => {
    const ratio = find(rows, { quantity: 'decode_ratio_to_base', model, format: 'nf4' });
    const run = runs.find((r) => r.model === model);
    if (ratio === undefined || run === undefined) return [];
    if (run.level === null) return [html`Of ${modelName(model)} nf4 decodes at ${num(ratio)} times the rate of ${base}: ${finding(ratio)}. `];
    return [html`The weights of ${modelName(model)} in ${base} lie ${WHERE[run.level] ?? 'where the system does not tell'}; nf4 decodes at ${num(ratio)} times the rate: ${finding(ratio)}. `];
  });
  return sentences.length === 0 ? html`` : html`<p>${sentences}</p>`;
}

function finding({ low, high }: MetricRow): string {
  if (low === null || high === null) return 'too few blocks to say more';
  if (low >= GAIN) return 'fewer bits are fewer bytes to read';
  if (high < 1 / GAIN) return 'fewer bits cost time there';
  return high < GAIN ? 'no gain from fewer bits' : 'the blocks vary too much to say whether fewer bits gain';
}

/** The fastest format of the largest model against its base, where the interval allows to name one. */
function pace({ engine, rows }: Timed, { all }: Shared, phase: 'decode' | 'prefill'): Content {
  const doing = phase === 'decode' ? 'decodes' : 'reads a prompt';
  const own = rows.filter((r) => r.quantity === `${phase}_ratio_to_base` && r.model === all.at(-1)?.model).sort((a, b) => b.value - a.value);
  const fastest = own[0];
  if (!fastest || fastest.low === null) return phase === 'decode' ? `Decoding on ${engine}, one token after another` : `Prefill on ${engine}, a prompt at once`;
  return fastest.low > 1 ? html`On ${fastest.model} ${fastest.format} ${doing} fastest on ${engine}, at ${num(fastest)} times its base's rate` : html`On ${fastest.model} no format ${doing} measurably faster on ${engine} than its base`;
}

async function distributions(timed: Timed, shared: Shared, phase: 'decode' | 'prefill'): Promise<Html> {
  const own = timed.samples.filter((s) => s.phase === phase);
  const panels: Panel[] = [];
  for (const model of shared.all) {
    for (const machine of [...new Set(own.map((s) => s.machine))]) {
      const here = own.filter((s) => s.model === model.model && s.machine === machine);
      if (here.length === 0) continue;
      const [, high] = sharedDomain(here.map((s) => ({ format: s.format, family: s.family, x: 0, y: s.value, low: null, high: null })), { zero: true });
      panels.push(await stripPanel(`${model.model}, ${machine}`, here, { label: 'tokens per second', domain: [0, high] }));
    }
  }
  return figure({
    id: `${phase}-${timed.engine}`, panels,
    title: pace(timed, shared, phase),
    subtitle: html`${phase === 'decode' ? 'Decoding, one token after another' : 'Prefill, a prompt at once'}: tokens per second, one stroke for each timing, the median thicker. Blocks in random order; nothing was dropped. Scales differ between models.`,
    data: table({
      columns: [{ head: 'model', cell: (s) => modelName(s.model) }, { head: 'format', cell: named }, { head: 'machine', cell: (s) => s.machine }, { head: 'block', cell: (s) => lit(Number(s['block']), 'ordinal') },
        { head: 'tokens', number: (s) => s, what: 'speed_samples.tokens' }, { head: 'ms', number: (s) => s, what: 'speed_samples.duration_ms', options: { decimals: 1 } }],
      rows: own, sortable: true,
    }),
  });
}

interface Line extends FormatRow { readonly model: string }
/** A line for each model and format that was timed. */
const lines = ({ rows }: Timed, { all, listed }: Shared): Line[] =>
  all.flatMap(({ model }) => listed.map((f): Line => ({ ...f, model }))).filter((line) => rows.some((r) => r.model === line.model && r.format === line.format && TIMED.includes(r.quantity)));
const at = (rows: readonly MetricRow[], quantity: string, engine?: string) => (line: { model: string; format: string }): MetricRow | undefined =>
  find(rows, { quantity, model: line.model, format: line.format, ...(engine === undefined ? {} : { engine }) });

function ratesTable(timed: Timed, shared: Shared): Html {
  const shown = lines(timed, shared);
  const { rows } = timed, { gap } = shared;
  const clocked = rows.some((r) => r.quantity === 'decode_gpu_tokens_per_second');
  const byGpu = (phase: 'decode' | 'prefill') => (clocked ? [{ head: 'by the GPU’s clock', number: at(rows, `${phase}_gpu_tokens_per_second`), gap }] : []);
  return shown.length === 0 ? html`` : table({
    caption: html`Rates on ${timed.engine}: medians over blocks, with intervals; ratios are medians of paired ratios to the base within a block.${clocked ? ' By the GPU’s clock only the time counts that it worked on steps, not what the host took to tell it and to read from it.' : ''}`,
    rows: shown, group: (line) => line.model,
    columns: [
      { head: 'format', cell: formatName },
      { head: 'decode, tokens/s', number: at(rows, 'decode_tokens_per_second'), gap },
      ...byGpu('decode'),
      { head: 'ratio to base', number: at(rows, 'decode_ratio_to_base'), gap },
      { head: 'prefill, tokens/s', number: at(rows, 'prefill_tokens_per_second'), gap },
      ...byGpu('prefill'),
      { head: 'ratio to base', number: at(rows, 'prefill_ratio_to_base'), gap },
    ],
  });
}

async function machinesOf(input: PageInput, runs: readonly Run[]): Promise<Html> {
  const rows = inOrder(await input.rows<Row & { machine: string; cpu: string; os: string; node: string }>('machines'), (m) => m.machine);
  if (rows.length === 0) return html``;
  const untold = (): Html => html`<span class="missing">the system does not tell</span>`;
  return html`<h2 id="machines">Machines</h2>
${table({ rows, columns: [
    { head: 'label', cell: (m) => m.machine }, { head: 'processor', cell: (m) => lit(m.cpu, 'name') },
    { head: 'cores', number: (m) => m, what: 'machines.cores' }, { head: 'memory', number: (m) => m, what: 'machines.memory_bytes', options: { as: 'bytes' } },
    { head: 'system', cell: (m) => lit(m.os, 'name') }, { head: 'Node', cell: (m) => lit(m.node, 'name') },
  ] })}
${runs.length === 0 ? '' : html`<details><summary>What else the machine did while it timed</summary>${table({
    caption: html`Steal is the share of all processors' time that the host gave to others; the load is the largest of the last minute's averages; the clock is as the system states it.`,
    rows: runs, columns: [
      { head: 'model', cell: (r) => modelName(r.model) }, { head: 'engine', cell: (r) => r.engine }, { head: 'machine', cell: (r) => r.machine },
      { head: 'base weights', number: (r) => r, what: `${RUNS}.base_bytes`, options: { as: 'bytes' } }, { head: 'lie', cell: (r) => (r.level === null ? 'on a GPU' : WHERE[r.level] ?? '') },
      { head: 'blocks', number: (r) => r, what: `${RUNS}.blocks` }, { head: 'fewest tokens', number: (r) => r, what: `${RUNS}.least_tokens` },
      { head: 'CPU per wall time', number: (r) => r, what: `${RUNS}.cpu_per_wall`, options: { decimals: 2 } }, { head: 'load', number: (r) => r, what: `${RUNS}.load_average`, options: { decimals: 1 } },
      { head: 'steal', number: (r) => (r.steal_share === null ? undefined : r), what: `${RUNS}.steal_share`, options: { as: 'percent', decimals: 1 }, gap: untold },
      { head: 'MHz', number: (r) => (r.mhz === null ? undefined : r), what: `${RUNS}.mhz`, options: { decimals: 0 }, gap: untold },
    ],
  })}</details>`}
<p class="note">A measured number belongs to its machine. How speed was measured: ${link('method.html#speed', 'method')}. What the kernels reach beside the memory: ${link('kernels.html', 'kernels against the memory')}.</p>`;
}
