/** The page around the site while it is served: what a run is doing, its figures as they land, and the site below in a frame. */

/** Its own script may connect to its own origin; the site's pages keep their own policy. */
export const SHELL_POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** Text that the script fills with textContent: nothing of a study is ever markup here. */
export const SHELL = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>bitwidth serve</title><link rel="stylesheet" href="live.css"></head>
<body><details open><summary id="now" role="status">Connecting ...</summary><pre id="lines"></pre><table><caption>Cells</caption><thead><tr><th>stage<th>done<th>running<th>open<th>failed</tr></thead><tbody id="stages"></tbody></table>
<table><caption>Figures so far</caption><thead><tr><th>quantity<th>model<th>format<th>text<th>value</tr></thead><tbody id="figures"></tbody></table></details>
<iframe id="site" src="site/index.html" title="The report as it was last published"></iframe><script src="live.js"></script></body></html>
`;

export const SHELL_STYLE = `html,body{height:100%;margin:0}body{display:flex;flex-direction:column;font:15px/1.4 system-ui,sans-serif;color-scheme:light dark}
details{padding:.5rem 1rem;max-height:45vh;overflow:auto;border-bottom:1px solid}iframe{flex:1;border:0;background:Canvas}pre{white-space:pre-wrap}td,th{padding:0 .8em 0 0;text-align:left}caption{text-align:left;font-weight:600}`;

export const SHELL_SCRIPT = `'use strict';
const at = (id) => document.getElementById(id);
const fill = (id, rows) => at(id).replaceChildren(...rows.map((cells) => { const row = document.createElement('tr'); for (const text of cells) row.insertCell().textContent = text; return row; }));
const events = new EventSource('events');
events.addEventListener('state', ({ data }) => {
  const state = JSON.parse(data);
  at('now').textContent = state.running.length > 0 ? state.running[0] : 'No run is going.';
  at('lines').textContent = [...state.running.slice(1), ...state.failures, ...state.recent].join('\\n');
  fill('stages', state.stages.map((one) => [one.stage, one.done, one.running, one.open, one.failed]));
  fill('figures', state.figures.map((one) => [one.quantity, one.model, one.format, one.text, one.value]));
});
events.addEventListener('site', () => at('site').contentWindow.location.reload());
events.onerror = () => { at('now').textContent = 'bitwidth serve does not answer; trying again ...'; };
`;
