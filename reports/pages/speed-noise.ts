/** The machine's own noise: what a format timed twice in each block differs from itself by. */
import { dotPanel, figure, sharedDomain } from '../charts.ts';
import type { Mark } from '../charts.ts';
import { html, lit } from '../html.ts';
import type { Content, Html } from '../html.ts';
import { term } from '../glossary.ts';
import { derived, num } from '../num.ts';
import { table } from '../table.ts';
import { modelName } from './common.ts';
import type { MetricRow, ModelRow } from './common.ts';

/** How far from 1 the interval of an A/A ratio may reach. */
const NOISE = 0.025;
const phaseOf = (r: MetricRow): string => (r.quantity.startsWith('decode') ? 'decode' : 'prefill');

export async function noise(engine: string, rows: readonly MetricRow[], all: readonly ModelRow[]): Promise<Html> {
  const pairs = all.flatMap((m) => rows.filter((r) => r.model === m.model && r.quantity.endsWith('aa_ratio')));
  if (pairs.length === 0) return html``;
  const marks = (own: readonly MetricRow[]): Mark[] => own.map((r) => ({ format: r.model, family: 'base', x: 0, y: r.value, low: r.low, high: r.high }));
  const rules = [1 - NOISE, 1, 1 + NOISE];
  const domain = sharedDomain([...marks(pairs), ...rules.map((y) => ({ format: '', family: '', x: 0, y, low: null, high: null }))]);
  const phases = ['decode', 'prefill'].filter((phase) => pairs.some((r) => phaseOf(r) === phase));
  return figure({
    id: `noise-${engine}`, title: titleOf(engine, pairs),
    subtitle: html`${term('a-a-pair')}: rate of the second timing of one format over that of the first, median over blocks${pairs.some((r) => r.low !== null) ? html` with its interval at ${lit('95 %', 'definition')}` : ''}. An interval that leaves the outer lines, ±${lit('2.5 %', 'definition')}, means that a comparison there is too noisy for a verdict; longer timings (speed.seconds in data/study.yaml) narrow it.`,
    panels: await Promise.all(phases.map((phase) => dotPanel(phase, marks(pairs.filter((r) => phaseOf(r) === phase)), { label: 'ratio of a format to itself', domain, rules }))),
    data: table({ rows: pairs, columns: [{ head: 'model', cell: (r) => modelName(r.model) }, { head: 'format', cell: (r) => r.format }, { head: 'phase', cell: phaseOf }, { head: 'ratio to itself', number: (r) => r }] }),
  });
}

function titleOf(engine: string, pairs: readonly MetricRow[]): Content {
  const bounded = pairs.filter((r) => r.low !== null && r.high !== null);
  const noisy = bounded.filter((r) => r.low! < 1 - NOISE || r.high! > 1 + NOISE);
  const total = derived(`pairs.${engine}`, pairs.length, html`A/A ratios on ${engine}.`, { as: 'count' });
  if (bounded.length === 0) return html`The machine's own noise on ${engine}: too few blocks to bound it`;
  if (noisy.length > 0) return html`${derived(`noisy.${engine}`, noisy.length, html`intervals of A/A ratios on ${engine} that leave the limits.`, { as: 'count' })} of ${total} comparisons on ${engine} are too noisy for a verdict: so far a format differs from itself`;
  const widest = [...bounded].sort((a, b) => b.high! - b.low! - (a.high! - a.low!))[0]!;
  return html`A format timed twice on ${engine} differs from itself by a factor of ${num(widest)} at most: quiet enough for verdicts`;
}
