/** The roofline: how many multiply-adds a byte of weights is good for, against the rate that is reached, under what reading the memory allows. */
import { figure, rooflinePanel } from '../charts.ts';
import type { Mark, Panel } from '../charts.ts';
import { html, list, lit } from '../html.ts';
import type { Content, Html } from '../html.ts';
import { term } from '../glossary.ts';
import { derived, num } from '../num.ts';
import type { Row } from '../num.ts';
import { table } from '../table.ts';

/** What of a row of kernel_rates a point needs. */
export interface Product extends Row {
  readonly suite: string; readonly who: string; readonly peer: boolean; readonly format: string; readonly family: string; readonly shape: string; readonly batch: number; readonly threads: number;
  readonly value: number; readonly bytes: number; readonly level: string;
}
interface Point { readonly row: Product; readonly read: Product; /** Multiply-adds for each byte of weights. */ readonly intensity: number; /** Share of the roof that the memory sets. */ readonly share: number }

const RATE = 'kernel_rates.value';

/** `where`: a level in words. Products of the fastest of our engines with its most threads; a panel for each shape of weight whose reading was timed. */
export async function roofline(rates: readonly Product[], where: (level: string) => string): Promise<Html> {
  const products = rates.filter((r) => r.suite === 'products' && !r.peer);
  const fastest = products.reduce<Product | undefined>((a, b) => (a === undefined || b.value > a.value ? b : a), undefined);
  const own = products.filter((r) => r.who === fastest?.who);
  const threads = Math.max(...own.map((r) => r.threads));
  const points = own.filter((r) => r.threads === threads).flatMap((row): Point[] => {
    const weights = /^(\d+) x (\d+)$/.exec(row.shape);
    // Read beside it: a buffer of its size by as many threads.
    const read = rates.filter((r) => r.suite === 'read' && r.threads === threads).sort((a, b) => Math.abs(Math.log(a.bytes / row.bytes)) - Math.abs(Math.log(b.bytes / row.bytes)) || a.bytes - b.bytes)[0];
    if (!weights || !read) return [];
    const intensity = (row.batch * Number(weights[1]) * Number(weights[2])) / row.bytes;
    return [{ row, read, intensity, share: row.value / (read.value * intensity) }];
  });
  if (points.length === 0) return html``;
  const panels: Panel[] = [];
  for (const shape of [...new Set(points.map((p) => p.row.shape))].sort((a, b) => largest(points, a) - largest(points, b))) {
    const here = points.filter((p) => p.row.shape === shape);
    const marks = here.map((p): Mark => ({ format: `${p.row.format}${p.row.batch === 1 ? '' : ` × ${p.row.batch}`}`, family: p.row.family, x: p.intensity, y: p.row.value, low: null, high: null }));
    const levels = [...new Set(here.map((p) => p.row.level))].map(where);
    panels.push({ ...await rooflinePanel(`${shape}, ${levels.join(' or ')}`, marks, Math.max(...here.map((p) => p.read.value))), title: html`${lit(shape, 'name')}, ${list(levels, ' or ')}` });
  }
  return figure({
    id: 'roofline', panels, title: titleOf(points),
    subtitle: html`${term('roofline', 'Roofline')} of ${fastest!.who} with ${lit(threads, 'parameter')} ${threads === 1 ? 'thread' : 'threads'}, both axes logarithmic: G multiply-adds/s against the multiply-adds that a byte of weights is read for (× rows at once). The line is what reading alone allows; points far below it are bound by arithmetic.`,
    data: table({ rows: points, sortable: true, columns: [
      { head: 'format', cell: (p) => p.row.format }, { head: 'weight', cell: (p) => lit(p.row.shape, 'name') }, { head: 'rows at once', cell: (p) => lit(p.row.batch, 'parameter') },
      { head: 'multiply-adds a byte', end: true, cell: (p) => derived(`intensity.${id(p)}`, p.intensity, html`weights of ${lit(p.row.shape, 'name')} times ${lit(p.row.batch, 'parameter')} rows, over ${num(p.row, 'kernel_rates.bytes', { as: 'bytes' })}.`, { decimals: 2 }) },
      { head: 'G multiply-adds/s', number: (p) => p.row, what: RATE, options: { bare: true } }, { head: 'reading allows', number: (p) => p.read, what: RATE, options: { bare: true, unit: 'GB/s' } },
      { head: 'of the roof', end: true, cell: share },
    ] }),
  });
}

const largest = (points: readonly Point[], shape: string): number => Math.max(...points.filter((p) => p.row.shape === shape).map((p) => p.row.bytes));
const id = ({ row }: Point): string => `${row.format}.${row.shape.replace(/\W+/g, '-')}.${row.batch}`;
const share = (p: Point): Html => derived(`roof.${id(p)}`, p.share, html`${num(p.row, RATE, { bare: true })} G multiply-adds/s over ${num(p.read, RATE, { bare: true })} GB/s read times the multiply-adds of a byte.`, { as: 'percent', decimals: 0 });

/** The point nearest to what the memory allows, in the largest weight. */
function titleOf(points: readonly Point[]): Content {
  const shape = [...points].sort((a, b) => b.row.bytes - a.row.bytes)[0]!.row.shape;
  const best = points.filter((p) => p.row.shape === shape).sort((a, b) => b.share - a.share)[0]!;
  return html`Of ${lit(shape, 'name')}, ${best.row.format} with ${lit(best.row.batch, 'parameter')} ${best.row.batch === 1 ? 'row' : 'rows'} reaches ${share(best)} of what reading the weights allows`;
}
