/**
 * The kinds of figure of this report, each drawn as panels that share their scales: intervals always, direct labels
 * instead of legends, plain ticks on logarithmic axes, a zero line where the values are differences.
 */
import { html, trusted } from './html.ts';
import type { Content, Html } from './html.ts';
import { lookOf } from './family.ts';
import { LONGEST_LABEL, plotter } from './plot.ts';
import type { Markish } from './plot.ts';

export interface Panel { readonly title: Content; readonly svg: string }

export interface FigureOptions {
  readonly id: string;
  /** The finding, made from the data. */
  readonly title: Content;
  /** What is plotted: units, n, interval. */
  readonly subtitle: Content;
  readonly panels: readonly Panel[];
  /** The data, as a table. */
  readonly data: Html;
}

/** A figure with its caption, panels and data. Nothing when there is nothing to draw. */
export function figure({ id, title, subtitle, panels, data }: FigureOptions): Html {
  if (panels.length === 0) return html``;
  return html`<figure id="${id}"><figcaption><span class="title">${title}</span><span class="subtitle">${subtitle}</span></figcaption>
<div class="panels${panels.length === 1 ? ' one' : ''}">${panels.map((panel) => html`<div class="panel">${panel.title ? html`<p class="panel-title">${panel.title}</p>` : ''}${trusted(panel.svg)}</div>
`)}</div><details><summary>Data of this figure</summary>${data}</details></figure>`;
}

/** One value with its interval, of a format. x is a parameter or a second quantity. */
export interface Mark { readonly format: string; readonly family: string; readonly x: number; readonly y: number; readonly low: number | null; readonly high: number | null }

const WIDTH = 300;
const FRAME = { marginTop: 24, marginRight: 48, marginBottom: 34, marginLeft: 54 } as const;
const plainTick = (value: number): string => String(Number(value.toPrecision(6))).replace('-', '−');

/** Width of a tick's label and the space around it, px: 11 px sans is some 6.4 px a digit. */
const labelWidth = (tick: number): number => 6.4 * plainTick(tick).length + 6;

/** Format for ticks at given places, px: where labels would touch, the ends keep theirs and those between stay bare. */
export function roomyFormat(ticks: readonly number[], place: (tick: number) => number): (tick: number) => string {
  const kept: number[] = [];
  for (const tick of [...ticks.slice(-1), ...ticks.slice(0, -1)]) {
    if (kept.every((other) => Math.abs(place(tick) - place(other)) >= (labelWidth(tick) + labelWidth(other)) / 2)) kept.push(tick);
  }
  return (tick) => (kept.includes(tick) ? plainTick(tick) : '');
}

/**
 * Powers of ten that cover the values, for a logarithmic axis; with 3s in between when there are few. On a horizontal axis
 * of `room` px, only every second or third power where labels would touch.
 */
export function logTicks(domain: readonly [number, number], room = Infinity): number[] {
  const ticks: number[] = [];
  for (let exponent = -12; exponent <= 12; exponent++) {
    for (const step of [1, 3]) {
      const tick = Number(`${step}e${exponent}`);
      if (tick >= domain[0] * 0.999 && tick <= domain[1] * 1.001) ticks.push(tick);
    }
  }
  const decades = ticks.filter((t) => /^1/.test(t.toExponential()));
  if (decades.length < 3) return ticks;
  const decade = room / Math.log10(domain[1] / domain[0]);
  for (let step = 1; ; step++) {
    const some = decades.filter((t) => Number(t.toExponential().split('e')[1]) % step === 0);
    if (some.length < 3 || some.every((t, i) => i === 0 || decade * step >= (labelWidth(t) + labelWidth(some[i - 1]!)) / 2)) return some;
  }
}

/** The range that all panels of a figure share, widened a little. Empty input gives [0, 1]. */
export function sharedDomain(marks: readonly Mark[], { log = false, zero = false } = {}): [number, number] {
  const values = marks.flatMap((m) => [m.y, m.low ?? m.y, m.high ?? m.y]).filter((v) => Number.isFinite(v) && (!log || v > 0));
  if (zero) values.push(0);
  if (values.length === 0) return log ? [0.1, 1] : [0, 1];
  const low = Math.min(...values), high = Math.max(...values);
  if (log) return [low / 1.25, high * 1.25];
  const room = (high - low || Math.abs(high) || 1) * 0.05;
  return [low - room, high + room];
}

/** Positions at least `gap` apart, each as near as may be to where it belongs. In place of a legend. */
export function spread(wanted: readonly number[], gap: number, lowest: number, highest: number): number[] {
  const order = wanted.map((_, i) => i).sort((a, b) => wanted[a]! - wanted[b]! || a - b);
  // Each cluster of touching labels is centred on the mean of where its members belong.
  const clusters: { members: number[]; centre: number }[] = [];
  for (const i of order) {
    clusters.push({ members: [i], centre: wanted[i]! });
    while (clusters.length > 1) {
      const last = clusters.at(-1)!, before = clusters.at(-2)!;
      if (last.centre - before.centre >= (gap * (last.members.length + before.members.length)) / 2) break;
      const members = [...before.members, ...last.members];
      clusters.splice(-2, 2, { members, centre: members.reduce((sum, m) => sum + wanted[m]!, 0) / members.length });
    }
  }
  const out = new Array<number>(wanted.length).fill(0);
  for (const { members, centre } of clusters) {
    const half = (gap * (members.length - 1)) / 2;
    const middle = Math.min(Math.max(centre, lowest + half), highest - half);
    members.forEach((m, k) => { out[m] = middle - half + k * gap; });
  }
  return out;
}

interface Axes {
  readonly xLabel: string; readonly yLabel: string;
  readonly yDomain: readonly [number, number]; readonly yLog?: boolean; readonly zero?: boolean;
  readonly xTicks?: readonly number[];
  readonly xLog?: boolean;
  /** Drawn as steps, without a dot for each value: a curve of counts. */
  readonly steps?: boolean;
  /** A line where both axes have the same value. */
  readonly diagonal?: boolean;
  /** Horizontal lines: the limits of a margin. */
  readonly rules?: readonly number[];
}

/** Lines over a parameter, a band for each interval, the format's name at each line's end. */
export async function linePanel(title: string, marks: readonly Mark[], axes: Axes): Promise<Panel> {
  const { Plot, svg } = await plotter();
  const formats = [...new Set(marks.map((m) => m.format))];
  const height = 240;
  const y = Plot.scale({ y: { type: axes.yLog ? 'log' : 'linear', domain: [...axes.yDomain], range: [height - FRAME.marginBottom, FRAME.marginTop] } })!;
  const layers: Markish[] = axes.zero ? [Plot.ruleY([0], { stroke: 'var(--quiet)', strokeWidth: 0.75 })] : [];
  if (axes.rules && axes.rules.length > 0) layers.push(Plot.ruleY([...axes.rules], { stroke: 'var(--quiet)', strokeWidth: 0.75, strokeDasharray: '1 3' }));
  const ends: { mark: Mark; at: number }[] = [];
  const xs = axes.xTicks ?? [...new Set(marks.map((m) => m.x))].sort((a, b) => a - b);
  for (const format of formats) {
    const own = marks.filter((m) => m.format === format).sort((a, b) => a.x - b.x);
    const look = lookOf(format, own[0]!.family);
    const banded = own.filter((m) => m.low !== null && m.high !== null);
    const curve = axes.steps ? 'step-after' : 'linear';
    if (banded.length > 1) layers.push(Plot.areaY(banded, { x: 'x', y1: 'low', y2: 'high', curve, fill: look.colour, fillOpacity: 0.14 }));
    layers.push(Plot.lineY(own, { x: 'x', y: 'y', curve, stroke: look.colour, strokeWidth: 1.75, ...(look.dash ? { strokeDasharray: look.dash } : {}) }));
    if (!axes.steps) layers.push(Plot.dot(own, { x: 'x', y: 'y', fill: look.colour, r: 2, symbol: look.symbol }));
    ends.push({ mark: own.at(-1)!, at: y.apply(own.at(-1)!.y) as number });
  }
  const places = spread(ends.map((e) => e.at), 11.5, FRAME.marginTop, height - FRAME.marginBottom);
  const left = Math.min(...xs), right = Math.max(...xs);
  const along = axes.xLog ? Math.log : (x: number): number => x;
  const tickFormat = roomyFormat(xs, (x) => ((along(x) - along(left)) / (along(right) - along(left) || 1)) * (WIDTH - FRAME.marginLeft - FRAME.marginRight));
  ends.forEach(({ mark }, i) => {
    layers.push(Plot.text([mark], {
      x: () => right, y: () => y.invert!(places[i]!), text: 'format', dx: 6, textAnchor: 'start', fill: lookOf(mark.format, mark.family).colour, fontWeight: 600,
    }));
  });
  return { title, svg: svg(`${title}: ${axes.yLabel} by ${axes.xLabel}, one line per format`, {
    width: WIDTH, height, ...FRAME,
    x: { label: axes.xLabel, labelArrow: 'none', labelAnchor: 'center', ticks: [...xs], tickFormat, domain: [left, right], type: axes.xLog ? 'log' : 'linear' },
    y: { label: axes.yLabel, labelArrow: 'none', domain: [...axes.yDomain], type: axes.yLog ? 'log' : 'linear', grid: true, tickFormat: plainTick, ...(axes.yLog ? { ticks: logTicks(axes.yDomain) } : { ticks: 5 }) },
    marks: layers,
  }) };
}

/** Two quantities against one another on logarithmic axes: size and damage. x ticks are given. */
export async function scatterPanel(title: string, marks: readonly Mark[], axes: Axes & { readonly xDomain: readonly [number, number] }): Promise<Panel> {
  const { Plot, svg } = await plotter();
  const height = 250;
  const layers: Markish[] = [];
  const [from, to] = [Math.max(axes.xDomain[0], axes.yDomain[0]), Math.min(axes.xDomain[1], axes.yDomain[1])];
  if (axes.diagonal && from < to) layers.push(Plot.lineY([{ at: from }, { at: to }], { x: 'at', y: 'at', stroke: 'var(--quiet)', strokeWidth: 0.75 }));
  for (const mark of marks) {
    const look = lookOf(mark.format, mark.family);
    if (mark.low !== null && mark.high !== null && (!axes.yLog || mark.low > 0)) {
      layers.push(Plot.ruleX([mark], { x: 'x', y1: 'low', y2: 'high', stroke: look.colour, strokeWidth: 1.25 }));
    }
    layers.push(Plot.dot([mark], { x: 'x', y: 'y', fill: look.symbol === 'times' ? 'none' : look.colour, stroke: look.colour, symbol: look.symbol, r: 3.6 }));
  }
  // The lighter form of a pair sits left of the other: its label goes left. Labels of a side keep apart.
  const y = Plot.scale({ y: { type: axes.yLog ? 'log' : 'linear', domain: [...axes.yDomain], range: [height - FRAME.marginBottom, FRAME.marginTop] } })!;
  for (const left of [true, false]) {
    const side = marks.filter((m) => m.format.endsWith('-dq') === left);
    const places = spread(side.map((m) => y.apply(m.y) as number), 12.5, FRAME.marginTop, height - FRAME.marginBottom);
    side.forEach((mark, i) => layers.push(Plot.text([mark], {
      x: 'x', y: () => y.invert!(places[i]!), text: 'format', dx: left ? -8 : 8, textAnchor: left ? 'end' : 'start', fill: lookOf(mark.format, mark.family).colour, fontWeight: 600,
    })));
  }
  return { title, svg: svg(`${title}: ${axes.yLabel} against ${axes.xLabel}, one point per format`, {
    width: WIDTH, height, ...FRAME,
    x: { type: 'log', label: axes.xLabel, labelArrow: 'none', labelAnchor: 'center', ticks: [...(axes.xTicks ?? [])], tickFormat: plainTick, domain: [...axes.xDomain] },
    y: { type: axes.yLog ? 'log' : 'linear', label: axes.yLabel, labelArrow: 'none', domain: [...axes.yDomain], grid: true, tickFormat: plainTick, ...(axes.yLog ? { ticks: logTicks(axes.yDomain) } : { ticks: 5 }) },
    marks: layers,
  }) };
}

/** Room for row labels, px: 11 px sans is at most some 6.4 px a character. */
const leftOf = (labels: readonly string[]): number => Math.max(54, 12 + 6.4 * Math.max(0, ...labels.map((l) => Math.min(l.length, LONGEST_LABEL))));

/** A value with its interval for each format, one below the other. y of the marks runs along the horizontal axis. */
export async function dotPanel(title: string, marks: readonly Mark[], axes: { readonly label: string; readonly domain: readonly [number, number]; readonly log?: boolean; readonly zero?: number; readonly rules?: readonly number[] }): Promise<Panel> {
  const { Plot, svg } = await plotter();
  const formats = [...new Set(marks.map((m) => m.format))];
  const width = WIDTH + Math.max(0, leftOf(formats) - 54);
  const rules = [...(axes.zero === undefined ? [] : [axes.zero]), ...(axes.rules ?? [])];
  const layers: Markish[] = rules.length === 0 ? [] : [Plot.ruleX(rules, { stroke: 'var(--quiet)', strokeWidth: 0.75 })];
  for (const mark of marks) {
    const look = lookOf(mark.format, mark.family);
    if (mark.low !== null && mark.high !== null) layers.push(Plot.ruleY([mark], { y: 'format', x1: axes.log ? Math.max(mark.low, axes.domain[0]) : mark.low, x2: mark.high, stroke: look.colour, strokeWidth: 1.5, ...(look.dash ? { strokeDasharray: look.dash } : {}) }));
    layers.push(Plot.dot([mark], { y: 'format', x: 'y', fill: look.symbol === 'times' ? 'none' : look.colour, stroke: look.colour, symbol: look.symbol, r: 3.4 }));
  }
  return { title, svg: svg(`${title}: ${axes.label}, one line per format`, {
    width, height: 46 + 22 * formats.length, marginTop: 6, marginBottom: 36, marginLeft: leftOf(formats), marginRight: 14,
    x: { label: axes.label, labelArrow: 'none', labelAnchor: 'center', domain: [...axes.domain], grid: true, tickFormat: plainTick, type: axes.log ? 'log' : 'linear', ...(axes.log ? { ticks: logTicks(axes.domain, width - leftOf(formats) - 14) } : { ticks: 4 }) },
    y: { label: null, domain: formats, tickSize: 0 },
    marks: layers,
  }) };
}

/** Single measurements as short strokes, the median as a longer one: a distribution that hides nothing. */
export async function stripPanel(title: string, samples: readonly { readonly format: string; readonly family: string; readonly value: number; readonly median: number }[], axes: { readonly label: string; readonly domain: readonly [number, number] }): Promise<Panel> {
  const { Plot, svg } = await plotter();
  const formats = [...new Set(samples.map((s) => s.format))];
  const layers: Markish[] = formats.flatMap((format) => {
    const own = samples.filter((s) => s.format === format);
    const { colour } = lookOf(format, own[0]!.family);
    return [
      Plot.tickX(own, { y: 'format', x: 'value', stroke: colour, strokeOpacity: 0.55, insetTop: 6, insetBottom: 6 }),
      Plot.tickX(own.slice(0, 1), { y: 'format', x: 'median', stroke: colour, strokeWidth: 3, insetTop: 2, insetBottom: 2 }),
    ];
  });
  return { title, svg: svg(`${title}: ${axes.label}, each block of each format`, {
    width: WIDTH, height: 46 + 22 * formats.length, marginTop: 6, marginBottom: 36, marginLeft: 54, marginRight: 14,
    x: { label: axes.label, labelArrow: 'none', labelAnchor: 'center', domain: [...axes.domain], grid: true, ticks: 4, tickFormat: plainTick },
    y: { label: null, domain: formats, tickSize: 0 },
    marks: layers,
  }) };
}

/** Rate against the work that a byte is read for, under the line of what reading at `bandwidth` (of the same units) allows. One mark a point, labelled. */
export async function rooflinePanel(title: string, marks: readonly Mark[], bandwidth: number): Promise<Panel> {
  const { Plot, svg } = await plotter();
  const xs = marks.map((m) => m.x), ys = [...marks.map((m) => m.y), ...marks.map((m) => m.x * bandwidth)];
  const xDomain: [number, number] = [Math.min(...xs) / 1.6, Math.max(...xs) * 1.6], yDomain: [number, number] = [Math.min(...ys) / 1.5, Math.max(...ys) * 1.5];
  const height = 250;
  const y = Plot.scale({ y: { type: 'log', domain: yDomain, range: [height - FRAME.marginBottom, FRAME.marginTop] } })!;
  const places = spread(marks.map((m) => y.apply(m.y) as number), 12.5, FRAME.marginTop, height - FRAME.marginBottom);
  const roof = [Math.max(xDomain[0], yDomain[0] / bandwidth), Math.min(xDomain[1], yDomain[1] / bandwidth)].map((x) => ({ x, y: x * bandwidth }));
  return { title, svg: svg(`${title}: multiply-adds a second against multiply-adds for each byte of weights, one point per format and number of rows`, {
    width: WIDTH, height, ...FRAME, marginRight: 64,
    x: { type: 'log', label: 'multiply-adds for each byte read', labelArrow: 'none', labelAnchor: 'center', domain: xDomain, ticks: logTicks(xDomain, WIDTH - FRAME.marginLeft - 64), tickFormat: plainTick },
    y: { type: 'log', label: 'G multiply-adds/s', labelArrow: 'none', domain: yDomain, grid: true, ticks: logTicks(yDomain), tickFormat: plainTick },
    marks: [
      Plot.lineY(roof, { x: 'x', y: 'y', stroke: 'var(--quiet)', strokeWidth: 1 }),
      ...marks.flatMap((mark, i) => {
        const look = lookOf(mark.format.split(' ')[0]!, mark.family);
        return [
          Plot.dot([mark], { x: 'x', y: 'y', fill: look.symbol === 'times' ? 'none' : look.colour, stroke: look.colour, symbol: look.symbol, r: 3.6 }),
          Plot.text([mark], { x: 'x', y: () => y.invert!(places[i]!), text: 'format', dx: 8, textAnchor: 'start', fill: look.colour, fontWeight: 600 }),
        ];
      }),
    ],
  }) };
}

/** Of so many columns each, each second, fifth, ... is named, so that names keep apart. */
const everyOf = (columns: number): number => [1, 2, 5, 10, 20, 50].find((every) => columns / every <= 10) ?? Math.ceil(columns / 10);

/** A table of shades: one square per (column, row), stronger is more of the panel's own values. Values stand in the data table. */
export async function heatPanel(title: string, squares: readonly { readonly column: string; readonly row: string; readonly value: number }[], colour: string): Promise<Panel> {
  const { Plot, svg } = await plotter();
  const columns = [...new Set(squares.map((s) => s.column))], rows = [...new Set(squares.map((s) => s.row))];
  const values = squares.map((s) => s.value);
  const low = Math.min(...values), range = Math.max(...values) - low || 1;
  return { title, svg: svg(`${title}: a stronger colour is a larger error`, {
    width: WIDTH, height: 40 + 17 * rows.length, marginTop: 4, marginBottom: 36, marginLeft: leftOf(rows), marginRight: 4,
    x: { domain: columns, ticks: columns.filter((_, i) => i % everyOf(columns.length) === 0), label: 'layer', labelArrow: 'none', labelAnchor: 'center', tickSize: 0, padding: 0.06 },
    y: { domain: rows, label: null, tickSize: 0, padding: 0.06 },
    opacity: { type: 'identity' },
    // From pale to full, never to nothing: the smallest is still a value.
    marks: [Plot.cell(squares, { x: 'column', y: 'row', fill: colour, fillOpacity: (s: { value: number }) => 0.12 + (0.88 * (s.value - low)) / range })],
  }) };
}
