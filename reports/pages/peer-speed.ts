/** How fast a peer and our engine are beside each other: rates of each, and ratios of what was timed in the same blocks. */
import { html, link, lit } from '../html.ts';
import type { Html } from '../html.ts';
import type { PageInput } from '../page.ts';
import type { Row } from '../num.ts';
import { table } from '../table.ts';
import type { TableColumn } from '../table.ts';
import { formatName, named } from './peer-words.ts';
import type { Line } from './peer-words.ts';

interface Rate extends Row, Line { readonly quantity: string; readonly value: number }
interface Ratio extends Row, Line { readonly quantity: string; readonly ours: string; readonly ours_family: string; readonly engine: string; readonly low: number | null; readonly n: number }
/** A row: a format there, and one of ours beside it where there is one. */
interface Beside extends Line { readonly ours?: string; readonly oursFamily?: string }

const PHASES = ['decode', 'prefill'] as const;

/** Needs the tables metrics, models, formats and peer_ratios. Nothing where the peer was not timed. */
export async function peerSpeed(input: PageInput, name: string): Promise<Html> {
  const order = 'ORDER BY m.parameters, x.model, coalesce(f.position, 1000), x.format';
  const rates = await input.query<Rate>(`SELECT x.*, coalesce(f.family, 'other') AS family, m.source_types AS types FROM metrics x LEFT JOIN formats f USING (format) LEFT JOIN models m USING (model)
    WHERE x.engine = $name AND x.quantity IN ('decode_tokens_per_second', 'prefill_tokens_per_second') ${order}`, { name });
  const ratios = await input.query<Ratio>(`SELECT x.*, coalesce(f.family, 'other') AS family, coalesce(o.family, 'other') AS ours_family FROM peer_ratios x
    LEFT JOIN formats f USING (format) LEFT JOIN formats o ON o.format = x.ours LEFT JOIN models m USING (model) WHERE x.peer = $name ${order}, coalesce(o.position, 1000)`, { name });
  if (rates.length === 0) return html``;
  const rows = rates.filter((r, i) => rates.findIndex((other) => other.model === r.model && other.format === r.format) === i).flatMap(({ model, format, family, types = null }): Beside[] => {
    const own = ratios.filter((r, i) => r.model === model && r.format === format && ratios.findIndex((other) => other.model === model && other.format === format && other.ours === r.ours) === i);
    return own.length === 0 ? [{ model, format, family, types }] : own.map(({ ours, ours_family: oursFamily }) => ({ model, format, family, types, ours, oursFamily }));
  });
  const columns = PHASES.flatMap((phase): TableColumn<Beside>[] => [
    { head: html`${phase}, tokens/s`, number: (row) => rates.find((r) => r.quantity === `${phase}_tokens_per_second` && r.model === row.model && r.format === row.format) },
    { head: html`ours / theirs`, number: (row) => ratios.find((r) => r.quantity === `${phase}_ratio_to_peer` && r.model === row.model && r.format === row.format && r.ours === row.ours), what: 'peer_ratios.value' },
  ]);
  const engines = [...new Set(ratios.map(({ engine }) => engine))];
  const without = ratios.length > 0 && ratios.every(({ low }) => low === null);
  return html`<h2 id="speed">Speed</h2>
<p>Tokens per second of ${lit(name, 'name')}, medians over blocks, by its own clock around its steps. ${engines.length === 0 ? '' : html`“Ours / theirs” is the rate of this study's engine, ${lit(engines.join(', '), 'name')}, over that: both programs were loaded at once and timed in turn in the same blocks, at places of one random order, with nothing else of the study running. The ratio is the median over the blocks of each block's own, ${without ? 'without an interval, for which there were too few blocks' : html`its interval at ${lit('95 %', 'definition')} from order statistics`}; above ${lit('1', 'definition')} ours is faster. `}Distributions, noise and our rates: ${link(`speed.html#engine-${name}`, 'speed')}.</p>
${table({ rows, group: (row) => row.model, columns: [{ head: 'format', cell: named }, { head: 'beside ours', cell: ({ ours, oursFamily }) => ours === undefined ? html`–` : formatName({ format: ours, family: oursFamily! }) }, ...columns] })}`;
}
