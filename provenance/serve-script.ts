/**
 * The script of the page around the site while it is served: a text, since it runs in the browser. Whatever it shows of a study is set as text, never as
 * markup. Figures stand in a table of formats by models, one quantity at a time, and what has just landed is marked.
 */
export const SHELL_SCRIPT = `'use strict';
const MOST_ROWS = 300;
const at = (id) => document.getElementById(id);
const bodyOf = (id) => at(id).tBodies[0];
const line = (cells, heads = 1, tag = 'td') => {
  const row = document.createElement('tr');
  cells.forEach(({ text, mark, number }, i) => {
    const cell = document.createElement(i < heads ? 'th' : tag);
    if (cell.tagName === 'TH') cell.scope = tag === 'th' ? 'col' : 'row';
    cell.textContent = text;
    cell.className = [number && 'n', mark && 'new'].filter(Boolean).join(' ');
    row.append(cell);
  });
  return row;
};

/** Rows of finished cells, by cell, and when each cell's landed. */
const figures = new Map();
const landed = new Map();
/** Processes that were at work. */
const seen = new Set();

const settingOf = ({ text, temperature, topK, maxNewTokens, engine }) => [
  text, temperature !== null && 'temperature ' + temperature, topK !== null && 'top_k ' + topK, maxNewTokens !== null && 'max_new_tokens ' + maxNewTokens, engine && 'engine ' + engine,
].filter(Boolean).join(', ');

/** Keeps what is chosen while choices come in. */
const choices = (select, names) => {
  if (names.length === select.options.length && names.every(([value], i) => select.options[i].value === value)) return;
  const chosen = select.value;
  select.replaceChildren(...names.map(([value, text]) => new Option(text, value)));
  if (names.some(([value]) => value === chosen)) select.value = chosen;
};

const draw = () => {
  const rows = [...figures].flatMap(([cell, of]) => of.map((row) => ({ ...row, setting: settingOf(row), cell })));
  at('none').hidden = rows.length > 0;
  document.forms[0].hidden = rows.length === 0;
  choices(at('quantity'), [...new Set(rows.map(({ quantity }) => quantity))].sort().map((name) => [name, name.replaceAll('_', ' ')]));
  const ofQuantity = rows.filter(({ quantity }) => quantity === at('quantity').value);
  const settings = [...new Set(ofQuantity.map(({ setting }) => setting))];
  choices(at('setting'), [['*', settings.length + (settings.length === 1 ? ' setting' : ' settings')], ...settings.filter((name) => settings.length > 1 && name !== '').map((name) => [name, name])]);
  at('setting').parentElement.hidden = settings.length < 2;
  const shown = ofQuantity.filter(({ setting }) => at('setting').value === '*' || setting === at('setting').value);
  const models = [...new Set(shown.map(({ model }) => model))];
  const lines = new Map();
  for (const row of shown) {
    const key = JSON.stringify([row.format, row.setting]);
    if (!lines.has(key)) lines.set(key, { format: row.format, setting: row.setting, values: new Map() });
    lines.get(key).values.set(row.model, row);
  }
  const withSettings = settings.length > 1 && at('setting').value === '*';
  at('figures').tHead.replaceChildren(...(lines.size === 0 ? [] : [line([{ text: 'Format' }, ...(withSettings ? [{ text: 'Setting' }] : []), ...models.map((text) => ({ text, number: true }))], 1, 'th')]));
  const fresh = Date.now() - 5000;
  bodyOf('figures').replaceChildren(...[...lines.values()].slice(0, MOST_ROWS).map(({ format, setting, values }) => line([
    { text: format }, ...(withSettings ? [{ text: setting }] : []),
    ...models.map((model) => { const row = values.get(model); return { text: row ? row.value : '', number: true, mark: row && landed.get(row.cell) > fresh }; }),
  ])));
  at('more').textContent = lines.size > MOST_ROWS ? (lines.size - MOST_ROWS) + ' more rows: choose one setting to see them.' : '';
};
/** At most four times a second, and none while nobody can see it. */
let drawing;
const drawSoon = () => { drawing ??= setTimeout(() => { drawing = undefined; if (at('live').open) draw(); }, 250); };
at('live').addEventListener('toggle', drawSoon);
at('quantity').addEventListener('change', draw);
at('setting').addEventListener('change', draw);

const events = new EventSource('events');
events.addEventListener('state', ({ data }) => {
  const { running, holders, failures, recent, stages, left, changed } = JSON.parse(data);
  const sum = (of) => stages.reduce((total, stage) => total + of(stage), 0);
  const settled = sum(({ done, failed }) => done + failed), all = sum(({ done, failed, running, open }) => done + failed + running + open);
  at('now').textContent = running.length > 0 ? running[0] : 'No run is going' + (all > settled ? '; "bitwidth run" computes what is open.' : '.');
  at('progress').value = all === 0 ? 0 : settled / all;
  at('settled').textContent = settled.toLocaleString('en') + ' of ' + all.toLocaleString('en') + ' cells' + (left ? ', ' + left : '');
  // Once for each run: who closes it has it closed until the next.
  if (holders.some((id) => !seen.has(id))) at('live').open = true;
  for (const id of holders) seen.add(id);
  at('changed').hidden = !changed;
  bodyOf('stages').replaceChildren(...stages.map(({ stage, done, running, open, failed }) => line([{ text: stage }, ...[done, running, open, failed].map((n) => ({ text: n === 0 ? '' : n.toLocaleString('en'), number: true }))])));
  at('failures').textContent = [...failures, ...running.slice(1)].join('\\n');
  at('recent').textContent = recent.join('\\n');
});
events.addEventListener('figures', ({ data }) => {
  const { all, of } = JSON.parse(data);
  if (all) figures.clear();
  for (const [cell, rows] of Object.entries(of)) {
    if (rows === null) figures.delete(cell);
    else figures.set(cell, rows);
    landed.set(cell, all ? 0 : Date.now());
  }
  drawSoon();
  setTimeout(drawSoon, 5500);
});
events.addEventListener('site', () => at('site').contentWindow.location.reload());
events.onerror = () => { at('now').textContent = 'bitwidth serve does not answer; trying again ...'; };
`;
