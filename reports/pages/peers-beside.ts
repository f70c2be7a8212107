/** Where a page's subject was computed by peers too: a sentence that leads to their pages; nothing where the study names none. Needs the table peers. */
import { html, link, list } from '../html.ts';
import type { Html } from '../html.ts';
import { inOrder } from '../in-order.ts';
import type { PageInput } from '../page.ts';
import { hasOwnKernels } from './peer-words.ts';

export async function peersBeside(input: PageInput): Promise<Html> {
  const names = inOrder(new Set((await input.rows<{ peer: string }>('peers')).map(({ peer }) => peer)), (peer) => peer);
  if (names.length === 0) return html``;
  return html`<p class="note">${names.every(hasOwnKernels) ? 'A GPU' : names.some(hasOwnKernels) ? 'A GPU and other programs' : 'Other programs'} computed the same models on the same positions: ${list(names.map((name) => link(`peers/${name}.html`, name)))}. Their figures stand on pages of their own, beside these.</p>`;
}
