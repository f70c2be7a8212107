/** `serve`, over real HTTP on loopback. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { cell, file, output, ownProcessId, pipeline, stage } from '../../stages/dag/index.ts';
import { serveStudy } from '../../provenance/serve-server.ts';
import serve from '../../provenance/commands/serve.ts';
import { Project } from '../dag/project.ts';
import type { Served } from '../../provenance/serve-server.ts';

const test = suite<{ project: Project; served: Served; declared: () => ReturnType<typeof pipeline> }>('provenance: serve');

/** A stage that goes on when the test says so. */
const WAIT = 'const wait = async (path) => { for (let i = 0; i < 400 && !existsSync(path); i++) await new Promise((resolve) => setTimeout(resolve, 50)); };\n';

test.before.each(async (context) => {
  const declare = () => {
    const act = stage({ name: 'act', title: 'Act', determinism: 'exact', module: 'act.ts', outputs: ['out'] });
    const summary = stage({ name: 'summary', title: 'Sum up', determinism: 'exact', module: 'summary.ts', outputs: ['metrics'] });
    const site = stage({ name: 'site', title: 'Site', determinism: 'exact', module: 'site.ts', outputs: ['site'] });
    const sited = cell(site, 'all', {});
    return { name: 'faults', cells: [cell(act, '0', { params: { act: 'slow' } }), cell(act, '1', { params: { act: 'fail' } }), cell(summary, 'a', {}), sited], exports: [{ to: 'reports/site', from: [{ cell: sited.id, output: 'site' }] }] } as never;
  };
  const project = context.project = new Project('faults', declare);
  const row = { quantity: 'perplexity', model: 'm', format: 'nf4', text: 'novel', value: 12.3456, low: 12.1, high: 12.6, unit: '' };
  project.write('summary.ts', `export const run = async (cells, io) => { for (const one of cells) await io.commit(one.id, { metrics: JSON.stringify([${JSON.stringify(row)}]) }); };\n`);
  writeSite(project, 'plain');
  context.declared = () => pipeline({ ...(declare() as object), root: project.root } as never);
  context.served = await serveStudy(context.declared(), 0);
});
test.after.each(async ({ project, served }) => { await served.close(); project.remove(); });

function writeSite(project: Project, style: string): void {
  project.write('site.ts', `import { existsSync } from 'node:fs';\n${WAIT}export const run = async (cells, io) => { io.progress(2, 5, "windows"); await wait(${JSON.stringify(project.path('go'))}); const assets = Array.from({ length: 300 }, (_, i) => ["z/" + i + ".css", "${style}"]); for (const one of cells) await io.commit(one.id, { site: { tree: new Map([["index.html", "<!doctype html>published by a run"], ...assets]) } }); };\n`);
}

/** What the server tells its page. */
async function listen(url: string): Promise<{ text: () => string; clear: () => void; until: (what: RegExp) => Promise<void>; end: () => Promise<void> }> {
  const abort = new AbortController();
  const response = await fetch(`${url}events`, { signal: abort.signal });
  let text = '';
  const reading = (async () => { for await (const chunk of response.body!) text += Buffer.from(chunk).toString('utf8'); })().catch(() => undefined);
  return {
    text: () => text,
    clear: () => { text = ''; },
    until: async (what) => {
      for (let i = 0; i < 200 && !what.test(text); i++) await new Promise((resolve) => setTimeout(resolve, 50));
      assert.match(text, what);
    },
    end: async () => { abort.abort(); await reading; },
  };
}

interface Reply { readonly status: number; readonly type: string; readonly location: string | undefined; readonly body: string }

/** Raw: fetch would tidy the path and set the Host itself. */
async function ask(url: string, path: string, { method = 'GET', host }: { method?: string; host?: string } = {}): Promise<Reply> {
  const { hostname, port } = new URL(url);
  return await new Promise((resolve, reject) => {
    request({ hostname, port, path, method, ...(host === undefined ? {} : { headers: { host } }) }, (response) => {
      let body = '';
      response.on('data', (chunk) => { body += String(chunk); }).on('end', () => resolve({ status: response.statusCode!, type: String(response.headers['content-type']), location: response.headers.location, body }));
    }).on('error', reject).end();
  });
}

test('only who has the token and asks for this machine by its own name sees anything, and only reads', async ({ served: { url } }) => {
  const { port, pathname } = new URL(url);
  assert.is((await ask(url, pathname)).status, 200);
  assert.is((await ask(url, pathname, { host: `localhost:${port}` })).status, 200);
  for (const host of [`evil.example:${port}`, '127.0.0.1', `127.0.0.1:${Number(port) - 1}`]) assert.is((await ask(url, pathname, { host })).status, 421, host);
  for (const path of ['/', '/wrong/', `${pathname.slice(0, -2)}/`, `/${'x'.repeat(32)}/`]) assert.is((await ask(url, path)).status, 403, path);
  const bare = pathname.slice(0, -1);
  assert.equal([(await ask(url, bare)).status, (await ask(url, bare)).location, (await ask(url, bare.slice(0, -1))).status], [308, pathname, 403]);
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) assert.is((await ask(url, pathname, { method })).status, 405, method);
  assert.equal([(await ask(url, pathname, { method: 'HEAD' })).body, (await ask(url, `${pathname}%ff`)).status], ['', 400]);
});

test('nothing outside the site\'s folder is reached, and no folder is listed', async ({ project, served: { url } }) => {
  const { pathname } = new URL(url);
  assert.match((await ask(url, `${pathname}site/`)).body, /No report was published yet/);
  mkdirSync(project.path('reports/site/data'), { recursive: true });
  project.write('reports/site/index.html', 'the site');
  project.write('reports/site/data/empty.csv', '');
  writeFileSync(project.path('secret.txt'), 'secret');
  symlinkSync(project.path('secret.txt'), project.path('reports/site/link.txt'));
  symlinkSync(project.root, project.path('reports/site/up'));
  assert.equal(await ask(url, `${pathname}site/`), { status: 200, type: 'text/html; charset=utf-8', location: undefined, body: 'the site' });
  assert.equal(await ask(url, `${pathname}site/data/empty.csv`), { status: 200, type: 'text/csv; charset=utf-8', location: undefined, body: '' });
  for (const path of ['../../secret.txt', '%2e%2e/%2e%2e/secret.txt', '..%2f..%2fsecret.txt', '..%5c..%5csecret.txt', 'link.txt', 'up/secret.txt', 'data', 'data/', '/etc/passwd', 'index.html%00']) {
    const { status, body } = await ask(url, `${pathname}site/${path}`);
    assert.equal([status, body.includes('secret')], [404, false], path);
  }
});

test('a run shows as it goes, with its figures and failures; its end and its report are told', async ({ project, served: { url } }) => {
  const { text, clear, until, end } = await listen(url);
  await until(/"holders":\[\],"tasks":\[\],"failures":\[\],"recent":\[\]/);
  assert.not.match(text(), /perplexity/);
  const run = project.run();
  await until(/"running":\["running: site:all by process \d+ on this machine, at work since .*"holders":\[{"id":"/);
  await until(/event: figures\ndata: {"all":false,"of":{"summary:a":\[{"quantity":"perplexity","model":"m","format":"nf4","text":"novel","temperature":null,"topK":null,"maxNewTokens":null,"engine":null,"value":"12\.3/);
  await until(/the input is bad/);
  assert.not.match(text(), /event: site/);
  project.write('go', '');
  assert.is((await run).code, 1);
  await until(/Last run: /);
  await until(/event: site/);
  const bodyOf = async (path: string): Promise<string> => (await ask(url, `${new URL(url).pathname}site/${path}`)).body;
  assert.match(await bodyOf('index.html'), /published by a run/);
  clear();
  writeSite(project, 'bold');
  await project.run();
  await until(/event: site/);
  assert.is(await bodyOf('z/299.css'), 'bold');
  await end();
});

test('a report is told of when all of its files are there', async ({ project, served: { url } }) => {
  const { text, until, end } = await listen(url);
  await until(/event: state/);
  project.write('go', '');
  const run = project.run();
  // As the frame would ask: from the moment at which there is a page.
  while ((await ask(url, `${new URL(url).pathname}site/`)).status === 404) await new Promise((resolve) => setImmediate(resolve));
  for (const i of [0, 150, 299]) assert.is((await ask(url, `${new URL(url).pathname}site/z/${i}.css`)).body, 'plain');
  await run;
  await until(/event: site/);
  assert.match(text(), /event: figures/);
  await end();
});

test('figures of a run that nobody watched are not marked, and a study that was changed is told of', async ({ project, served: { url } }) => {
  project.write('go', '');
  await project.run();
  for (let i = 0; i < 2; i++) {
    const { text, until, end } = await listen(url);
    await until(/event: figures\ndata: {"all":true,"of":{"summary:a"/);
    assert.not.match(text(), /"all":false/);
    await end();
  }
  const { text, until, clear, end } = await listen(url);
  await until(/"changed":false/);
  assert.not.match(text(), /"changed":true/);
  mkdirSync(project.path('data'));
  project.write('data/study.yaml', 'title: another');
  await until(/"changed":true/);
  clear();
  rmSync(project.path('data/study.yaml'));
  await until(/"changed":false/);
  await end();
});

test('the time left is the run\'s own, and told once enough is computed', async () => {
  const step = stage({ name: 'step', title: 'Step', determinism: 'exact', module: 'step.ts', outputs: ['out'] });
  const declare = () => ({ name: 'steps', cells: Array.from({ length: 12 }, (_, i) => cell(step, String(i), { params: { i } })) });
  const project = new Project('faults', declare);
  // The first four that begin end soon.
  project.write('step.ts', `import { appendFileSync, existsSync, readFileSync } from 'node:fs';\n${WAIT}const begun = ${JSON.stringify(project.path('begun'))};\nexport const run = async (cells, io) => { for (const one of cells) { appendFileSync(begun, '.'); if (readFileSync(begun).length <= 4) await new Promise((resolve) => setTimeout(resolve, 600)); else await wait(${JSON.stringify(project.path('go'))}); await io.commit(one.id, { out: String(one.params.i) }); } };\n`);
  const served = await serveStudy(pipeline({ ...declare(), root: project.root } as never), 0);
  try {
    const { text, until, clear, end } = await listen(served.url);
    const run = project.run('--jobs', '2');
    await until(/"done":4,/);
    assert.match(text(), /"done":4,.*"left":"about [\d.]+ s left"/);
    assert.not.match(text(), /"done":[1-3],.*"left":"[^"]/);
    clear();
    project.write('go', '');
    await run;
    await until(/"done":12,.*"left":""/);
    await end();
  } finally {
    await served.close();
    project.remove();
  }
});

test('an edited source or input shows without a run, a failure that is mended shows no more, and what only helps is no failure', async () => {
  const [work, tool] = [stage({ name: 'work', title: 'Work', determinism: 'exact', module: 'work.ts', outputs: ['out'] }), stage({ name: 'tool', title: 'Help', determinism: 'exact', module: 'tool.ts', outputs: ['out'], optional: true })];
  const helps = cell(tool, 'one', {});
  const declare = () => ({ name: 'edited', cells: [helps, cell(work, 'a', { inputs: { text: file('a.txt') }, tools: { tool: output(helps) } }), cell(work, 'b', { inputs: { text: file('b.txt') }, tools: { tool: output(helps) } })] });
  const project = new Project('faults', declare);
  const WORK = "import { word } from './word.ts';\nexport const run = async (cells, io) => { for (const one of cells) await io.commit(one.id, { out: word + one.id }); };\n";
  project.write('work.ts', WORK);
  project.write('word.ts', "export const word = 'well';\n");
  project.write('tool.ts', "export const run = async (cells, io) => { for (const one of cells) await io.fail(one.id, { code: 'bad-input', sentence: 'no tool here' }); };\n");
  for (const name of ['a', 'b']) project.write(`${name}.txt`, name);
  const served = await serveStudy(pipeline({ ...declare(), root: project.root } as never), 0);
  const { until, clear, end } = await listen(served.url);
  const shows = async (act: () => unknown, what: RegExp): Promise<void> => {
    clear();
    await act();
    await until(what);
  };
  try {
    await shows(() => project.run(), /"failures":\["tool failed: no tool here"\].*"stage":"tool","done":0,"running":0,"open":0,"failed":0},{"stage":"work","done":2,"running":0,"open":0,"failed":0}/);
    await shows(() => project.write('a.txt', 'a!'), /"stage":"work","done":1,"running":0,"open":1,"failed":0}/);
    await shows(() => project.write('a.txt', 'a'), /"stage":"work","done":2,"running":0,"open":0,"failed":0}/);
    await shows(() => project.write('word.ts', "export const word = 'well' + none;\n"), /"stage":"work","done":0,"running":0,"open":2,"failed":0}/);
    await shows(() => project.run(), /"failures":\["failed: work:a and 1 more \(stage-threw\).*"stage":"work","done":0,"running":0,"open":0,"failed":2}/);
    await shows(() => project.write('word.ts', 'export const word = (;'), /"failures":\["word\.ts:1:\d+ /);
    await shows(() => project.write('word.ts', "export const word = 'well';\n"), /"failures":\["tool failed: no tool here"\].*"stage":"work","done":2,"running":0,"open":0,"failed":0}/);
    assert.is((await project.run()).done['ran'], 0);
    await end();
    const later = await listen(served.url);
    await later.until(/"stage":"work","done":2/);
    assert.not.match(later.text(), /"failed: /);
    await later.end();
  } finally {
    await served.close();
    project.remove();
  }
});

test('a task that takes longer than a second is told of with what its stage says, since when, and how long it took last time', async ({ project, served: { url } }) => {
  const { text, until, clear, end } = await listen(url);
  const run = project.run();
  await until(/"tasks":\[{"cell":"site:all","cells":1,"settled":0,"startedAt":"[\dT:.-]+\+00:00","progress":"2\/5 windows"}\]/);
  assert.not.match(text(), /"tasks":\[{"cell":"act/);
  project.write('go', '');
  await run;
  await until(/"tasks":\[\].*Last run: .*site 1 \([^)]*\)/);
  assert.equal(readdirSync(project.path('.bitwidth/tasks')), []);
  rmSync(project.path('go'));
  clear();
  const again = project.run('--force', 'site:all');
  await until(/"tasks":\[{"cell":"site:all",[^}]*"progress":"2\/5 windows","last":"[\d.]+ s"}\]/);
  project.write('go', '');
  await again;
  await end();
});

test('what a killed run was at is swept by the next', async ({ project }) => {
  mkdirSync(project.path('.bitwidth/tasks'), { recursive: true });
  const [space] = ownProcessId().split('-');
  project.write(`.bitwidth/tasks/${space}-1-1.0`, '[]');
  project.write('go', '');
  await project.run();
  assert.equal(readdirSync(project.path('.bitwidth/tasks')), []);
});

test('the page is told the study\'s order of models and formats, and what its report leads with', async () => {
  const summary = stage({ name: 'summary', title: 'Sum up', determinism: 'exact', module: 'summary.ts', outputs: ['metrics'] });
  const project = new Project('faults', () => ({ name: 'none', cells: [] }));
  const cells = [['small', 'nf4'], ['small', 'fp4'], ['large', 'nf4'], ['large', 'int8']].map(([model, format]) => cell(summary, `${model}/${format}`, { params: { model: model!, format: format! } }));
  const served = await serveStudy(pipeline({ name: 'order', cells, root: project.root } as never), 0);
  try {
    const { until, end } = await listen(served.url);
    await until(/event: order\ndata: {"quantities":\["kl_mean",.*\],"models":\["small","large"\],"formats":\["nf4","fp4","int8"\]}/);
    await end();
  } finally {
    await served.close();
    project.remove();
  }
});

test('the command says where it serves, that a port is taken, and ends when it is asked to', async ({ served: { url }, declared }) => {
  const context = (port?: string) => ({ pipeline: declared(), values: port === undefined ? {} : { port }, positionals: [], terminal: false });
  let complaint = '';
  await serve.run({ ...context(new URL(url).port), print: () => undefined }).catch((error: Error) => { complaint = error.message; });
  assert.match(complaint, /^serve: port \d+ is taken by another program; choose another with --port/);
  const lines: string[] = [];
  const code = await serve.run({ ...context(), print: (line) => { lines.push(line); setImmediate(() => process.emit('SIGINT')); } });
  assert.is(code, 0);
  assert.match(lines[0]!, /^Served at http:\/\/127\.0\.0\.1:\d+\/[\w-]{32}\/ /);
});

test.run();
