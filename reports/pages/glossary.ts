/** The terms, each at its anchor. */
import { GLOSSARY } from '../glossary.ts';
import { html } from '../html.ts';
import type { Page } from '../page.ts';

export const glossary: Page = {
  name: 'glossary',
  path: () => 'glossary.html',
  tables: [],
  async write() {
    const entries = Object.entries(GLOSSARY).sort(([, a], [, b]) => a.term.localeCompare(b.term, 'en'));
    return {
      title: 'Glossary',
      body: html`<p class="lead">Terms as this report uses them.</p>
<dl class="glossary">${entries.map(([key, { term, meaning }]) => html`<dt id="${key}">${term}</dt><dd>${meaning()}</dd>
`)}</dl>`,
    };
  },
};
