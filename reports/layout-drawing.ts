/** A format's byte layout drawn to the bit: a square for each bit, a column for each weight, scales below. */
import { cut, escapeText, trusted } from './html.ts';
import type { Html } from './html.ts';

/** per_weights 0: how many weights share it depends on the shape (one per row, one per tensor); `what` says which. */
export interface LayoutPart { readonly part: string; readonly what: string; readonly bits: number; readonly per_weights: number }

const SQUARE = 8, COLUMNS = 64, LABEL = 20;

/**
 * @param parts in storage order; parts of one weight are drawn for up to 64 weights, shared parts once
 * @param colour CSS colour of the codes
 */
export function layoutDrawing(parts: readonly LayoutPart[], colour: string): Html {
  const shared = Math.min(COLUMNS, ...parts.filter((p) => p.per_weights > 1).map((p) => p.per_weights));
  const weights = Number.isFinite(shared) && parts.some((p) => p.per_weights > 1) ? shared : COLUMNS / 4;
  let y = 0, out = '';
  for (const part of parts) {
    const each = part.per_weights === 1;
    const caption = each ? `${part.part}: ${part.bits} bits for each weight, ${weights} weights shown` : part.per_weights === 0 ? `${part.part}: ${part.bits} bits, ${part.what}` : `${part.part}: ${part.bits} bits shared by ${part.per_weights.toLocaleString('en-US')} weights`;
    out += `<text x="0" y="${y + 12}" fill="currentColor">${escapeText(cut(caption, 120))}</text>`;
    y += LABEL;
    const columns = each ? weights : Math.min(COLUMNS, part.bits), rows = each ? part.bits : Math.ceil(part.bits / COLUMNS);
    // One path for all squares of a part: a few hundred bytes instead of a few hundred elements.
    let path = '';
    for (let r = 0; r < rows; r++) {
      const across = each ? columns : Math.min(columns, part.bits - r * COLUMNS);
      for (let c = 0; c < across; c++) path += `M${c * SQUARE + 0.5} ${y + r * SQUARE + 0.5}h${SQUARE - 2}v${SQUARE - 2}h-${SQUARE - 2}z`;
    }
    out += `<path d="${path}" fill="${each ? colour : 'none'}" stroke="${colour}" stroke-width="0.75" fill-opacity="0.75"/>`;
    y += rows * SQUARE + 8;
  }
  const width = COLUMNS * SQUARE;
  const label = parts.map((p) => `${p.part} ${p.bits} bits${p.per_weights === 0 ? '' : ` per ${p.per_weights} weights`}`).join('; ');
  return trusted(`<svg class="natural" role="img" aria-label="${escapeText(cut(`Layout: ${label}`, 600))}" viewBox="0 0 ${width} ${y}" width="${width}" height="${y}">${out}</svg>`);
}
