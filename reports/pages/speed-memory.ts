/** Memory: bytes of weights, and what an engine holds, counted. */
import { dotPanel, figure, sharedDomain } from '../charts.ts';
import type { Panel } from '../charts.ts';
import { html } from '../html.ts';
import type { Content, Html } from '../html.ts';
import { term } from '../glossary.ts';
import { derived, num } from '../num.ts';
import type { Row } from '../num.ts';
import { missing } from '../page.ts';
import type { PageInput } from '../page.ts';
import { table } from '../table.ts';
import { find, nothing, formatName } from './common.ts';
import type { FormatRow, MetricRow, ModelRow } from './common.ts';

interface Line extends FormatRow { readonly model: string }
type Gap = (at: { readonly model: string; readonly format: string }) => Html;

export async function memory(input: PageInput, all: readonly ModelRow[], listed: readonly FormatRow[], gap: Gap, rows: readonly MetricRow[], engines: readonly string[]): Promise<Html> {
  const artifacts = await input.rows<Row & { model: string; format: string }>('artifacts');
  if (artifacts.length === 0) return nothing('stored bytes');
  const at = (quantity: string, engine?: string) => (line: Line): MetricRow | undefined => find(rows, { quantity, model: line.model, format: line.format, ...(engine === undefined ? {} : { engine }) });
  const artifact = (line: Line): Row | undefined => artifacts.find((a) => a.model === line.model && a.format === line.format);
  const lines = all.flatMap((m) => listed.map((f): Line => ({ ...f, model: m.model })));
  return html`<p>Bytes are counted, not sampled. Only linear layers are quantized; embeddings and norms stay in the base type, so small models shrink less than their ${term('bits-per-weight')} suggest. What an engine holds besides the weights (decoded copies, caches, workspace) is its own. The resident memory of whole processes was not measured.</p>
${figure({
    id: 'bytes', panels: await panels(all, rows), title: titleOf(all, rows),
    subtitle: html`Bytes of all weights, in MB, scales and unquantized parts counted. Scales differ between models; all begin at zero.`,
    data: table({
      rows: lines, group: (line) => line.model,
      columns: [
        { head: 'format', cell: formatName },
        { head: 'linear layers', number: artifact, what: 'artifacts.linear_bytes', options: { as: 'bytes' }, gap: (l) => missing(input.failed, { model: l.model, format: l.format }) },
        { head: 'everything else', number: artifact, what: 'artifacts.other_bytes', options: { as: 'bytes' } },
        { head: 'bits per weight, linear', number: at('bits_per_weight_linear'), options: { decimals: 3 } },
        { head: 'whole model', number: at('bits_per_weight_model'), options: { decimals: 2 } },
        ...engines.map((engine) => ({ head: `held by ${engine}`, number: at('held_bytes', engine), options: { as: 'bytes' as const }, gap })),
      ],
    }),
  })}`;
}

async function panels(all: readonly ModelRow[], rows: readonly MetricRow[]): Promise<Panel[]> {
  const out: Panel[] = [];
  for (const { model } of all) {
    const marks = rows.filter((r) => r.quantity === 'weight_bytes' && r.model === model).map((r) => ({ format: r.format, family: r.family, x: 0, y: r.value / 1e6, low: null, high: null }));
    if (marks.length > 0) out.push(await dotPanel(model, marks, { label: 'weights (MB)', domain: [0, sharedDomain(marks)[1]], zero: 0 }));
  }
  return out;
}

/** The smallest against the base, on the largest model. */
function titleOf(all: readonly ModelRow[], rows: readonly MetricRow[]): Content {
  const model = all.at(-1);
  const base = model && find(rows, { quantity: 'weight_bytes', model: model.model, format: model.base_format });
  const least = rows.filter((r) => r.quantity === 'weight_bytes' && r.model === model?.model).sort((a, b) => a.value - b.value)[0];
  if (!base || !least || least.format === base.format) return 'Bytes of the weights';
  const share = derived(`bytes.${least.format}`, least.value / base.value, html`${num(least)} in ${least.format} over ${num(base)} in ${base.format}.`, { as: 'percent', decimals: 0 });
  return html`In ${least.format} the weights of ${least.model} take ${share} of their bytes in ${base.format}`;
}
