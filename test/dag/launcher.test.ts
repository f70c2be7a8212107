/** The launcher: bundles once for each state of the sources, and a bundle behaves as its sources do. */
import { existsSync, mkdirSync, readFileSync, readdirSync, unlinkSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LaunchedProject } from './launched-project.ts';

const test = suite<{ project: LaunchedProject }>('dag: launcher');
test.before((context) => { context.project = new LaunchedProject(); });
test.after(({ project }) => project.remove());

test('builds once, runs from anywhere below, workers and assets included', async ({ project }) => {
  const [first, second] = await Promise.all([project.run('run', '--json'), project.run('help')]);
  assert.is(first.code, 0, first.err);
  assert.is(second.code, 0, second.err);
  assert.match(first.out, /"ran":3,"cached":0,"failed":0/);
  assert.is(project.builds().length, 1, 'two builds at once leave one');
  mkdirSync(project.path('deep/er'), { recursive: true });
  const again = await project.start(['run', '--json'], project.path('deep/er')).end;
  assert.match(again.out, /"ran":0,"cached":3/);
  assert.is(project.builds().length, 1);
});

test('a folder with a pipeline.ts of its own below the project is no project', async ({ project }) => {
  const { code, out, err } = await project.start(['status'], project.path('stages/dag')).end;
  assert.is(code, 0, err);
  assert.match(out, /up to date/);
  assert.not.ok(existsSync(project.path('stages/dag/.bitwidth')));
});

test('--version is the project\'s', async ({ project }) => {
  const { version } = JSON.parse(readFileSync(project.path('package.json'), 'utf8')) as { version: string };
  assert.is((await project.run('--version')).out, `${version}\n`);
});

test('a package that is not installed is named, with what to do', async ({ project }) => {
  unlinkSync(project.path('node_modules'));
  try {
    project.edit('stages/greet.ts', (text) => `${text}\n// changed: its form has to be found again\n`);
    const { code, err } = await project.run('status');
    assert.is(code, 2);
    assert.match(err, /^the package \S+ is not installed; run "npm ci" in the project\n$/);
  } finally {
    project.installPackages();
  }
});

test('no absolute path is baked into a build', ({ project }) => {
  const folder = project.path('.bitwidth/build', project.builds()[0]!);
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) assert.not.match(readFileSync(`${entry.path}/${entry.name}`, 'utf8'), project.root);
  }
});

test('a flag of the project reaches it', async ({ project }) => {
  assert.match((await project.run('run', '--loud', '--json')).out, /"ran":3/);
  assert.match((await project.run('help')).out, /--loud: Greet loudly/);
});

test('an asset beside a source counts into its code', async ({ project }) => {
  project.edit('stages/greeting.txt', () => 'good morning\n');
  const { out } = await project.run('run', '--json');
  assert.match(out, /"code stages\/greeting.txt changed"/);
  assert.match(out, /"ran":3/);
});

test('an edited source is built again; what the machinery does is no part of any result', async ({ project }) => {
  project.edit('stages/dag/words.ts', (text) => `${text}\nexport const unused = 1;\n`);
  assert.match((await project.run('run', '--json')).out, /"ran":0,"cached":3/);
  project.edit('stages/join.ts', (text) => text.replace("'\\n'", "', '"));
  const { out } = await project.run('run', '--json');
  assert.match(out, /"reasons":\["code stages\/join.ts changed"\]/);
  assert.match(out, /"ran":1,"cached":2/);
});

test('mistakes are sentences with exit code 2', async ({ project }) => {
  project.settings({ wrong: 'settings.json:1:2 unknown name; names are ada, grace' });
  const configured = await project.run('run');
  assert.is(configured.code, 2);
  assert.is(configured.err, 'settings.json:1:2 unknown name; names are ada, grace\n');
  project.settings({});

  project.edit('stages/join.ts', (text) => `${text}\nconst = 1;\n`);
  const broken = await project.run('run');
  assert.is(broken.code, 2);
  assert.match(broken.err, /^stages\/join\.ts:\d+:\d+ /);

  const nowhere = await project.start(['run'], '/').end;
  assert.is(nowhere.code, 2);
  assert.match(nowhere.err, /^there is no pipeline\.ts/);
});

test.run();
