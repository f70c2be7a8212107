/** How pages of peers name a format: ours with its page, the peer's own as it calls it, a published file with the types that are in it. */
import { cut, html, lit } from '../html.ts';
import type { Html } from '../html.ts';
import { term } from '../glossary.ts';
import type { Key } from '../in-order.ts';
import type { PageInput } from '../page.ts';
import { formatName, inOrderOfFormats, inOrderOfModels, models } from './common.ts';

export { formatName };

/** Rows with what the study says of their format and model: by model, smallest first, then by format, the peer's own last, then by `keys`. Needs the tables models and formats. */
export async function peerLines<T extends { readonly model: string; readonly format: string }>(input: PageInput, rows: readonly T[], ...keys: readonly Key<T>[]): Promise<(T & Line)[]> {
  const types = new Map((await models(input)).map((m) => [m.model, m.source_types]));
  return (await inOrderOfModels(input, await inOrderOfFormats(input, rows, ...keys))).map((row) => ({ ...row, types: types.get(row.model) ?? null }));
}

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
