/** How fast a peer and our engine are beside each other: rates of each, and ratios of what was timed in the same blocks. */
import { html, link, lit } from '../html.ts';
import type { Html } from '../html.ts';
import type { PageInput } from '../page.ts';
import type { Row } from '../num.ts';
import { table } from '../table.ts';
import type { TableColumn } from '../table.ts';
import { formats, metrics } from './common.ts';
import { formatName, named, peerLines } from './peer-words.ts';
import type { Line } from './peer-words.ts';

interface Ratio extends Row, Line { readonly peer: string; readonly quantity: string; readonly ours: string; readonly engine: string; readonly low: number | null; readonly n: number }
/** A row: a format there, and one of ours beside it where there is one. */
interface Beside extends Line { readonly ours?: string }

const PHASES = ['decode', 'prefill'] as const;

/** Needs the tables metrics, models, formats and peer_ratios. Nothing where the peer was not timed. */
export async function peerSpeed(input: PageInput, name: string): Promise<Html> {
  const rates = await peerLines(input, await metrics(input, PHASES.map((phase) => `${phase}_tokens_per_second`), (m) => m.engine === name));
  if (rates.length === 0) return html``;
  const known = new Map((await formats(input)).map((f) => [f.format, f]));
  const ratios = await peerLines(input, (await input.rows<Ratio>('peer_ratios')).filter((r) => r.peer === name), (r) => known.get(r.ours)?.position);
  const rows = rates.filter((r, i) => rates.findIndex((other) => other.model === r.model && other.format === r.format) === i).flatMap(({ model, format, family, types = null }): Beside[] => {
    const own = ratios.filter((r, i) => r.model === model && r.format === format && ratios.findIndex((other) => other.model === model && other.format === format && other.ours === r.ours) === i);
    return own.length === 0 ? [{ model, format, family, types }] : own.map(({ ours }) => ({ model, format, family, types, ours }));
  });
  const columns = PHASES.flatMap((phase): TableColumn<Beside>[] => [
    { head: html`${phase}, tokens/s`, number: (row) => rates.find((r) => r.quantity === `${phase}_tokens_per_second` && r.model === row.model && r.format === row.format) },
    { head: html`ours / theirs`, number: (row) => ratios.find((r) => r.quantity === `${phase}_ratio_to_peer` && r.model === row.model && r.format === row.format && r.ours === row.ours), what: 'peer_ratios.value' },
  ]);
  const engines = [...new Set(ratios.map(({ engine }) => engine))];
  const without = ratios.length > 0 && ratios.every(({ low }) => low === null);
  return html`<h2 id="speed">Speed</h2>
<p>Tokens per second of ${lit(name, 'name')}, medians over blocks, by its own clock around its steps. ${engines.length === 0 ? '' : html`“Ours / theirs” is the rate of this study's engine, ${lit(engines.join(', '), 'name')}, over that: both programs were loaded at once and timed in turn in the same blocks, at places of one random order, with nothing else of the study running. The ratio is the median over the blocks of each block's own, ${without ? 'without an interval, for which there were too few blocks' : html`its interval at ${lit('95 %', 'definition')} from order statistics`}; above ${lit('1', 'definition')} ours is faster. `}Distributions, noise and our rates: ${link(`speed.html#engine-${name}`, 'speed')}.</p>
${table({ rows, group: (row) => row.model, columns: [{ head: 'format', cell: named }, { head: 'beside ours', cell: ({ ours }) => ours === undefined ? html`–` : formatName({ format: ours, family: known.get(ours)?.family ?? 'other' }) }, ...columns] })}`;
}
