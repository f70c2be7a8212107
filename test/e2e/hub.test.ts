/** A whole study of a model from a hub that stands in on loopback: looked up, pinned, downloaded, computed, published; with a token that must be nowhere. */
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { scan } from '../../provenance/scan.ts';
import { novelGguf } from '../study/novel-gguf.ts';
import { openZip } from '../../provenance/zip-reader.ts';
import { StandInHub, TOKEN } from '../hub/stand-in.ts';
import type { Sending } from '../hub/stand-in.ts';
import { Project } from './project.ts';

const NAMES = ['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json', 'generation_config.json', 'README.md'];

const test = suite<{ hub: StandInHub; project: Project }>('e2e: a model from a hub');

test.before(async (context) => {
  context.hub = await new StandInHub().start();
  context.project = new Project();
  const { project, hub } = context;
  hub.add('test/novel', Object.fromEntries(NAMES.map((name) => [name, readFileSync(join(project.root, 'data/models/novel-1m', name))])), { gated: 'login' });
  project.edit('data/study.yaml', '  models: [novel-1m]\n  judge: novel-1m', '  models: [{ name: novel-1m, source: "hf:test/novel@main" }]\n  judge: novel-1m');
  project.env = { HF_ENDPOINT: hub.endpoint, HF_TOKEN: TOKEN, HF_HOME: join(project.root, 'hf-home'), HF_HUB_CACHE: undefined, HF_HUB_OFFLINE: undefined };
});
test.after(({ hub, project }) => {
  hub.close();
  project.remove();
});

/** A program that notes the variables it was started with, and then is the other one. */
function spy(project: Project, name: string, then: string): string {
  const folder = join(project.root, 'spies');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), `#!/bin/sh\nenv >> '${folder}/${name}.env'\n${then}\n`);
  chmodSync(join(folder, name), 0o755);
  return join(folder, name);
}

test('before it is looked up, commands that ask nobody say what to do', async ({ project, hub }) => {
  const { code, stderr } = await project.run('plan', '--quick');
  assert.is(code, 2);
  assert.match(stderr, /^data\/study\.yaml:\d+:\d+ hf:test\/novel@main was not looked up yet; "npx bitwidth fetch" does that and downloads it/);
  assert.equal(hub.log, []);
});

test('run looks it up, pins it, downloads it and computes', async ({ project, hub }) => {
  const real = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'cc')).find(existsSync);
  if (real !== undefined) project.env['PATH'] = `${join(spy(project, 'cc', `exec '${real}' "$@"`), '..')}${delimiter}${process.env['PATH']}`;
  const { code, stderr, events } = await project.run('run', '--quick', '--json', '--notify', spy(project, 'told', 'cat > /dev/null'));
  assert.is(code, 0, stderr);
  const { commit } = hub.repositories.get('test/novel')!;
  assert.is(stderr.trim(), `hf:test/novel@main is commit ${commit}; licence apache-2.0, whose terms are yours to keep: https://huggingface.co/test/novel; pinned in data/models.lock.yaml`);
  assert.ok(events.some(({ event, stage, unit }) => event === 'progress' && stage === 'fetch' && unit === 'bytes'));
  assert.equal([...new Set(hub.bodies().map(({ path }) => decodeURIComponent(path.split('?')[0]!.split('/').at(-1)!)))].sort(), ['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json'], 'only what is needed');
  const sources = project.read('reports/site/data/sources.csv');
  assert.match(sources, new RegExp(`hf:test/novel@${commit}/model\\.safetensors,novel-1m,.*Hugging Face hub, test/novel \\(main\\), commit ${commit}.*apache-2\\.0`));
  assert.match(project.read('reports/site/data/models.csv'), new RegExp(`hf:test/novel@${commit}`));
  const audit = await project.run('audit', '--quick', 'score:novel-1m/nf4/garden');
  assert.match(audit.stdout, new RegExp(`hf:test/novel@${commit}/model\\.safetensors`), audit.stdout + audit.stderr);
  assert.not.match(audit.stdout, /not as it should be|broken/i);
});

test('the report checks out, is published and packed with its pins', async ({ project }) => {
  assert.is((await project.run('check-site', 'reports/site')).code, 0);
  const published = await project.run('publish', '--quick', '--to', 'published');
  assert.is(published.code, 0, published.stdout + published.stderr);
  const packed = await project.run('pack', '--quick', '--to', 'study.zip');
  assert.is(packed.code, 0, packed.stdout + packed.stderr);
  const zip = await openZip(join(project.root, 'study.zip'), { entries: 100_000, bytes: 2 ** 30 });
  try {
    assert.equal(Buffer.from(await zip.read('project/data/models.lock.yaml')).toString(), project.read('data/models.lock.yaml'));
    assert.not.ok([...zip.files.keys()].some((name) => name.endsWith('.safetensors')));
  } finally {
    zip.close();
  }
});

test('the token is in no record, page, log or child process, and went to the hub alone', async ({ project, hub }) => {
  assert.ok(hub.log.some(({ authorization }) => authorization === `Bearer ${TOKEN}`));
  assert.equal(hub.log.filter(({ origin, authorization }) => origin === 'files' && authorization !== undefined), []);
  const words = [TOKEN, hub.endpoint, hub.filesEndpoint, 'signature=secret'].map((needle) => ({ kind: 'a canary', needle, alone: false }));
  const findings = [];
  for (const path of [...project.files('.bitwidth'), ...project.files('reports/site'), ...project.files('published'), ...project.files('data'), 'study.zip']) {
    // Of chance hits of other shapes in this file's own test data nothing is said.
    findings.push(...(await scan(path, readFileSync(join(project.root, path)), words)).filter(({ kind }) => kind === 'a canary'));
  }
  assert.equal(findings, []);
  const spies = project.files('spies').filter((path) => path.endsWith('.env'));
  assert.ok(spies.includes('spies/told.env'));
  if (existsSync(join(project.root, 'spies/cc'))) assert.ok(spies.includes('spies/cc.env'), 'the compiler was started');
  for (const path of spies) {
    assert.match(project.read(path), /^PATH=/m);
    assert.not.match(project.read(path), /canaryCANARY/, path);
  }
});

test('the results are those of the bundled model, bit for bit', async ({ project }) => {
  const lock = project.read('data/models.lock.yaml');
  project.edit('data/study.yaml', '[{ name: novel-1m, source: "hf:test/novel@main" }]', '[novel-1m]');
  const { code, events } = await project.run('run', '--quick', '--json');
  assert.is(code, 0);
  const ran = events.filter(({ event }) => event === 'ran').map(({ cell }) => String(cell));
  assert.ok(ran.includes('fetch:novel-1m'));
  // Tokens, artifacts, scores and texts have keys made of the model's bytes: that none is computed again means that these are equal.
  assert.equal(ran.filter((cell) => /^(?:tokenize|quantize|score|generate|judge|speed|summarize|claims):/.test(cell)), []);
  project.edit('data/study.yaml', '  models: [novel-1m]\n  judge: novel-1m', '  models: [{ name: novel-1m, source: "hf:test/novel@main" }]\n  judge: novel-1m');
  assert.is(project.read('data/models.lock.yaml'), lock);
});

test('later, without a network, the pin and the store are enough; without the store, it says so', async ({ project, hub }) => {
  const asked = hub.log.length;
  project.env = { ...project.env, HF_HUB_OFFLINE: '1', HF_ENDPOINT: 'http://127.0.0.1:1', HF_TOKEN: undefined };
  const again = await project.run('run', '--quick', '--json');
  assert.is(again.code, 0, again.stderr);
  assert.equal(again.events.filter(({ event, cell }) => event === 'ran' && String(cell).startsWith('fetch')), [], 'its own record counts again');
  assert.match((await project.run('plan', '--quick')).stdout, /Nothing to compute/);
  rmSync(join(project.root, '.bitwidth/records'), { recursive: true });
  const plan = await project.run('plan', '--quick', 'fetch');
  assert.match(plan.stdout, /1 cell/);
  rmSync(join(project.root, '.bitwidth/packs'), { recursive: true });
  rmSync(join(project.root, '.bitwidth/objects'), { recursive: true });
  assert.match((await project.run('plan', '--quick', 'fetch')).stdout, /To be fetched: 2\.2 MB that the store does not have/);
  const failed = await project.run('fetch', '--quick', '--json');
  assert.is(failed.code, 1);
  assert.match(failed.stdout, /is neither in the store nor in the cache of Hugging Face's tools, and HF_HUB_OFFLINE is set/);
  assert.match(failed.stdout, /"code":"not-available"/);
  assert.is(hub.log.length, asked);
});

test('two fetches at once take each byte once', async ({ project, hub }) => {
  project.env = { ...project.env, HF_HUB_OFFLINE: undefined, HF_ENDPOINT: hub.endpoint, HF_TOKEN: TOKEN };
  hub.log.length = 0;
  hub.faults.set('model.safetensors', ({ send }) => void setTimeout(send, 1500));
  const [one, other] = await Promise.all([project.run('fetch', '--quick', '--json'), project.run('fetch', '--quick', '--json')]);
  assert.equal([one.code, other.code], [0, 0], one.stdout + other.stdout);
  assert.is(hub.bodies('model.safetensors').filter(({ origin }) => origin === 'files').length, 1);
  assert.equal(project.files('.bitwidth/unfinished'), []);
});

test('a download that is interrupted or killed is gone on with', async ({ project, hub }) => {
  rmSync(join(project.root, '.bitwidth'), { recursive: true });
  const slowly = ({ response, request, bytes }: Sending): void => {
    const from = Number(/\d+/.exec(request.headers.range ?? '')?.[0] ?? 0);
    response.writeHead(from === 0 ? 200 : 206, { etag: '"e"', 'content-length': bytes.length - from, ...(from === 0 ? {} : { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` }) });
    response.write(bytes.subarray(from, from + 700_000));
  };
  for (const [signal, code] of [['SIGINT', 130], ['SIGKILL', null]] as const) {
    hub.faults.set('model.safetensors', slowly);
    hub.log.length = 0;
    const going = project.start('fetch', '--quick', '--json');
    while (hub.bodies('model.safetensors').filter(({ origin }) => origin === 'files').length === 0) await new Promise((resolve) => setTimeout(resolve, 50));
    await new Promise((resolve) => setTimeout(resolve, 300));
    process.kill(going.child!.pid!, signal);
    const { exitCode } = await going;
    assert.is(exitCode, code, signal);
  }
  hub.log.length = 0;
  hub.faults.set('model.safetensors', ({ request, response, bytes }) => {
    const from = Number(/\d+/.exec(request.headers.range ?? '')?.[0] ?? 0);
    response.writeHead(206, { etag: '"e"', 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` }).end(bytes.subarray(from));
  });
  const ended = await project.run('fetch', '--quick', '--json');
  assert.is(ended.code, 0, ended.stdout);
  assert.equal(hub.bodies('model.safetensors').filter(({ origin }) => origin === 'files').map(({ range }) => range), ['bytes=1400000-']);
});

test('a GGUF file of a hub is a model, too', async ({ project, hub }) => {
  hub.faults.clear();
  hub.add('test/gguf', { 'novel.q8_0.gguf': Buffer.from(novelGguf(true)), 'other.gguf': 'never asked for' });
  project.edit('data/study.yaml', '{ name: novel-1m, source: "hf:test/novel@main" }', '{ name: novel-1m, source: "hf:test/gguf@main/novel.q8_0.gguf" }');
  hub.log.length = 0;
  const fetched = await project.run('fetch', '--quick', '--json');
  assert.is(fetched.code, 0, fetched.stdout + fetched.stderr);
  assert.equal(fetched.events.filter(({ event }) => event === 'ran').map(({ cell }) => cell), ['fetch-gguf:novel-1m']);
  const asked = hub.log.length;
  const { code, events, stderr } = await project.run('run', 'quantize', 'tokenize', '--quick', '--json');
  assert.is(code, 0, stderr);
  assert.ok(events.filter(({ event, cell }) => event === 'ran' && /^(?:quantize|tokenize):novel-1m/.test(String(cell))).length > 3);
  assert.is(hub.log.length, asked);
});

test.run();
