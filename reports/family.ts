/** How a format looks, the same in every figure and table: a hue per family, and a second cue that is not colour. */
import { html } from './html.ts';
import type { Html } from './html.ts';

export interface Look {
  /** CSS class that sets --c: 'c-nf4-dq'. */
  readonly className: string;
  /** For SVG attributes: 'var(--nf4-dq)'. */
  readonly colour: string;
  /** stroke-dasharray of its lines; absent for solid. */
  readonly dash?: string;
  readonly symbol: 'circle' | 'square2' | 'diamond2' | 'triangle2' | 'times';
}

const HUES = new Set(['base', 'int8', 'nf4', 'fp4']);

/** @param family formats.family: base, int8, nf4, fp4; others share one hue. Double-quantized forms are lighter and dashed. */
export function lookOf(format: string, family: string): Look {
  const hue = HUES.has(family) ? family : 'other';
  const twice = format.endsWith('-dq') && (hue === 'nf4' || hue === 'fp4');
  const name = twice ? `${hue}-dq` : hue;
  const symbol = twice ? 'diamond2' : hue === 'base' ? 'times' : hue === 'int8' ? 'triangle2' : hue === 'fp4' ? 'square2' : 'circle';
  const dash = twice ? '5 3' : hue === 'base' ? '2 3' : undefined;
  return { className: `c-${name}`, colour: `var(--${name})`, symbol, ...(dash === undefined ? {} : { dash }) };
}

/** The coloured dot before a format's name in tables. */
export function swatch(format: string, family: string): Html {
  const look = lookOf(format, family);
  return html`<span class="swatch ${look.className}${look.dash ? ' dq' : ''}" aria-hidden="true"></span>`;
}
