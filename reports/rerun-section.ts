/**
 * What a page says of computing it again in the reader's own browser. All of its words are there without JavaScript; the button appears where a script can do
 * what it says, and nothing is loaded until it is pressed.
 */
import { html } from './html.ts';
import type { Html } from './html.ts';

/** `cell`: whose page it is; without it, of the whole report. */
export function rerunSection(cell?: string): Html {
  return html`
<section class="rerun" id="rerun" data-rerun="${cell ?? ''}"><h2>Re-run in this browser</h2>
<p>With JavaScript a button here ${cell === undefined ? 'checks every file of the report against its hash and the signature, computes every aggregate again from the published rows, draws every page again from these and the records, and computes a part of the results from the weights:' : 'checks this page and what it rests on against their hashes, computes its aggregates again from the published rows, draws the page again, and computes the cell itself where a page can:'} from the published files alone, in this browser. Nothing is loaded before it is pressed; then it says what it would load, and waits.</p>
<p><button type="button" hidden>Re-run</button></p>
<p class="note">Agreement shows that this copy of the report is consistent: its numbers follow from its weights by the program that lies beside them. It does not show that others would find the same: for that, compute it from the sources with <code>npx bitwidth reproduce</code>.</p></section>
`;
}
