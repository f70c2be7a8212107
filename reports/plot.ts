/** Observable Plot, drawing into static SVG when the site is built. The only file that knows Plot and linkedom. */
import type { PlotOptions } from '@observablehq/plot';
import { beginning, cut, escapeText, spelledOut } from './html.ts';

export type { Markish } from '@observablehq/plot';
export type PlotLibrary = typeof import('@observablehq/plot');

export interface Plotter {
  readonly Plot: PlotLibrary;
  /** One figure or panel as SVG markup. `label` is what a screen reader says in its place; its data stands in a table below. */
  svg(label: string, options: PlotOptions): string;
}

/** Characters of a text in a figure; a longer name is cut, and stands in the data below. */
export const LONGEST_LABEL = 48;

let loaded: Promise<Plotter> | undefined;

/** Loads Plot once a process. */
export function plotter(): Promise<Plotter> {
  loaded ??= load();
  return loaded;
}

async function load(): Promise<Plotter> {
  const [Plot, { parseHTML }] = await Promise.all([import('@observablehq/plot'), import('linkedom')]);
  return {
    Plot,
    svg(label, options) {
      // A document of its own each time: ids that Plot counts up per document then never depend on what was drawn before.
      const { document } = parseHTML('<!doctype html><html><body></body></html>');
      const drawn = Plot.plot({ ...options, document: document as unknown as NonNullable<PlotOptions['document']> });
      return finish(drawn as unknown as SvgElement, label);
    },
  };
}

interface SvgElement {
  readonly outerHTML: string;
  readonly children: { readonly length: number };
  textContent: string;
  removeAttribute(name: string): void;
  setAttribute(name: string, value: string): void;
  getAttribute(name: string): string | null;
  querySelectorAll(selector: string): Iterable<SvgElement & { remove(): void }>;
}

/**
 * Plot's SVG as a page needs it: one image with a label (its parts are not read out one by one; the data is in a table),
 * no inline style, so that a strict policy can forbid them, coordinates to a hundredth of a pixel, so that the last
 * digit of a platform's logarithm does not change the page.
 */
function finish(svg: SvgElement, label: string): string {
  for (const style of svg.querySelectorAll('style')) style.remove();
  for (const element of svg.querySelectorAll('*')) {
    const part = element.getAttribute('aria-label');
    if (part !== null && /axis/.test(part)) element.setAttribute('class', 'axis');
    for (const name of ['aria-label', 'aria-hidden', 'style', 'font-variant']) element.removeAttribute(name);
  }
  for (const text of svg.querySelectorAll('text, tspan')) {
    if (text.children.length === 0 && text.textContent.length > LONGEST_LABEL) text.textContent = `${beginning(text.textContent, LONGEST_LABEL - 1).text}…`;
  }
  for (const name of ['class', 'style', 'font-family', 'font-size']) svg.removeAttribute(name);
  svg.setAttribute('role', 'img');
  return spelledOut(svg.outerHTML)
    .replace('<svg ', () => `<svg aria-label="${escapeText(cut(label, 400))}" `)
    .replace(/(\s(?:d|transform|points|x1?|x2|y1?|y2|cx|cy|r|width|height)=")([^"]*)"/g, (_, name: string, value: string) =>
      `${name}${value.replace(/-?\d+\.\d{3,}(?:e-?\d+)?/g, (n) => String(Math.round(Number(n) * 100) / 100 + 0))}"`)
    .replace(/<text([^>]*) \/>/g, '');
}
