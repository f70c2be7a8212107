/**
 * What changed between what two formats' numbers are made of, from the records: which cells they share, and where a pair of cells differs, in what
 * parameters, inputs and code. It knows nothing of the study but that a cell names its model and its format.
 */
import type { CellProvenance } from '../../stages/dag/index.ts';
import { html, link, list, lit } from '../html.ts';
import type { Content, Html } from '../html.ts';
import { cellPath, derived } from '../num.ts';
import { table } from '../table.ts';

/** Two cells of one stage, alike but for the format. */
interface Twins { readonly stage: string; readonly one: CellProvenance; readonly two: CellProvenance; readonly more: number }

const MOST_SHARED = 6;

export function changes(records: readonly CellProvenance[], model: string, one: string, two: string): Html {
  // Timings have other outputs each time they are taken: they are no difference between formats. A comparison is of two formats already.
  const exact = records.filter((r) => r.determinism !== 'measured' && r.record?.status === 'done' && parts(r.cell)[0] === model && !('other' in r.params));
  const of = (format: string): CellProvenance[] => exact.filter((r) => parts(r.cell).includes(format));
  const others = new Map(of(two).map((r) => [r.cell, r]));
  const twins = new Map<string, Twins>(), all: (readonly [CellProvenance, CellProvenance])[] = [];
  for (const first of of(one)) {
    const second = others.get(swapped(first.cell, one, two));
    if (!second) continue;
    all.push([first, second]);
    const known = twins.get(first.stage);
    twins.set(first.stage, known ? { ...known, more: known.more + 1 } : { stage: first.stage, one: first, two: second, more: 0 });
  }
  if (twins.size === 0) return html``;
  const rows = [...twins.values()].filter(({ one: a, two: b }) => differing(a, b).length > 0);
  const shared = commonInputs(all);
  const id = `${one}.${two}`;
  return html`<details><summary>What changed between their inputs</summary>
<p>${shared.length > 0 ? html`Both rest on the same results: ${list([...shared.slice(0, MOST_SHARED).map((cell) => link(cellPath(cell), cell)), ...(shared.length > MOST_SHARED ? [html`${derived(`shared.${id}`, shared.length - MOST_SHARED, html`more cells that both sides read.`, { as: 'count' })} more`] : [])])}. ` : ''}Stage by stage, where a cell of one and its counterpart of the other differ:</p>
${table({ rows, columns: [
    { head: 'stage', cell: (t) => html`${t.stage}${t.more > 0 ? html` <span class="quiet">and ${derived(`alike.${id}.${t.stage}`, t.more, html`more cells of ${t.stage} of ${one} that have a counterpart in ${two}.`, { as: 'count' })} alike</span>` : ''}` },
    { head: one, cell: (t) => link(cellPath(t.one.cell), t.one.cell) }, { head: two, cell: (t) => link(cellPath(t.two.cell), t.two.cell) },
    { head: 'what differs', wide: true, cell: (t) => html`${differing(t.one, t.two).map((line, i) => html`${i > 0 ? html`<br>` : ''}${line}`)}` },
  ] })}</details>`;
}

const parts = (cell: string): string[] => cell.slice(cell.indexOf(':') + 1).split('/');
/** The id of the same point with the other format. */
const swapped = (cell: string, one: string, two: string): string => `${cell.slice(0, cell.indexOf(':') + 1)}${parts(cell).map((part) => (part === one ? two : part)).join('/')}`;

/** Cells that both sides read, in their order. */
function commonInputs(pairs: readonly (readonly [CellProvenance, CellProvenance])[]): string[] {
  const read = (own: readonly CellProvenance[]): Set<string> => new Set(own.flatMap(({ inputs }) => Object.values(inputs).flat().flatMap(({ cell }) => cell ?? [])));
  const [first, second] = [read(pairs.map(([one]) => one)), read(pairs.map(([, two]) => two))];
  return [...first].filter((cell) => second.has(cell)).sort();
}

const short = (hash: string | undefined): Html => html`<span class="hash">${lit((hash ?? 'nothing').slice(0, 12), 'hash')}</span>`;
const value = (of: unknown): Html => lit(of === undefined ? 'nothing' : typeof of === 'string' ? of : JSON.stringify(of), 'parameter', 80);

function differing(one: CellProvenance, two: CellProvenance): Content[] {
  const names = (a: object, b: object): string[] => [...new Set([...Object.keys(a), ...Object.keys(b)])].sort();
  const params = names(one.params, two.params).filter((name) => JSON.stringify(one.params[name]) !== JSON.stringify(two.params[name]))
    .map((name) => html`parameter ${name}: ${value(one.params[name])} → ${value(two.params[name])}`);
  const hashes = ({ inputs }: CellProvenance, name: string): string => (inputs[name] ?? []).map(({ sha256, file }) => sha256 ?? file ?? '').join(' ');
  const inputs = names(one.inputs, two.inputs).filter((name) => hashes(one, name) !== hashes(two, name))
    .map((name) => html`input ${name}: ${short(hashes(one, name) || undefined)} → ${short(hashes(two, name) || undefined)}`);
  const files = (a: CellProvenance, b: CellProvenance): string[] => Object.keys(a.code).filter((file) => b.code[file] !== a.code[file]).sort();
  const [gone, come] = [files(one, two), files(two, one)];
  const code = gone.length + come.length === 0 ? [] : [html`code: ${filesIn(gone)} → ${filesIn(come)}`];
  const outputs = names(one.record?.outputs ?? {}, two.record?.outputs ?? {}).filter((name) => one.record?.outputs[name]?.sha256 !== two.record?.outputs[name]?.sha256)
    .map((name) => html`output ${name}: ${short(one.record?.outputs[name]?.sha256)} → ${short(two.record?.outputs[name]?.sha256)}`);
  return [...params, ...inputs, ...code, ...outputs];
}

const filesIn = (files: readonly string[]): Html => (files.length === 0 ? html`nothing more` : html`${list(files.map((file) => html`<code>${file}</code>`))}`);
