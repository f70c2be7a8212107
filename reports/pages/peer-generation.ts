/** What a peer wrote: how far its greedy texts go with ours, and the figures of those that it drew beside those of ours. */
import { html, link, list, lit } from '../html.ts';
import type { Html } from '../html.ts';
import { term } from '../glossary.ts';
import type { Row } from '../num.ts';
import type { PageInput } from '../page.ts';
import { table } from '../table.ts';
import type { TableColumn } from '../table.ts';
import { metrics, overall } from './common.ts';
import type { MetricRow } from './common.ts';
import { hasOwnKernels, named, peerLines, publishedAgainst } from './peer-words.ts';
import type { Line } from './peer-words.ts';
import { SAMPLED } from './sampled.ts';

interface Figure extends Row, Line { readonly peer: string; readonly quantity: string; readonly temperature: number; readonly top_k: number; readonly max_new_tokens: number; readonly value: number; readonly low: number | null; readonly n: number }

interface Written extends Row { readonly temperature: number; readonly seed: number }

/** Names of what greedy texts are held against ours by. */
const AGAINST_OURS = { same: 'same_as_ours', until: 'tokens_until_difference_from_ours' } as const;
const VALUE = 'peer_sweep_metrics.value';

/** Needs the tables models, formats, sweep_metrics, peer_sweep_metrics and peer_texts. Nothing where the peer wrote nothing. */
export async function peerGeneration(input: PageInput, name: string): Promise<Html> {
  const all = (await input.rows<Figure>('peer_sweep_metrics')).filter((p) => p.peer === name);
  if (all.length === 0) return html``;
  const limit = Math.max(...all.map((p) => p.max_new_tokens));
  const theirs = await peerLines(input, all.filter((p) => p.max_new_tokens === limit), (p) => p.temperature, (p) => p.top_k);
  const ours = (await metrics(input, [SAMPLED.length, 'judge_nll', SAMPLED.distinct, SAMPLED.repeated, SAMPLED.untilDifference], overall, 'sweep_metrics')).filter((r) => r.max_new_tokens === limit);
  const seedsOf = (texts: readonly Written[]): number => new Set(texts.filter((t) => t.temperature > 0).map((t) => t.seed)).size;
  const seeds = seedsOf((await input.rows<Written & { peer: string }>('peer_texts')).filter((t) => t.peer === name)), ourSeeds = seedsOf(await input.rows<Written>('generations'));
  const settings = theirs.filter((r, i) => r.temperature > 0 && theirs.findIndex((other) => other.temperature === r.temperature && other.top_k === r.top_k) === i).sort((a, b) => a.temperature - b.temperature || a.top_k - b.top_k);
  const greedy = theirs.filter((r) => r.temperature === 0);
  const fewer = seeds > 0 && seeds < ourSeeds;
  return html`<h2 id="generation">Generation</h2>
<p>${lit(name, 'name')} continued the prompts of this study, token ids as ours begin with, by up to ${lit(limit, 'parameter')} tokens, at the same settings of the sampler${hasOwnKernels(name) ? '' : ', one text at a time'}${fewer ? html`; of the study's ${lit(ourSeeds, 'parameter')} seeds the first ${lit(seeds, 'parameter')}, because it would take long to write more` : ''}. ${intervals(theirs)} Each text: table ${link('data.html#peer_texts', 'peer_texts')}.</p>
${greedyTable(greedy, ours)}
${settings.length === 0 ? '' : html`<h3 id="drawn">Drawn texts</h3>
<p>${drawnHow(name)} There stands beside here, each over all prompts and seeds; the same ${term('judge')} rates both.</p>
${settings.map(({ temperature, top_k: topK }) => html`<h4>Temperature ${lit(temperature, 'parameter')}, ${topK === 0 ? 'all tokens' : html`top_k ${lit(topK, 'parameter')}`}</h4>
${figures(theirs, ours, temperature, topK)}`)}`}`;
}

const drawnHow = (name: string): Html => hasOwnKernels(name)
  ? html`Each text is drawn by ${link('method.html', 'the noise that all formats share')}, as ours is: where both compute the same, both write the same, and what parts them is held against ours token by token.`
  : html`${lit(name, 'name')} draws with its own sampler and its own random numbers, ours come of ${link('method.html', 'noise that all formats share')}: single texts cannot be compared, averages can.`;

const intervals = (rows: readonly Figure[]): Html => rows.some((r) => r.low !== null) ? html`Intervals at ${lit('95 %', 'definition')} are over prompts, which are resampled with all their seeds; there is none where too few prompts differ.` : html`There are too few prompts for intervals.`;

const lines = (rows: readonly Figure[]): Line[] => rows.filter((r, i) => rows.findIndex((other) => other.model === r.model && other.format === r.format) === i);
const at = (rows: readonly Figure[], quantity: string) => (line: Line): Figure | undefined => rows.find((r) => r.quantity === quantity && r.model === line.model && r.format === line.format);
const oursAt = (rows: readonly MetricRow[], quantity: string, temperature: number, topK: number) => (line: Line): MetricRow | undefined =>
  rows.find((r) => r.quantity === quantity && r.temperature === temperature && r.top_k === topK && r.model === line.model && r.format === line.format);

function greedyTable(greedy: readonly Figure[], ours: readonly MetricRow[]): Html {
  if (greedy.length === 0) return html``;
  const nearest = greedy.filter(({ quantity }) => quantity === AGAINST_OURS.until);
  const formats = [...new Set(nearest.map(({ format }) => format))];
  return html`<h3 id="greedy">Greedy texts</h3>
<p>No random number enters a ${term('greedy')} text, so two programs that compute the same write the same. Held against ours in the same format, token by token${formats.length === 0 ? ': none of its formats is one of ours' : html`, for ${list(formats.map((format) => lit(format, 'name')))}`}.${publishedAgainst(nearest)} After the first token that differs two texts go their own ways: what counts is how many tokens stand before it, a ${term('restricted-mean', 'restricted mean')}. Its formats are also held against this study's ${term('base')}, as ours are.</p>
${table({ rows: lines(greedy), group: (line) => line.model, columns: [
    { head: 'format', cell: named }, { head: 'same text as ours', number: at(greedy, AGAINST_OURS.same), what: VALUE }, { head: 'tokens before a difference from ours', number: at(greedy, AGAINST_OURS.until), what: VALUE },
    { head: 'from the base, here', number: oursAt(ours, SAMPLED.untilDifference, 0, 0) }, { head: 'there', number: at(greedy, SAMPLED.untilDifference), what: VALUE }, { head: 'texts', number: at(greedy, SAMPLED.length), what: 'peer_sweep_metrics.n' },
  ] })}`;
}

function figures(theirs: readonly Figure[], ours: readonly MetricRow[], temperature: number, topK: number): Html {
  const own = theirs.filter((r) => r.temperature === temperature && r.top_k === topK);
  const pair = (quantity: string, head: string): TableColumn<Line>[] => [{ head: `${head}, here`, number: oursAt(ours, quantity, temperature, topK) }, { head: 'there', number: at(own, quantity), what: VALUE }];
  // Only of texts that the same noise drew.
  const against: TableColumn<Line>[] = own.some(({ quantity }) => quantity === AGAINST_OURS.same)
    ? [{ head: 'same text as ours', number: at(own, AGAINST_OURS.same), what: VALUE }, { head: 'tokens before a difference', number: at(own, AGAINST_OURS.until), what: VALUE }] : [];
  return table({ rows: lines(own), group: (line) => line.model, columns: [
    { head: 'format', cell: named }, ...against, ...pair('judge_nll', 'judge NLL, nats'), ...pair(SAMPLED.distinct, 'different 2-grams'), ...pair(SAMPLED.repeated, 'repeated 4-grams'), ...pair(SAMPLED.length, 'tokens'),
    { head: 'texts there', number: at(own, SAMPLED.length), what: 'peer_sweep_metrics.n' },
  ] });
}
