/** The machinery out of its project: a copy of its folder, its own packages and nothing else, runs its example. */
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const REPOSITORY = fileURLToPath(new URL('../../', import.meta.url));

const test = suite<{ folder: string }>('dag: alone');
test.before((context) => {
  context.folder = realpathSync(mkdtempSync(join(tmpdir(), 'bitwidth-alone-')));
  cpSync(join(REPOSITORY, 'stages/dag'), context.folder, { recursive: true });
  for (const left of ['example/.store', 'example/site']) rmSync(join(context.folder, left), { recursive: true, force: true });
  writeFileSync(join(context.folder, 'package.json'), '{ "type": "module" }');
  for (const name of packagesSaid()) install(name, context.folder);
});
test.after(({ folder }) => rmSync(folder, { recursive: true, force: true }));

/** The packages that its README tells to install. */
function packagesSaid(): readonly string[] {
  return /`npm install ([^`]+)`/.exec(readFileSync(join(REPOSITORY, 'stages/dag/README.md'), 'utf8'))![1]!.split(' ');
}

/** A package and what it depends on, as they lie in this repository. */
function install(name: string, folder: string): void {
  const to = join(folder, 'node_modules', name);
  if (existsSync(to)) return;
  const from = join(REPOSITORY, 'node_modules', name);
  mkdirSync(dirname(to), { recursive: true });
  // Copied, not linked: a link's own imports would be found beside its target.
  cpSync(from, to, { recursive: true });
  const { dependencies = {} } = JSON.parse(readFileSync(join(from, 'package.json'), 'utf8')) as { dependencies?: { readonly [name: string]: string } };
  for (const dependency of Object.keys(dependencies)) if (!existsSync(join(from, 'node_modules', dependency))) install(dependency, folder);
}

function run(folder: string, ...argv: string[]): Promise<{ readonly code: number | null; readonly out: string }> {
  // The loader is the developer's, from outside.
  const loader = pathToFileURL(join(REPOSITORY, 'node_modules/tsx/dist/loader.mjs')).href;
  const child = spawn(process.execPath, ['--import', loader, 'example/pipeline.ts', ...argv], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => { out += text; });
  return new Promise((resolve) => { child.on('close', (code) => resolve({ code, out })); });
}

test('its example runs, then nothing is to do, and an edited text changes what follows from it', async ({ folder }) => {
  const first = await run(folder, 'run', '--json');
  assert.is(first.code, 0, first.out);
  assert.match(first.out, /"event":"done","ran":5,"cached":0,"failed":0,"skipped":0/);
  const page = readFileSync(join(folder, 'example/site/index.html'), 'utf8');
  assert.match(page, /<tr><td>harbour<\/td><td>1<\/td><td>2<\/td><td>1<\/td><\/tr>/);
  assert.match((await run(folder, 'run', '--json')).out, /"ran":0,"cached":5/);

  const text = join(folder, 'example/texts/garden.txt');
  writeFileSync(text, `${readFileSync(text, 'utf8')}Harbour!\n`);
  assert.match((await run(folder, 'plan')).out, /^A run would compute 3 of 5 cells, about .*: all because input text changed \(example\/texts\/garden\.txt\)$/m);
  assert.match((await run(folder, 'run', '--json')).out, /"ran":3,"cached":2/);
  assert.match(readFileSync(join(folder, 'example/site/index.html'), 'utf8'), /<tr><td>harbour<\/td><td>2<\/td>/);
});

test('every command that looks without running answers', async ({ folder }) => {
  for (const argv of [['status'], ['why', 'page'], ['graph'], ['doctor'], ['help']]) {
    const { code, out } = await run(folder, ...argv);
    assert.is(code, 0, `${argv.join(' ')}: ${out}`);
  }
});

test.run();
