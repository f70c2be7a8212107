/** The page around the site while it is served: what a run is doing, its figures as they land, and the site below in a frame. */

/** Its own script may connect to its own origin; the site's pages keep their own policy. */
export const SHELL_POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export const SHELL = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>bitwidth serve</title><link rel="stylesheet" href="live.css"></head>
<body>
<details id="live"><summary><span id="now" role="status">Connecting ...</span><span id="for"></span><progress id="progress" max="1" value="0" aria-label="Cells that are done"></progress><span id="done"></span><strong id="failed" class="bad"></strong></summary>
<section id="work" hidden><h2>At work</h2><table id="tasks"><thead><tr><th scope="col">Task<th scope="col" class="n">Time<th scope="col">So far<th scope="col" class="n">Cells done</tr></thead><tbody></tbody></table></section>
<p id="failures" class="bad"></p>
<div class="panes">
<section><h2>Figures so far</h2><p id="none" class="quiet">None has landed yet.</p>
<form hidden><label>Quantity <select id="quantity"></select></label> <label>Setting <select id="setting"></select></label></form>
<table id="figures"><thead></thead><tbody></tbody></table><p id="more" class="quiet"></p></section>
<section><h2>What is done</h2><table id="stages"><thead><tr><th scope="col">Stage<th scope="col" class="n">Done<th scope="col" class="n">Running<th scope="col" class="n">Open<th scope="col" class="n">Failed</tr></thead><tbody></tbody></table><p id="runs" class="quiet"></p><p id="recent" class="quiet"></p></section>
</div></details>
<p id="changed" class="bad" role="status" hidden>data/study.yaml was changed since: start serve again.</p>
<p id="newer" role="status" hidden><button type="button">The report has changed: show it</button></p>
<iframe id="site" title="The report as it was last published"></iframe><script src="live.js"></script></body></html>
`;

/** The colours are those of the site (reports/style.css). */
export const SHELL_STYLE = `:root { color-scheme: light dark; --paper: #fdfdfb; --ink: #1d1d1b; --quiet: #5c5c57; --line: #d9d8d2; --accent: #1f5a8f; --bad: #a3291f; --mark: #fbe7c0; }
@media (prefers-color-scheme: dark) { :root { --paper: #161614; --ink: #e8e6df; --quiet: #a5a39a; --line: #3a3934; --accent: #8dbbe6; --bad: #f08c80; --mark: #4d3a12; } }
* { box-sizing: border-box; }
html, body { height: 100%; margin: 0; }
body { display: flex; flex-direction: column; background: var(--paper); color: var(--ink); font: 0.8125rem/1.5 ui-sans-serif, system-ui, -apple-system, "Segoe UI", "Helvetica Neue", "DejaVu Sans", sans-serif; }
details { border-bottom: 1px solid var(--line); max-height: 55vh; overflow: auto; }
summary { position: sticky; top: 0; background: var(--paper); padding: 0.5rem 1.25rem; cursor: pointer; z-index: 1; }
summary:focus-visible, select:focus-visible, button:focus-visible { outline: 2px solid var(--accent); outline-offset: -2px; }
progress { width: 9rem; margin: 0 0.7rem; vertical-align: middle; accent-color: var(--accent); }
.panes { display: grid; grid-template-columns: minmax(0, 1fr) 22rem; gap: 0 3rem; padding: 0 1.25rem 0.8rem; }
@media (max-width: 60rem) { .panes { grid-template-columns: minmax(0, 1fr); } }
section { min-width: 0; overflow-x: auto; }
details > section, details > p { padding: 0 1.25rem; }
h2 { font-size: 0.875rem; margin: 0.4rem 0 0.3rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 0.1rem 0.9rem 0.1rem 0; text-align: left; font-weight: 400; white-space: nowrap; }
thead th { color: var(--quiet); border-bottom: 1px solid var(--line); }
.n { text-align: right; }
#tasks th, #tasks td { white-space: normal; vertical-align: top; }
#tasks tbody th { min-width: 10rem; overflow-wrap: anywhere; }
form { margin: 0 0 0.4rem; }
select, button { font: inherit; color: inherit; background: var(--paper); border: 1px solid var(--line); border-radius: 3px; max-width: 22rem; padding: 0.2rem; }
button { border-color: var(--accent); padding: 0.2rem 0.7rem; cursor: pointer; }
p { margin: 0.4rem 0 0; max-width: 40rem; white-space: pre-wrap; overflow-wrap: anywhere; }
.quiet { color: var(--quiet); }
.bad { color: var(--bad); }
#changed, #newer { margin: 0; max-width: none; padding: 0.5rem 1.25rem; border-bottom: 1px solid var(--line); }
.new { background: var(--mark); }
iframe { flex: 1; border: 0; background: Canvas; min-height: 30vh; }
[hidden] { display: none; }
`;
