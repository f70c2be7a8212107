/**
 * The script of the page around the site while it is served: a text, since it runs in the browser. Whatever it shows of a study is set as text, never as
 * markup. Figures stand in a table of formats by models, one quantity at a time, and what has just landed is marked.
 */
export const SHELL_SCRIPT = `'use strict';
const MOST_ROWS = 300;
const OVERALL = 'overall';
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

/** The study's order; what it does not name comes last, by name. */
let order = { quantities: [], models: [], formats: [] };
const sorted = (names, by) => {
  const place = (name) => (by.includes(name) ? by.indexOf(name) : by.length);
  return [...new Set(names)].sort((a, b) => place(a) - place(b) || a.localeCompare(b, 'en', { numeric: true }));
};

/** Choices come in while somebody looks: what a person chose stays, else the first is shown. */
const picked = new Set();
const choices = (select, names) => {
  if (names.length === select.options.length && names.every(([value, text], i) => select.options[i].value === value && select.options[i].text === text)) return;
  const chosen = select.value;
  select.replaceChildren(...names.map(([value, text]) => new Option(text, value)));
  if (picked.has(select) && names.some(([value]) => value === chosen)) select.value = chosen;
};

const draw = () => {
  const rows = [...figures].flatMap(([cell, of]) => of.map((row) => ({ ...row, setting: settingOf(row), cell })));
  at('none').hidden = rows.length > 0;
  document.forms[0].hidden = rows.length === 0;
  choices(at('quantity'), sorted(rows.map(({ quantity }) => quantity), order.quantities).map((name) => [name, name.replaceAll('_', ' ')]));
  const ofQuantity = rows.filter(({ quantity }) => quantity === at('quantity').value);
  // What is over all texts, or has no setting, first.
  const settings = sorted(ofQuantity.map(({ setting }) => setting), ['']);
  const every = ['*', 'all ' + settings.length + ' settings'];
  choices(at('setting'), [...(settings[0] === '' ? [] : [every]), ...settings.map((name) => [name, name === '' ? OVERALL : name]), ...(settings[0] === '' && settings.length > 1 ? [every] : [])]);
  at('setting').parentElement.hidden = settings.length < 2;
  const shown = ofQuantity.filter(({ setting }) => at('setting').value === '*' || setting === at('setting').value);
  const models = sorted(shown.map(({ model }) => model), order.models);
  const formats = sorted(shown.map(({ format }) => format), order.formats);
  const lines = new Map();
  for (const row of shown) {
    const key = JSON.stringify([row.format, row.setting]);
    if (!lines.has(key)) lines.set(key, { format: row.format, setting: row.setting, values: new Map() });
    lines.get(key).values.set(row.model, row);
  }
  const withSettings = settings.length > 1 && at('setting').value === '*';
  at('figures').tHead.replaceChildren(...(lines.size === 0 ? [] : [line([{ text: 'Format' }, ...(withSettings ? [{ text: 'Setting' }] : []), ...models.map((text) => ({ text, number: true }))], 1, 'th')]));
  const fresh = Date.now() - 5000;
  const inOrder = [...lines.values()].sort((a, b) => formats.indexOf(a.format) - formats.indexOf(b.format) || settings.indexOf(a.setting) - settings.indexOf(b.setting));
  bodyOf('figures').replaceChildren(...inOrder.slice(0, MOST_ROWS).map(({ format, setting, values }) => line([
    { text: format }, ...(withSettings ? [{ text: setting === '' ? OVERALL : setting }] : []),
    ...models.map((model) => { const row = values.get(model); return { text: row ? row.value : '', number: true, mark: row && landed.get(row.cell) > fresh }; }),
  ])));
  at('more').textContent = lines.size > MOST_ROWS ? (lines.size - MOST_ROWS) + ' more rows: choose one setting to see them.' : '';
};
/** At most four times a second, and none while nobody can see it. */
let drawing;
const drawSoon = () => { drawing ??= setTimeout(() => { drawing = undefined; if (at('live').open) draw(); }, 250); };
at('live').addEventListener('toggle', drawSoon);
for (const name of ['quantity', 'setting']) at(name).addEventListener('change', () => { picked.add(at(name)); draw(); });

/** What is at work, and how far our clock is ahead of the server's; none while it does not answer. */
let work = { holders: [], tasks: [], stages: [] };
let aheadMs = 0;
const duration = (startedAt) => {
  const s = Math.max(0, Math.floor((Date.now() - aheadMs - Date.parse(startedAt)) / 1000));
  const two = (n) => String(n).padStart(2, '0');
  return s < 60 ? s + ' s' : s < 3600 ? Math.floor(s / 60) + ' min ' + two(s % 60) + ' s' : Math.floor(s / 3600) + ' h ' + two(Math.floor(s % 3600 / 60)) + ' min';
};
/** Times go on here between what the server tells. */
const tick = () => {
  const going = work.holders.filter(({ stopped }) => !stopped);
  const began = going.map(({ startedAt }) => startedAt).filter((startedAt) => startedAt !== '').sort()[0];
  at('for').textContent = began === undefined ? '' : ' for ' + duration(began) + (work.stages.length > 0 ? ': ' + work.stages.join(', ') : '');
  if (going.length > 0) work.tasks.forEach(({ startedAt, last }, i) => { bodyOf('tasks').rows[i].cells[1].textContent = duration(startedAt) + (last ? ' (last time ' + last + ')' : ''); });
};
setInterval(tick, 1000);

const events = new EventSource('events');
events.addEventListener('state', ({ data }) => {
  const { now, running, holders, tasks, failures, recent, stages, left, changed } = JSON.parse(data);
  const sum = (of) => stages.reduce((total, stage) => total + of(stage), 0);
  const done = sum(({ done }) => done), failed = sum(({ failed }) => failed), all = sum(({ done, failed, running, open }) => done + failed + running + open);
  at('now').textContent = holders.length > 0 ? (holders.every(({ stopped }) => stopped) ? 'Stopped' : holders.length > 1 ? holders.length + ' runs at work' : 'At work') : 'No run is going' + (all > done + failed ? '; "bitwidth run" computes what is open.' : '.');
  aheadMs = Date.now() - now;
  work = { holders, tasks, stages: stages.filter(({ running }) => running > 0).map(({ stage }) => stage) };
  at('work').hidden = running.length === 0;
  const short = line([{ text: 'No task has been at work for longer than a second.' }, { text: '' }, { text: '' }, { text: '' }]);
  bodyOf('tasks').replaceChildren(...(tasks.length === 0 ? [short] : tasks.map(({ cell, cells, settled, progress = '' }) => line([
    { text: cell + (cells > 1 ? ' and ' + (cells - 1).toLocaleString('en') + ' more' : '') }, { text: '', number: true }, { text: progress }, { text: settled.toLocaleString('en') + ' of ' + cells.toLocaleString('en'), number: true },
  ]))));
  at('runs').textContent = running.join('\\n');
  tick();
  // Full only where all are done: three of two thousand would not show.
  at('progress').value = all === 0 ? 0 : done === all ? 1 : Math.min(done / all, 0.97);
  at('done').textContent = done.toLocaleString('en') + ' of ' + all.toLocaleString('en') + ' cells' + (left ? ', ' + left : '');
  at('failed').textContent = failed === 0 ? '' : ', ' + failed.toLocaleString('en') + ' failed';
  // Once for each run: who closes it has it closed until the next.
  if (holders.some(({ id }) => !seen.has(id))) at('live').open = true;
  for (const { id } of holders) seen.add(id);
  at('changed').hidden = !changed;
  bodyOf('stages').replaceChildren(...stages.map(({ stage, done, running, open, failed }) => line([{ text: stage }, ...[done, running, open, failed].map((n) => ({ text: n === 0 ? '' : n.toLocaleString('en'), number: true }))])));
  at('failures').textContent = failures.join('\\n');
  at('recent').textContent = recent.join('\\n');
});
events.addEventListener('order', ({ data }) => { order = JSON.parse(data); });
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

/** The page that the frame shows stands behind '#' by its path in the site: loading this page again, Back and a bookmark lead to it. */
const FRONT = 'index.html';
const SITE = new URL('site/', location.href).href;
const named = () => {
  const { href } = new URL('./' + (location.hash.slice(1) || FRONT), SITE);
  return href.startsWith(SITE) ? href : SITE + FRONT;
};
/** Undefined for a page that is none of the site. */
const shown = () => { const page = at('site').contentDocument; return page !== null && page.location.href.startsWith(SITE) ? page : undefined; };
const nameShown = () => {
  const page = shown()?.location.href.slice(SITE.length);
  if (page !== undefined) history.replaceState(null, '', page === FRONT ? location.pathname : '#' + page);
};
at('site').addEventListener('load', () => {
  at('newer').hidden = true;
  nameShown();
  shown()?.defaultView.addEventListener('hashchange', nameShown);
});

/** A page that the report has no more gives way to its overview. */
const isThere = async (href) => {
  try {
    const answer = await fetch(href, { method: 'HEAD' });
    await answer.text();
    return answer.ok;
  } catch {
    return false;
  }
};
const showNamed = async () => { at('site').contentWindow.location.replace(await isThere(named()) ? named() : SITE + FRONT); };
const showNewer = async () => {
  const page = shown();
  if (page !== undefined && await isThere(page.location.href)) page.location.reload();
  else await showNamed();
};
addEventListener('hashchange', () => { if (shown()?.location.href !== named()) showNamed(); });
showNamed();
events.addEventListener('site', () => {
  // What a reader does in a panel would be lost with the page.
  if (shown()?.querySelector('.panel-rerun')) at('newer').hidden = false;
  else showNewer();
});
at('newer').querySelector('button').addEventListener('click', showNewer);
events.onerror = () => {
  // Nobody knows whether anything goes on.
  work = { holders: [], tasks: [], stages: [] };
  tick();
  at('work').hidden = true;
  at('now').textContent = 'bitwidth serve does not answer; trying again ...';
};
`;
