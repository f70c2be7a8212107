/** What the study cost: time and bytes, stage by stage, on which machines. About this run, as the page of its stages is. */
import type { CellProvenance } from '../../stages/dag/index.ts';
import { dotPanel, figure, sharedDomain } from '../charts.ts';
import { html, link, list, lit } from '../html.ts';
import type { Content, Html } from '../html.ts';
import { cellPath, derived } from '../num.ts';
import type { Row } from '../num.ts';
import type { Page } from '../page.ts';
import { table } from '../table.ts';

interface Cost { readonly name: string; readonly cells: number; readonly ms: number; readonly bytes: number }
interface Machine extends Row { readonly machine: string; readonly cpu: string; readonly os: string; readonly node: string }

/** Told of by themselves. The time of single cells is not: what one task computes together shares its time by when each was finished. */
const LARGEST = 10;

export const cost: Page = {
  name: 'cost',
  path: () => 'cost.html',
  tables: ['machines'],
  records: true,
  async write(input) {
    const done = input.records.filter((r) => r.record?.status === 'done');
    const machines = await input.rows<Machine>('machines');
    if (done.length === 0) return { title: 'Machines and cost', body: html`<p class="lead">There are no records of this run.</p>` };
    const total = costOf('all', done);
    const stages = grouped(done, (r) => r.stage).sort((a, b) => b.ms - a.ms || (a.name < b.name ? -1 : 1));
    const classes = grouped(done, (r) => r.determinism);
    const by = grouped(done, (r) => r.record!.machine);
    const largest = done.map((r) => costOf(r.cell, [r])).sort((a, b) => b.bytes - a.bytes || (a.name < b.name ? -1 : 1)).slice(0, LARGEST);
    return {
      title: 'Machines and cost', heading: html`What the study cost, and where it was computed`,
      body: html`<p class="lead">${count('all', total.cells)} results took ${time('all', total.ms)} of work and ${bytes('all', total.bytes)}, on ${by.length === 1 ? 'one machine' : html`${derived('machines', by.length, html`machines that the records name.`, { as: 'count' })} machines`}.</p>
<p>Time is elapsed time of tasks, shared among the cells that they computed; two tasks at once count twice. Bytes are those of all outputs, each counted for every cell that has it, before the store keeps equal ones once. The report's own pages are not counted. What each stage does: ${link('dag.html', 'this run')}.</p>
${await pictures(stages, total)}
<h2 id="classes">By class</h2>
${costs('class', classes, total)}
<p class="note">Exact results are the same on every machine, measured ones belong to theirs, fetched ones came from outside and were held to their hash.</p>
<h2 id="largest">The largest results</h2>
${table({ rows: largest, columns: [{ head: 'cell', cell: (c) => link(cellPath(c.name), c.name) }, { head: 'bytes', end: true, cell: (c) => bytes(`cell.${c.name}`, c.bytes) }] })}
${memoryTable(done)}${placeTable(done)}<h2 id="machines">Machines</h2>
${machineTable(by, machines)}
<p class="note">Energy and processor time were not measured. Another machine computes the exact results alike, and in another time.</p>`,
    };
  },
};

const costOf = (name: string, cells: readonly CellProvenance[]): Cost => ({
  name, cells: cells.length, ms: cells.reduce((sum, r) => sum + r.record!.durationMs, 0),
  bytes: cells.reduce((sum, r) => sum + Object.values(r.record!.outputs).reduce((own, output) => own + output.bytes, 0), 0),
});

function grouped(cells: readonly CellProvenance[], by: (cell: CellProvenance) => string): Cost[] {
  const groups = new Map<string, CellProvenance[]>();
  for (const cell of cells) groups.set(by(cell), [...(groups.get(by(cell)) ?? []), cell]);
  return [...groups].map(([name, own]) => costOf(name, own));
}

/** As an anchor: a label is 64 characters at most, unless somebody else's records say otherwise. */
const idOf = (name: string): string => name.slice(0, 100).replace(/[^\w.-]+/g, '-');
// Ids of what differs from run to run begin alike, so that a reader of two reports can tell them from results.
const time = (id: string, ms: number): Html => derived(`time.${idOf(id)}`, ms < 120_000 ? ms / 1000 : ms / 60_000, html`the sum over the cells' records.`, { decimals: ms < 1000 ? 2 : 1, unit: ms < 120_000 ? 's' : 'min' });
const bytes = (id: string, n: number): Html => derived(`time.bytes.${idOf(id)}`, n, html`the sum over the outputs in the cells' records.`, { as: 'bytes' });
const count = (id: string, n: number): Html => derived(`cells.${idOf(id)}`, n, html`cells with a result, counted from the records.`, { as: 'count' });
const share = (id: string, part: number, whole: number): Content => (whole > 0 ? derived(`time.share.${idOf(id)}`, part / whole, html`its time over that of all cells.`, { as: 'percent', decimals: 1 }) : '');

const costs = (what: string, rows: readonly Cost[], total: Cost): Html => table({ rows, sortable: true, columns: [
  { head: what, cell: (c) => lit(c.name, 'name') }, { head: 'cells', end: true, cell: (c) => count(`${what}.${c.name}`, c.cells) },
  { head: 'time', end: true, cell: (c) => time(`${what}.${c.name}`, c.ms) }, { head: 'share', end: true, cell: (c) => share(`${what}.${c.name}`, c.ms, total.ms) },
  { head: 'bytes', end: true, cell: (c) => bytes(`${what}.${c.name}`, c.bytes) },
] });

async function pictures(stages: readonly Cost[], total: Cost): Promise<Html> {
  const marks = (of: (c: Cost) => number) => stages.map((c) => ({ format: c.name, family: 'other', x: 0, y: of(c), low: null, high: null }));
  const [seconds, megabytes] = [marks((c) => c.ms / 1000), marks((c) => c.bytes / 1e6)];
  const first = stages[0]!;
  return figure({
    id: 'stages', title: html`${first.name} takes most: ${share(`stage.${first.name}`, first.ms, total.ms)} of the time`,
    subtitle: html`Time and bytes by stage.`,
    panels: [
      await dotPanel('time', seconds, { label: 'time (s)', domain: [0, sharedDomain(seconds)[1]] }),
      await dotPanel('outputs', megabytes, { label: 'outputs (MB)', domain: [0, sharedDomain(megabytes)[1]] }),
    ],
    data: costs('stage', stages, total),
  });
}

interface Held { readonly stage: string; readonly peak: CellProvenance; readonly closest: CellProvenance }

/** What tasks held in memory, beside what their cells had said they would. Of each stage the largest, and the one that came nearest to what was expected or went furthest beyond. */
function memoryTable(done: readonly CellProvenance[]): Html {
  const told = done.filter(({ record }) => record?.memory?.expectedBytes !== undefined);
  if (told.length === 0) return html``;
  const part = (r: CellProvenance): number => r.record!.memory!.peakBytes / r.record!.memory!.expectedBytes!;
  const most = (own: readonly CellProvenance[], of: (r: CellProvenance) => number): CellProvenance => own.reduce((a, b) => (of(b) > of(a) ? b : a));
  const rows = [...new Set(told.map(({ stage }) => stage))].map((stage): Held => {
    const own = told.filter((r) => r.stage === stage);
    return { stage, peak: most(own, (r) => r.record!.memory!.peakBytes), closest: most(own, part) };
  }).sort((a, b) => b.peak.record!.memory!.peakBytes - a.peak.record!.memory!.peakBytes || (a.stage < b.stage ? -1 : 1));
  const exceeded = rows.filter(({ closest }) => part(closest) > 1);
  const held = (id: string, n: number, what: string): Html => derived(`time.memory.${idOf(id)}`, n, html`${what}`, { as: 'bytes' });
  return html`<h2 id="memory">Memory</h2>
<p>${exceeded.length === 0 ? 'No stage held more than was expected of it.' : html`More than was expected: ${list(exceeded.map(({ stage }) => lit(stage, 'name')))}.`} What is expected follows from the model’s shape, the formats, the engine and what is fed at once, and is what <code>bitwidth plan</code> tells. Measured is the process that a task ran in, from the task’s start: what earlier tasks left there counts too. Several cells of one task share it.</p>
${table({ rows, columns: [
    { head: 'stage', cell: (r) => lit(r.stage, 'name') },
    { head: 'most held', end: true, cell: (r) => held(`peak.${r.stage}`, r.peak.record!.memory!.peakBytes, 'the largest among the cells’ records.') },
    { head: 'expected there', end: true, cell: (r) => held(`expected.${r.stage}`, r.peak.record!.memory!.expectedBytes!, 'what that cell’s record says was expected.') },
    { head: 'held of what was expected, at most', end: true, cell: (r) => derived(`time.memory.part.${idOf(r.stage)}`, part(r.closest), html`the largest ratio among the cells’ records.`, { as: 'percent', decimals: 0 }) },
    { head: 'in', cell: (r) => link(cellPath(r.closest.cell), r.closest.cell) },
  ] })}
`;
}

/** Of a study that ran on a cluster: where, for how long, and how long its jobs had waited. */
function placeTable(done: readonly CellProvenance[]): Html {
  const away = done.filter(({ record }) => record?.place !== undefined);
  if (away.length === 0) return html``;
  const names = [...new Set(away.map(({ record }) => record!.place!.name))].sort();
  const rows = names.map((name) => ({ ...costOf(name, away.filter(({ record }) => record!.place!.name === name)), waits: away.filter(({ record }) => record!.place!.name === name).map(({ record }) => record!.place!.queuedMs).sort((a, b) => a - b) }));
  const here = done.length - away.length;
  return html`<h2 id="places">Places</h2>
<p>Jobs of a cluster computed ${count('away', away.length)} of these results, and the machine of the run ${here === 0 ? 'none' : count('here', here)}. A job waits in the queue once for all the cells that it computes; the waits are those of cells.</p>
${table({ rows, columns: [
    { head: 'place', cell: (c) => lit(c.name, 'name') }, { head: 'cells', end: true, cell: (c) => count(`place.${c.name}`, c.cells) }, { head: 'run time', end: true, cell: (c) => time(`place.${c.name}`, c.ms) },
    { head: 'in the queue, median', end: true, cell: (c) => time(`queue.median.${c.name}`, c.waits[Math.floor((c.waits.length - 1) / 2)]!) }, { head: 'longest', end: true, cell: (c) => time(`queue.longest.${c.name}`, c.waits.at(-1)!) },
  ] })}
<p class="note">A place is a kind of node, where the study asks for one, else a partition. Each cell’s own page says where it ran.</p>
`;
}

/** What computed something, and what the tables say of it: only machines that timed something are described there. */
function machineTable(by: readonly Cost[], machines: readonly Machine[]): Html {
  const described = (c: Cost): Machine | undefined => machines.find((m) => m.machine === c.name);
  return table({ rows: by, columns: [
    { head: 'label', cell: (c) => lit(c.name, 'name') }, { head: 'cells', end: true, cell: (c) => count(`machine.${c.name}`, c.cells) }, { head: 'time', end: true, cell: (c) => time(`machine.${c.name}`, c.ms) },
    { head: 'processor', cell: (c) => { const m = described(c); return m ? lit(m.cpu, 'name') : html`<span class="missing">it timed nothing</span>`; } },
    { head: 'cores', number: described, what: 'machines.cores' }, { head: 'memory', number: described, what: 'machines.memory_bytes', options: { as: 'bytes' } },
    { head: 'system', cell: (c) => { const m = described(c); return m ? html`${list([lit(m.os, 'name'), html`Node ${lit(m.node, 'name')}`], ', ')}` : ''; } },
  ] });
}

