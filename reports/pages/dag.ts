/** This run: its stages as a graph, how many cells each has, what they cost, on which machines. */
import type { CellProvenance } from '../../stages/dag/index.ts';
import { escapeText, html, link, lit, trusted } from '../html.ts';
import type { Html } from '../html.ts';
import { cellPath, derived } from '../num.ts';
import type { Page } from '../page.ts';
import { table } from '../table.ts';
import { utcMinute } from '../time.ts';

interface StageNode { readonly stage: string; readonly determinism: string; readonly cells: readonly CellProvenance[]; readonly done: number; readonly durationMs: number; readonly depth: number; readonly from: ReadonlySet<string> }

export const dag: Page = {
  name: 'dag',
  path: () => 'dag.html',
  tables: [],
  records: true,
  async write({ records, failed }) {
    const stages = stageNodes(records);
    if (stages.length === 0) return { title: 'This run', body: html`<p class="lead">There are no records of this run.</p>` };
    const machines = [...new Set(records.flatMap((r) => (r.record ? [r.record.machine] : [])))].sort();
    const total = stages.reduce((sum, s) => sum + s.durationMs, 0);
    const dates = records.flatMap((r) => (r.record ? [r.record.finishedAt] : [])).sort();
    return {
      title: 'This run',
      heading: html`How this report was computed`,
      body: html`<p class="lead">${derived('cells', records.length, html`cells of all stages; the report's own pages are not counted.`, { as: 'count' })} cells in ${derived('stages', stages.length, html`stages listed below.`, { as: 'count' })} stages took ${seconds('total', total, html`the sum of the time of all cells, each its share of the task that computed it.`)} of work${failed.length > 0 ? html`; ${derived('failed', failed.length, html`cells listed under ${link('failures.html', 'failed and missing')}.`, { as: 'count' })} have ${link('failures.html', 'no result')}` : ''}.</p>
<p class="run-facts">Computed on ${machines.map((m, i) => html`${i > 0 ? ', ' : ''}<code>${lit(m, 'name')}</code>`)}${dates.length > 0 ? html`, the oldest result at ${lit(utcMinute(dates[0]!), 'name')}, the newest at ${lit(utcMinute(dates.at(-1)!), 'name')}` : ''}. A result whose inputs and code did not change is kept, so dates differ.</p>
<figure id="graph"><figcaption><span class="title">Data flows from left to right</span><span class="subtitle">One box for each stage, with its cells. An arrow: some cell of the right stage reads an output of the left one.</span></figcaption>
<div class="box" tabindex="0" role="region" aria-label="Graph of stages">${trusted(drawing(stages))}</div>
${stageTable(stages)}</figure>
<h2>Cells</h2>
${stages.map((s) => html`<details><summary>${s.stage}</summary><ul class="links">${s.cells.map((c) => html`<li>${link(cellPath(c.cell), c.cell)}${c.record?.status === 'done' ? '' : html` <span class="missing">${c.failure?.code ?? 'no result'}</span>`}</li>`)}</ul></details>
`)}`,
    };
  },
};

function stageNodes(records: readonly CellProvenance[]): StageNode[] {
  const stageOf = new Map(records.map((r) => [r.cell, r.stage]));
  const cells = new Map<string, CellProvenance[]>(), from = new Map<string, Set<string>>();
  for (const record of records) {
    const own = cells.get(record.stage);
    if (own) own.push(record); else cells.set(record.stage, [record]);
    const reads = from.get(record.stage) ?? new Set<string>();
    for (const input of Object.values(record.inputs).flat()) {
      const stage = input.cell === undefined ? undefined : stageOf.get(input.cell);
      if (stage !== undefined && stage !== record.stage) reads.add(stage);
    }
    from.set(record.stage, reads);
  }
  const depths = new Map<string, number>();
  const depth = (stage: string, path: readonly string[] = []): number => {
    const known = depths.get(stage);
    if (known !== undefined) return known;
    const above = [...from.get(stage)!].filter((s) => !path.includes(s)).map((s) => depth(s, [...path, stage]) + 1);
    const own = Math.max(0, ...above);
    depths.set(stage, own);
    return own;
  };
  return [...cells].map(([stage, own]) => ({
    stage, determinism: own[0]!.determinism, cells: own, done: own.filter((c) => c.record?.status === 'done').length,
    durationMs: own.reduce((sum, c) => sum + (c.record?.durationMs ?? 0), 0), depth: depth(stage), from: from.get(stage)!,
  })).sort((a, b) => a.depth - b.depth || a.stage.localeCompare(b.stage, 'en'));
}

const seconds = (id: string, ms: number, how: Html): Html => (ms < 120_000 ? derived(`time.${id}`, ms / 1000, how, { decimals: 1, unit: 's' }) : derived(`time.${id}`, ms / 60_000, how, { decimals: 1, unit: 'min' }));

function stageTable(stages: readonly StageNode[]): Html {
  return table({ rows: stages, sortable: true, columns: [
    { head: 'stage', cell: (s) => s.stage }, { head: 'class', cell: (s) => s.determinism },
    { head: 'cells', end: true, cell: (s) => derived(`cells.${s.stage}`, s.cells.length, html`cells of ${s.stage}, counted from the records.`, { as: 'count' }) },
    { head: 'with a result', end: true, cell: (s) => derived(`done.${s.stage}`, s.done, html`cells of ${s.stage} with a result.`, { as: 'count' }) },
    { head: 'time', end: true, cell: (s) => seconds(s.stage, s.durationMs, html`the sum over the cells of ${s.stage}.`) },
  ] });
}

const BOX = { width: 118, height: 40, gapX: 36, gapY: 16 } as const;

/** Stages in columns by depth; straight arrows. */
function drawing(stages: readonly StageNode[]): string {
  const columns = new Map<number, StageNode[]>();
  for (const s of stages) columns.set(s.depth, [...(columns.get(s.depth) ?? []), s]);
  const tallest = Math.max(...[...columns.values()].map((c) => c.length));
  const height = tallest * (BOX.height + BOX.gapY), width = columns.size * (BOX.width + BOX.gapX) - BOX.gapX;
  const place = new Map<string, { x: number; y: number }>();
  for (const [depth, own] of columns) {
    const top = (height - own.length * (BOX.height + BOX.gapY) + BOX.gapY) / 2;
    own.forEach((s, i) => place.set(s.stage, { x: depth * (BOX.width + BOX.gapX), y: top + i * (BOX.height + BOX.gapY) }));
  }
  let out = '';
  for (const s of stages) {
    const to = place.get(s.stage)!;
    for (const source of s.from) {
      const at = place.get(source)!;
      const x1 = at.x + BOX.width, y1 = at.y + BOX.height / 2, x2 = to.x - 5, y2 = to.y + BOX.height / 2, bend = Math.max(18, (x2 - x1) / 2);
      out += `<path d="M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}" fill="none" stroke="var(--quiet)" stroke-width="1" stroke-opacity="0.6"/><path d="M${x2} ${y2 - 3}l5 3l-5 3z" fill="var(--quiet)"/>`;
    }
  }
  for (const s of stages) {
    const { x, y } = place.get(s.stage)!;
    const whole = s.done === s.cells.length;
    out += `<rect x="${x + 0.5}" y="${y + 0.5}" width="${BOX.width - 1}" height="${BOX.height - 1}" rx="3" fill="var(--faint)" stroke="${whole ? 'var(--line)' : 'var(--bad)'}"${s.determinism === 'measured' ? ' stroke-dasharray="4 3"' : ''}/>`
      + `<text x="${x + 10}" y="${y + 17}" fill="currentColor" font-weight="600">${escapeText(s.stage)}</text>`
      + `<text x="${x + 10}" y="${y + 31}" fill="var(--quiet)">${s.cells.length.toLocaleString('en-US')} ${s.cells.length === 1 ? 'cell' : 'cells'}${whole ? '' : `, ${(s.cells.length - s.done).toLocaleString('en-US')} missing`}</text>`;
  }
  const label = stages.map((s) => (s.from.size > 0 ? `${s.stage} reads ${[...s.from].join(', ')}` : s.stage)).join('; ');
  return `<svg role="img" aria-label="${escapeText(label)}" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" class="natural">${out}</svg>`;
}
