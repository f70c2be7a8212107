/** A prompt of the reader's own under two formats, side by side, in the reader's browser (reports/rerun/page/try.ts does it). */
import { html, link } from '../html.ts';
import { term } from '../glossary.ts';
import type { Page } from '../page.ts';

export const tryIt: Page = {
  name: 'try',
  path: () => 'try.html',
  tables: [],
  write: async () => ({
    title: 'Try it',
    heading: html`Where do two formats part on a text of your own?`,
    body: html`<p class="lead">Two formats of the smallest model go on from the same prompt with the same noise, here in this browser, from the published weights. Their texts are the same until the formats' distributions differ enough for the noise to choose another token; from there on they are two texts.</p>
<section class="rerun" id="try" data-try="yes">
<p>With JavaScript a button here asks for a prompt, two formats, a temperature and a seed, and shows both texts as they grow, the tokens where they part marked. Nothing is loaded before it is pressed; then it says what it would load, and waits. What is typed stays in this browser.</p>
<p><button type="button" hidden>Write a text</button></p>
<p class="note">The same prompt and settings give the same texts on every machine: the weights, the kernels and the noise are those of the study (${link('samples.html', 'its own samples')}, ${link('method.html', 'method')}). One text is an anecdote; how often and how far formats differ is under ${link('quality.html', 'quality')}, over whole texts and in ${term('exact', 'exact')} numbers. The model is small, and what it writes is data, not statements. The models that come with bitwidth know only English.</p></section>`,
    computes: true,
  }),
};
