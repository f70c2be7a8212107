/**
 * The promises, tried on a copy of the project with the quick study: what runs again after which change, what a
 * kill, a lost store and a bad model do, and what the site may not say. The browser's part is in test/browser.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { existsSync, mkdirSync, mkdtempSync, copyFileSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Project } from './project.ts';
import type { Ended } from './project.ts';
import { brokenLinks, filesOf, personalTraces } from '../browser/files.ts';
import { missing } from '../browser/chromium.ts';
import { TWO_LOOKS, complaintsInChromium, pagesToOpen } from '../browser/open.ts';
import { notRun } from '../not-run.ts';
import { absent, crateFindings, statementFinding } from '../oracles/oracles.ts';
import { tmpdir } from 'node:os';

const test = suite('the quick study, end to end');

let project: Project;
let site: string;

const cellsThatRan = (it: Ended) => it.events.filter((e) => e.event === 'ran').map((e) => String(e['cell']));
const done = (it: Ended) => it.events.at(-1) as unknown as { event: string; ran: number; cached: number; failed: number; skipped: number };
const quick = (...args: string[]) => project.run('run', '--quick', '--json', ...args);
const check = (it: Ended, code = 0) => { if (it.code !== code) assert.unreachable(`exit ${it.code}, not ${code}\n${it.stdout.slice(-2000)}\n${it.stderr.slice(-2000)}`); return it; };

/** Stages whose cells are exact results of the study; editing a comment, a page or the machinery must leave them alone. */
const study = ['fetch', 'tokenize', 'quantize', 'score', 'generate', 'judge', 'speed', 'summarize', 'claims', 'tabulate'];
const studyCells = (it: Ended) => cellsThatRan(it).filter((cell) => study.includes(cell.split(':')[0]!));

/**
 * Output hashes of every exact cell of the study, by key and name, from the store's own log: a cell has several records
 * after its inputs came and went, and two cells with one key (formats that wrote the same text) have one record.
 */
function exactOutputs(): Map<string, string> {
  const found = new Map<string, string>();
  for (const segment of readdirSync(join(project.root, '.bitwidth/records')).sort()) {
    for (const line of project.read(`.bitwidth/records/${segment}`).split('\n')) {
      const json = line.slice(line.indexOf('{'));
      if (!json.includes('"outputs"')) continue;
      const parsed = JSON.parse(json) as Record<string, unknown>;
      const record = (parsed['record'] ?? parsed) as { cell?: string; key?: string; status?: string; outputs?: Record<string, { sha256: string }> };
      if (record.cell === undefined || record.status !== 'done' || !study.includes(record.cell.split(':')[0]!)) continue;
      // What speed measured, and what is made of it, is a fact about one moment.
      if (/^speed:|speed|machine|^tabulate:(floor_windows|metrics|pairs|claims|claim_effects)$|^claims:(d|e|a-speed|fewer-bits)/.test(record.cell)) continue;
      for (const [name, { sha256 }] of Object.entries(record.outputs!)) found.set(`${record.cell.split(':')[0]}.${name} ${record.key}`, sha256);
    }
  }
  return found;
}

test.before(async () => {
  project = new Project();
  site = join(project.root, 'reports/site');
  check(await quick());
});
test.after(() => { project.remove(); });

test('through a shared cache another clone computes nothing, and publishes the same bytes', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'bitwidth-e2e-cache-'));
  const env = { BITWIDTH_CACHE: join(folder, 'shared'), XDG_CONFIG_HOME: join(folder, 'settings'), AWS_SECRET_ACCESS_KEY: 'not-for-anyone-else' };
  mkdirSync(env.BITWIDTH_CACHE);
  const other = new Project();
  try {
    project.env = other.env = env;
    const pushed = check(await project.run('cache', 'push', '--quick', '--json')).events.at(-1)!;
    assert.ok(Number(pushed['sent']) > 200 && pushed['left'] === 0, JSON.stringify(pushed));
    const taken = check(await other.run('run', '--quick', '--json', '--cache-read-only'));
    assert.equal([done(taken).ran, done(taken).failed, done(taken).skipped], [0, 0, 0], cellsThatRan(taken).join(' '));
    const files = project.files('reports/site').sort();
    assert.equal(other.files('reports/site').sort(), files);
    assert.equal(files.filter((file) => !readFileSync(join(other.root, file)).equals(readFileSync(join(project.root, file)))), []);
    // Timings of the other machine stand under its own name, and every link of a number holds.
    check(await other.run('cache', 'pull', '--quick'));
    assert.match(check(await other.run('audit', 'kl_mean.novel-1m.nf4', '--quick')).stdout, /^every link holds /m);
  } finally {
    project.env = {};
    other.remove();
    rmSync(folder, { recursive: true, force: true });
  }
});

test('the site is complete', () => {
  for (const page of ['index.html', 'quality.html', 'sensitivity.html', 'speed.html', 'samples.html', 'claims.html', 'method.html', 'dag.html', 'data.html', 'glossary.html', 'formats/nf4.html', 'models/novel-1m.html'])
    assert.ok(existsSync(join(site, page)), page);
  const cells = filesOf(site).filter((it) => it.startsWith('cells/'));
  assert.ok(cells.length > 40, `${cells.length} cell pages`);
  assert.equal(brokenLinks(site), []);
});

test('the site is what it says of itself, and a number of it is followed to the files that it comes from', async () => {
  assert.match(check(await project.run('check-site', 'reports/site')).stdout, /^everything agrees: /m);
  const audit = check(await project.run('audit', 'kl_mean.novel-1m.nf4', '--quick')).stdout;
  assert.match(audit, /^ {2}data\/models\/novel-1m\/model\.safetensors {2}[0-9a-f]{64}$/m);
  assert.match(audit, /^every link holds \(9 cells, \d+ objects, [\d,]+ bytes hashed\)$/m);
  const script = check(await project.run('crosscheck', 'kl_mean.novel-1m.nf4', '--quick')).stdout;
  assert.match(script, /^MODEL, FORMAT, BASE = "data\/models\/novel-1m", "nf4", "fp16"$/m);
});

test('nothing on the site or in its exports names the user, the host or a path', () => {
  assert.equal(personalTraces(site, [project.root]), []);
});

test('in Chromium: light, dark, 360 px, file:// and a server under a sub-path, without JavaScript', async () => {
  const absent = missing();
  if (absent !== undefined) { notRun('the site in Chromium', absent); return; }
  assert.equal((await complaintsInChromium(site, pagesToOpen(site, filesOf(site)), TWO_LOOKS)).slice(0, 10), []);
});

test('a pack of it is computed again, claims first: every claim comes out, and everything exact is equal', async () => {
  check(await project.run('pack', '--quick', '--to', 'study.zip'));
  const again = check(await project.run('reproduce', 'study.zip', '--budget', '10min'));
  assert.match(again.stdout, /a-quality +equal /);
  assert.match(again.stdout, / d +within .*timings of another machine/);
  const { cells, claims, otherCode } = JSON.parse(project.read('reproduction.json')) as { cells: Record<string, { result: string }>; claims: { result: string }[]; otherCode: string[] };
  assert.ok(Object.keys(cells).length > 100);
  assert.equal(Object.entries(cells).filter(([, { result }]) => result !== 'equal'), []);
  assert.equal(claims.filter(({ result }) => result !== 'equal' && result !== 'within'), []);
  assert.equal(otherCode, []);
  assert.not.match(project.read('reproduction.json'), new RegExp(project.root));
});

test('the report is signed, holds to its signature, and is an RO-Crate and an in-toto statement to independent judges', async () => {
  const settings = mkdtempSync(join(tmpdir(), 'bitwidth-settings-'));
  try {
    process.env['XDG_CONFIG_HOME'] = settings;
    check(await quick());
    check(await project.run('attest', '--quick'));
    assert.match(check(await project.run('check-site', 'reports/site')).stdout, /everything agrees: [\s\S]*Signed with the key [0-9a-f]{64}/);
    const noCrate = await absent('rocrate_validator'), noStatement = await absent('in_toto_attestation');
    if (noCrate !== undefined) notRun('the RO-Crate, by roc-validator', noCrate);
    else assert.equal(await crateFindings(site), []);
    if (noStatement !== undefined) notRun('the statement, by in-toto-attestation', noStatement);
    else assert.is(await statementFinding(join(site, 'data/provenance/statement.intoto.jsonl')), '');
  } finally {
    delete process.env['XDG_CONFIG_HOME'];
    rmSync(settings, { recursive: true, force: true });
    rmSync(join(site, 'data/provenance'), { recursive: true, force: true });
  }
});

test('a second run runs nothing', async () => {
  const again = check(await quick());
  assert.equal(done(again).ran, 0);
  assert.ok(done(again).cached > 50);
});

test('a temperature more runs the new cells, claims, tables and pages; a temperature less runs no cell of the study', async () => {
  const before = project.read('data/study.yaml');
  const [head, block] = before.split(/^(?=quick:)/m) as [string, string];
  const wider = block.replace('temperatures: [0, 0.7]', 'temperatures: [0, 0.7, 0.9]');
  assert.not.equal(wider, block);
  project.write('data/study.yaml', head + wider);
  const more = check(await quick());
  const ran = studyCells(more);
  assert.ok(ran.some((cell) => cell.startsWith('score:')), 'new score cells ran');
  for (const cell of ran) assert.match(cell, /T0\.9|^claims:|^tabulate:/, `${cell} had no reason to run`);
  const pages = cellsThatRan(more).filter((cell) => cell.startsWith('page:'));
  for (const page of pages) assert.match(page, /^page:(overview|sensitivity|claims|method|data|table\/(sampling_windows|sweep_metrics|claims|claim_effects))$/, `${page} shows no temperature`);
  const why = await project.run('why', '--quick', ran.find((cell) => cell.startsWith('tabulate:'))!);
  assert.is(why.code, 0, why.stderr);
  assert.match(why.stdout, /T0\.9|changed/);
  project.write('data/study.yaml', before);
  assert.equal(studyCells(check(await quick())), []);
});

test('a comment, a reformat, an edit of the machinery, a new page: no cell of the study', async () => {
  const nf4 = project.read('kernels/formats/nf4.ts'), dag = project.read('stages/dag/words.ts'), score = project.read('stages/quantization/score.ts'), num = project.read('reports/num.ts');
  project.write('kernels/formats/nf4.ts', `// a remark\n${nf4.replaceAll('; ', ';\n   ')}`);
  project.write('stages/quantization/score.ts', `/* another */\n${score}`);
  project.write('stages/dag/words.ts', `${dag}\nexport const unused = 1;\n`);
  project.write('reports/num.ts', `${num}\nexport const unused = 1;\n`);
  // CONTRIBUTING, "Add a page": a file and a line.
  const glossary = project.read('reports/pages/glossary.ts'), register = project.read('reports/pages.ts');
  project.write('reports/pages/another.ts', glossary.replace('export const glossary', 'export const another').replace("name: 'glossary'", "name: 'another'").replace("'glossary.html'", "'another.html'"));
  project.write('reports/pages.ts', register.replace('export const pages', "import { another } from './pages/another.ts';\n\nexport const pages").replace(' glossary,', ' glossary, another,'));
  const it = check(await quick());
  assert.equal(studyCells(it), []);
  assert.ok(existsSync(join(site, 'another.html')));
  project.write('reports/pages.ts', register);
  project.write('kernels/formats/nf4.ts', nf4);
  project.write('stages/quantization/score.ts', score);
  project.write('stages/dag/words.ts', dag);
  project.write('reports/num.ts', num);
});

test("code in formats/nf4.ts: nf4's cells and what depends on their outputs", async () => {
  const before = project.read('kernels/formats/nf4.ts');
  project.write('kernels/formats/nf4.ts', `${before}\nexport const anotherConstant = 1;\n`);
  const it = check(await quick());
  const ran = studyCells(it);
  assert.ok(ran.includes('quantize:novel-1m/nf4'), 'quantize ran again');
  // A timing holds every format in each block and two tables describe every format: nf4's code counts for those too.
  for (const cell of ran) assert.match(cell, /nf4|^speed:|^summarize:.*\/speed$|^claims:|^tabulate:(formats|layouts|speed_\w+|metrics|pairs|machine\w+|claims|claim_effects)$/, `${cell} does not depend on nf4.ts`);
  for (const cell of ran) assert.not.match(cell, /^(summarize|tabulate):(?!.*speed|formats|layouts|metrics|pairs|machine|claim)/, `${cell}: equal outputs stop the wave`);
  project.write('kernels/formats/nf4.ts', before);
  check(await quick());
});

test('without the store: the same bytes again', async () => {
  const before = exactOutputs(), pages = new Map(filesOf(site).map((path) => [path, project.sha256(`reports/site/${path}`)]));
  assert.ok(before.size > 50);
  rmSync(join(project.root, '.bitwidth'), { recursive: true });
  check(await quick());
  const after = exactOutputs();
  // The store before also knew the temperature that came and went, and nf4 under other code.
  assert.ok(after.size > 50);
  assert.equal([...after].filter(([name, sha256]) => before.get(name) !== sha256).map(([name]) => name), []);
  assert.equal(filesOf(site), [...pages.keys()]);
  for (const path of ['glossary.html', 'quality.html', 'samples.html', 'sensitivity.html']) assert.is(project.sha256(`reports/site/${path}`), pages.get(path), path);
});

test('a worker killed in the middle: the next run finishes with the same bytes', async () => {
  if (!existsSync('/proc/self/task')) { notRun('a worker killed in the middle', 'finding the worker needs /proc'); return; }
  const before = exactOutputs();
  rmSync(join(project.root, '.bitwidth'), { recursive: true });
  const child = project.start('run', '--quick', '--json');
  let killed = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    if (killed > 0 || !chunk.toString().includes('"progress"')) return;
    for (const worker of workersUnder(child.pid!)) { process.kill(worker, 'SIGKILL'); killed++; }
  });
  await child;
  assert.ok(killed > 0, 'a worker was killed');
  check(await quick());
  const after = exactOutputs();
  assert.equal([...after].filter(([name, sha256]) => before.get(name) !== sha256).map(([name]) => name), []);
  assert.is(after.size, before.size);
});

test('a model with a weight that is not finite: its cells fail with a reason on the site, the rest is there, exit 1', async () => {
  const before = project.read('data/study.yaml');
  mkdirSync(join(project.root, 'models/broken'), { recursive: true });
  for (const file of ['config.json', 'tokenizer.json', 'tokenizer_config.json']) copyFileSync(join(project.root, 'data/models/novel-1m', file), join(project.root, 'models/broken', file));
  const weights = readFileSync(join(project.root, 'data/models/novel-1m/model.safetensors'));
  const header = JSON.parse(weights.subarray(8, 8 + Number(weights.readBigUInt64LE(0))).toString()) as Record<string, { data_offsets: [number, number] }>;
  const [from] = header['model.layers.0.mlp.up_proj.weight']!.data_offsets;
  weights.writeUInt16LE(0x7c00, 8 + Number(weights.readBigUInt64LE(0)) + from); // an fp16 infinity
  writeFileSync(join(project.root, 'models/broken/model.safetensors'), weights);
  const [head, block] = before.split(/^(?=quick:)/m) as [string, string];
  project.write('data/study.yaml', head + block.replace('models: [novel-1m]', 'models: [novel-1m, { name: broken, source: "local:models/broken" }]'));
  const it = check(await quick(), 1);
  assert.ok(done(it).failed > 0);
  const failed = it.events.filter((e) => e.event === 'failed');
  assert.ok(failed.some((e) => /up_proj/.test(String(e['sentence']))), JSON.stringify(failed[0]));
  assert.match(readFileSync(join(site, 'failures.html'), 'utf8'), /up_proj/);
  assert.ok(existsSync(join(site, 'models/novel-1m.html')));
  assert.equal(brokenLinks(site), []);
  project.write('data/study.yaml', before);
  check(await quick());
});

test('a mistake in study.yaml: its place, what is allowed, exit 2', async () => {
  const before = project.read('data/study.yaml');
  project.edit('data/study.yaml', /^formats: \[fp32,/m, 'formats: [nf5,');
  const it = await project.run('run');
  assert.is(it.code, 2);
  assert.match(it.stderr + it.stdout, /data\/study\.yaml:\d+:\d+ unknown format "nf5"; formats are fp32, fp16/);
  project.write('data/study.yaml', before);
});

/** The worker processes of a run: its descendants that were started to run tasks. */
function workersUnder(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
  return children.flatMap((child) => [...(readFileSync(`/proc/${child}/cmdline`, 'utf8').includes('worker-main') ? [child] : []), ...workersUnder(child)]);
}

test.run();
