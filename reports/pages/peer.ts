/** A peer: another program that computed the same models. Its figures beside ours, how far the two agree, and what it really computes in. */
import { html, link, lit } from '../html.ts';
import type { Html } from '../html.ts';
import { term } from '../glossary.ts';
import { derived, num } from '../num.ts';
import type { Row } from '../num.ts';
import { failureAnchor } from '../page.ts';
import type { FailedCell, Page } from '../page.ts';
import { table } from '../table.ts';
import type { TableColumn } from '../table.ts';
import { gaps, inOrderOfModels, metrics, modelName, overall } from './common.ts';
import type { MetricRow } from './common.ts';
import { peerGeneration } from './peer-generation.ts';
import { peerSpeed } from './peer-speed.ts';
import { hasOwnKernels, named, peerLines, publishedAgainst } from './peer-words.ts';
import type { Line } from './peer-words.ts';

/** Two right programs in fp32 part by some 1e-6 nats a token: sums in another order. Twice as much again, and it is a finding. */
const EXPECTED_KL = 1e-5;
/** The format in which two programs are to agree: nothing is rounded but sums. */
const WHOLE = 'fp32';
const LONGEST = 400;

interface Found extends Row {
  readonly model: string; readonly peer: string; readonly format: string; readonly family: string; readonly machine: string; readonly packages: string; readonly device: string; readonly settings: string;
  readonly weights: string; readonly activations: string; readonly head: string; readonly note: string | null; readonly codes_compared: number; readonly codes_equal: number; readonly linear_weights: number; readonly linear_bytes: number; readonly cell: string;
}
interface Theirs extends Row { readonly quantity: string; readonly peer: string; readonly model: string; readonly text: string | null; readonly format: string; readonly family: string; readonly types?: string | null; readonly value: number; readonly cell: string }

export const peer: Page = {
  name: 'peer',
  path: ({ peer: name }) => `peers/${String(name)}.html`,
  per: 'peer',
  tables: ['models', 'formats', 'metrics', 'sweep_metrics', 'artifacts', 'generations', 'peers', 'peer_metrics', 'peer_sweep_metrics', 'peer_texts', 'peer_ratios'],
  async write(input) {
    const name = String(input.params['peer']);
    // Its own formats before ours.
    const ownFirst = <T extends Line>(rows: readonly T[]): Promise<T[]> => inOrderOfModels(input, rows, (r) => Number(r.family !== 'other'));
    const found = await ownFirst(await peerLines(input, (await input.rows<Found>('peers')).filter((p) => p.peer === name), (p) => p.machine));
    const theirs = await ownFirst(await peerLines(input, (await input.rows<Theirs>('peer_metrics')).filter((p) => p.peer === name && p.text === null), (p) => p.quantity));
    const ours = await metrics(input, ['kl_mean', 'delta_nll', 'top1_agreement', 'perplexity'], overall);
    return {
      title: `The peer ${name}`,
      heading: html`${name} beside this study`,
      body: html`${lead(name, theirs)}
${notRun(input.failed, name)}
${theirs.length === 0 ? '' : html`<h2 id="agreement">Agreement</h2>
${agreement(name, theirs)}
<h2 id="quality">Quality</h2>
${quality(theirs, ours, await gaps(input))}`}
${await peerGeneration(input, name)}
${await peerSpeed(input, name)}
${found.length === 0 ? '' : html`<h2 id="computes">What it computes in</h2>
${computes(found)}
${versions(found)}`}`,
    };
  },
};

function lead(name: string, theirs: readonly Theirs[]): Html {
  const whole = theirs.filter((r) => r.quantity === 'agreement_kl_mean' && r.format === WHOLE).sort((a, b) => b.value - a.value);
  const worst = whole[0];
  if (worst === undefined) return html`<p class="lead">Nothing is known here of how far ${lit(name, 'name')} agrees with this study in ${WHOLE}.</p>`;
  const within = worst.value <= EXPECTED_KL;
  const what = hasOwnKernels(name)
    ? html`${lit(name, 'name')} is this project's own kernels for GPUs, in no prescribed order of sums. Its figures are facts of a GPU and its driver`
    : html`${lit(name, 'name')} is another program, with its own kernels. Its figures are facts of its versions and this machine`;
  return html`<p class="lead">In ${WHOLE} ${lit(name, 'name')} and this study compute ${within ? 'the same' : html`<b>not the same</b>`}: the ${term('kl', 'KL divergence')} between their next-token distributions is at most ${num(worst, 'peer_metrics.value')} nats a token${whole.length > 1 ? html` (${modelName(worst.model)})` : ''}, ${within ? 'within' : 'above'} the ${lit(EXPECTED_KL.toString(), 'definition')} that sums in another order explain${within ? '' : '. That is a finding: one of the two is wrong, or computes something else than it says'}.</p>
<p>${what}; nothing else of the study rests on them but ${link('claims.html', 'the claims about its stack')}.</p>`;
}

/** Once for each reason. */
function notRun(failed: readonly FailedCell[], name: string): Html {
  const own = failed.filter(({ params, failure }) => params['peer'] === name && failure.code !== 'upstream-failed');
  const reasons = own.filter((cell, index) => own.findIndex(({ failure }) => failure.sentence === cell.failure.sentence) === index);
  return html`${reasons.map(({ cell, failure }) => html`<p class="note">Not run, ${lit(cell, 'name')}${own.length > reasons.length ? ' and others' : ''}: ${link(`failures.html#${failureAnchor(cell)}`, failure.sentence)}.</p>
`)}`;
}

const lines = (rows: readonly Line[]): Line[] => rows.filter((r, index) => rows.findIndex((other) => other.model === r.model && other.format === r.format) === index);

const at = (theirs: readonly Theirs[], quantity: string) => (line: Line): Theirs | undefined => theirs.find((r) => r.quantity === quantity && r.model === line.model && r.format === line.format);
const oursAt = (ours: readonly MetricRow[], quantity: string) => (line: Line): MetricRow | undefined => ours.find((r) => r.quantity === quantity && r.model === line.model && r.format === line.format);

const VALUE = 'peer_metrics.value';

function agreement(name: string, theirs: readonly Theirs[]): Html {
  const shown = lines(theirs.filter((r) => r.quantity === 'agreement_kl_mean'));
  return html`<p>Both read the same texts with the same weights in the same format; the distance is that of theirs from ours.${publishedAgainst(shown)} Where a format's activations are rounded there and not here, or grouped otherwise, that is the distance, and is said ${link(`peers/${name}.html#computes`, 'below')}.</p>
${table({ rows: shown, group: (line) => line.model, columns: [
    { head: 'format', cell: named }, { head: 'KL, nats', number: at(theirs, 'agreement_kl_mean'), what: VALUE }, { head: 'largest KL', number: at(theirs, 'agreement_kl_max'), what: VALUE },
    { head: 'ΔNLL, nats', number: at(theirs, 'agreement_delta_nll'), what: VALUE, options: { signed: true } }, { head: 'same top token', number: at(theirs, 'agreement_top1'), what: VALUE },
    { head: 'positions', number: at(theirs, 'agreement_kl_mean'), what: 'peer_metrics.n' },
  ] })}`;
}

function quality(theirs: readonly Theirs[], ours: readonly MetricRow[], gap: (line: Line) => Html): Html {
  const shown = lines(theirs);
  const pair = (quantity: string, head: string, options = {}): TableColumn<Line>[] => [
    { head: `${head}, here`, number: oursAt(ours, quantity), options, gap }, { head: 'there', number: at(theirs, quantity), what: VALUE, options },
  ];
  return html`<p>Both against the same reference, this study's ${term('base')}, over the same positions. What the base has no distance from, itself, has none here.</p>
${table({ rows: shown, group: (line) => line.model, columns: [{ head: 'format', cell: named }, ...pair('kl_mean', 'KL, nats'), ...pair('delta_nll', 'ΔNLL, nats', { signed: true }), ...pair('top1_agreement', 'same top token'), ...pair('perplexity', 'perplexity')] })}`;
}

function computes(found: readonly Found[]): Html {
  return html`<p>As the loaded models say of themselves. Codes are the packed weights of the linear layers, before the first step: equal ones are the same bits as ours.</p>
${table({ rows: found, group: (r) => r.model, columns: [
    { head: 'format', cell: named }, { head: 'linear layers', cell: (r) => lit(r.weights, 'name', LONGEST), wide: true }, { head: 'activations', cell: (r) => lit(r.activations, 'name', LONGEST), wide: true }, { head: 'head', cell: (r) => lit(r.head, 'name') },
    { head: 'bits a weight', end: true, cell: (r) => derived(`bits.${r.model}.${r.format}`, (8 * r.linear_bytes) / r.linear_weights, html`Eight times ${num(r, 'peers.linear_bytes', { as: 'count' })} bytes, divided by ${num(r, 'peers.linear_weights')} weights of the linear layers.`, { decimals: 2 }) },
    { head: 'codes compared', number: (r) => r, what: 'peers.codes_compared' }, { head: 'equal', number: (r) => r, what: 'peers.codes_equal' },
  ] })}
${[...new Set(found.flatMap(({ format, note }) => (note === null ? [] : [`${format}: ${note}`])))].map((note) => html`<p class="note">${lit(note, 'name', LONGEST)}</p>
`)}`;
}

function versions(found: readonly Found[]): Html {
  const each = found.filter((r, index) => found.findIndex(({ packages, device, settings, machine }) => packages === r.packages && device === r.device && settings === r.settings && machine === r.machine) === index);
  return html`<h2 id="versions">Versions</h2>
${table({ rows: each, columns: [
    { head: 'machine', cell: (r) => r.machine }, { head: 'on', cell: (r) => lit(r.device, 'name') }, { head: 'packages', cell: (r) => lit(r.packages, 'name', LONGEST), wide: true }, { head: 'set', cell: (r) => lit(r.settings, 'name', LONGEST) },
    { head: 'threads', number: (r) => r, what: 'peers.threads' },
  ] })}`;
}
