/** How pages of peers name a format: ours with its page, the peer's own as it calls it, a published file with the types that are in it. */
import { cut, html, lit } from '../html.ts';
import type { Html } from '../html.ts';
import { term } from '../glossary.ts';
import { formatName } from './common.ts';

export { formatName };

export interface Line { readonly model: string; readonly format: string; readonly family: string; /** Types of the linear layers in a GGUF file. */ readonly types?: string | null }

/** The format of a GGUF file as it was published (stages/quantization/peers.ts, publishedFormat). */
const AS_PUBLISHED = 'as-published';

/** The peer that is this project's own kernels (stages/quantization/peers/gpu.ts): what it draws comes of the noise that ours comes of. */
const OWN_KERNELS = 'gpu';
export const hasOwnKernels = (peer: string): boolean => peer === OWN_KERNELS;

/** What a published file is compared with; nothing where there is none among the lines. */
export const publishedAgainst = (lines: readonly Line[]): Html => lines.some(({ format }) => format === AS_PUBLISHED) ? html` A published file is held against our reading of it, the ${term('base')}.` : html``;

export function named(row: Line): Html {
  if (row.family !== 'other') return formatName(row);
  return row.format === AS_PUBLISHED && typeof row.types === 'string' ? html`${lit(row.format, 'name')} (${lit(cut(row.types, 60), 'name')})` : lit(row.format, 'name');
}
