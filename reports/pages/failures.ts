/** What has no result, and why: origins first, then what they took with them. */
import { html, link } from '../html.ts';
import type { Html } from '../html.ts';
import { cellPath, derived } from '../num.ts';
import { failureAnchor } from '../page.ts';
import type { FailedCell, Page } from '../page.ts';

export const failures: Page = {
  name: 'failures',
  path: () => 'failures.html',
  tables: [],
  async write({ failed }) {
    const origins = failed.filter((f) => f.failure.code !== 'upstream-failed');
    const taken = failed.filter((f) => f.failure.code === 'upstream-failed');
    return {
      title: 'Failed and missing',
      body: failed.length === 0 ? html`<p class="lead">Every cell of this run has its result; nothing is missing.</p>` : html`
<p class="lead">${derived('failed', failed.length, html`cells without a result, counted from the records.`, { as: 'count' })} of this pipeline's cells ${failed.length === 1 ? 'has' : 'have'} no result; ${derived('origins', origins.length, html`cells that failed for a reason of their own.`, { as: 'count' })} of them failed ${origins.length === 1 ? 'itself' : 'themselves'}, the others wanted what ${origins.length === 1 ? 'it' : 'they'} would have made. Pages show these gaps where the numbers would stand.</p>
${list('Failed', origins)}${list('Missing because an input failed', taken)}`,
    };
  },
};

function list(title: string, failed: readonly FailedCell[]): Html {
  if (failed.length === 0) return html``;
  return html`<h2>${title}</h2><dl class="facts-list">${failed.map((f) => html`<dt id="${failureAnchor(f.cell)}">${f.failure.code}</dt><dd>${link(cellPath(f.cell), f.cell)}<br>${f.failure.sentence}${f.failure.hint ? html`<br><span class="quiet">What to do: ${f.failure.hint}</span>` : ''}</dd>
`)}</dl>`;
}
