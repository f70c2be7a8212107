import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CodeIdentities } from '../../stages/dag/code-identity.ts';
import type { CodeIdentity } from '../../stages/dag/code-identity.ts';
import { CodeIdentityError } from '../../stages/dag/errors.ts';
import { FileFacts } from '../../stages/dag/facts.ts';
import { normaliseModule } from '../../stages/dag/normalise.ts';
import { sha256 } from '../../stages/dag/sha256.ts';
import type { CodeBoundary } from '../../stages/dag/types.ts';
import { inFolder } from './store-help.ts';

const form = async (source: string): Promise<string> => (await normaliseModule(source, true)).hash;

test('the form of a module is pinned: an upgrade of the parsers must not run every cell again', async () => {
  const source = readFileSync(new URL('../fixtures/dag/every-syntax.ts.txt', import.meta.url), 'utf8');
  const { hash, imports, assets } = await normaliseModule(source, true);
  assert.equal([imports, assets], [['./both.ts', './value.ts', './data.json', './again.ts', './all.ts', './later.ts', './template.ts'], ['./file.wasm']]);
  assert.is(hash, '042308ce29469f18054ce2a72482e92eb54cff83b5f29d62ec9b95687d1be0c8');
});

const SAME: readonly (readonly [string, string])[] = [
  ['const a = 1; // comment\n/* more */ export { a };', 'const a=1;export{a}'],
  ["const s = 'x', t = `y`;", 'const s = "x", t = `y`'],
  ['f(a, b,);\n[1, 2,];', 'f(a,\n  b)\n;[1, 2]'],
  ['const f = (x) => { return (x + 1); };', 'const f = x => {\n  return x + 1\n}'],
  ['const f = (x: number, y?: string): Map<string, number> => g<number>(x as never)!;', 'const f = (x, y) => g(x);'],
  ["import type { A } from './a.ts';\ninterface B { c: A }\ntype D = B;\nlet x: D;", 'let x;'],
  ['class A<T> implements B { readonly x: T; declare y: number; #z?: string; m(this: A<T>): void {} }', 'class A { x; #z; m() {} }'],
  ['const n = 0x10 + 1_000;', 'const n = 16 + 1000;'],
  ['let a = {"b": 1};', "let a = {'b': 1};"],
];

test('comments, formatting, quoting and types do not count', async () => {
  for (const [a, b] of SAME) assert.is(await form(a), await form(b), `${a}  ~  ${b}`);
});

const DIFFERENT: readonly (readonly [string, string])[] = [
  ['const a = 1;', 'const a = 2;'], ['const a = 1;', 'let a = 1;'], ['a + b * c', '(a + b) * c'], ['x => x', 'x => ({ x })'],
  ['function f() { return 1 }', 'function f() { return\n1 }'], ["'a b'", "'a  b'"], ['`a\n`', '`a\n\n`'], ['tag`\\n`', 'tag`\n`'],
  ['a = /x/g', 'a = /x/'], ['a = 1n', 'a = 1'], ['a = 1e999', 'a = null'], ['a = null', 'a = 0'], ["a = ''", 'a = false'], ['[, a] = b', '[a] = b'],
  ['a?.b', 'a.b'], ['a ?? b', 'a || b'], ['async () => {}', '() => {}'], ['class A { x }', 'class A { static x }'], ['for (;;) ;', 'for (;;) { a }'],
  ['class A { #x }', 'class A { x }'], ['if (a) b; else c', 'if (a) b; c'], ["import './a.ts'", "import './b.ts'"], ['i++', '++i'], ['a = undefined', 'a = null'],
  ["import { a } from './a.ts'", "import { b as a } from './a.ts'"], ['[...a]', '[a]'], ["'use strict'", '"use other"'], ['label: for (;;) break label', 'for (;;) break'],
];

test('whatever changes what a module does, counts', async () => {
  for (const [a, b] of DIFFERENT) assert.is.not(await form(a), await form(b), `${a}  !~  ${b}`);
});

/** A project of these files, with identities found afresh for each call. */
class Project {
  readonly root: string;
  readonly boundaries: { readonly [path: string]: CodeBoundary };
  constructor(folder: string, files: { readonly [path: string]: string }, boundaries: { readonly [path: string]: CodeBoundary } = {}) {
    this.root = join(folder, 'project');
    this.boundaries = boundaries;
    for (const [path, text] of Object.entries(files)) this.write(path, text);
  }

  write(path: string, text: string): void {
    mkdirSync(dirname(join(this.root, path)), { recursive: true });
    writeFileSync(join(this.root, path), text);
  }

  identities(facts = new FileFacts(`${this.root}/.cache/files.ndjson`)): CodeIdentities {
    return new CodeIdentities({ root: this.root, boundaries: this.boundaries, facts, cacheFolder: `${this.root}/.cache` });
  }

  async of(module: string, uses: readonly string[] = []): Promise<CodeIdentity> {
    const identities = this.identities();
    const identity = await identities.of(module, uses);
    identities.save();
    return identity;
  }

  async fault(module: string): Promise<string> {
    const error = await this.of(module).then(() => undefined, (reason: unknown) => reason);
    assert.instance(error, CodeIdentityError);
    return (error as Error).message;
  }
}

const FILES = {
  'stages/score.ts': "import { half } from '../kernels/half.ts';\nimport type { T } from '../kernels/types.ts';\nimport { formats } from '../kernels/formats.ts';\nimport { stage } from './dag/index.ts';\nimport { readFile } from 'node:fs/promises';\nimport path from 'path';\nexport const run = (x: T) => [half, formats, stage, readFile, path, x];\n",
  'stages/dag/index.ts': "export * from './other.ts';",
  'stages/dag/other.ts': 'export const stage = 1;',
  'kernels/half.ts': "export const half = async () => (await import('./late.ts')).late;",
  'kernels/late.ts': "import './half.ts';\nexport const late = new URL('./k.wasm', import.meta.url);",
  'kernels/k.wasm': 'bytes',
  'kernels/types.ts': 'export type T = number;',
  'kernels/formats.ts': "export const formats = [];\nexport * from './formats/nf4.ts';\nexport * from './formats/fp4.ts';",
  'kernels/formats/nf4.ts': "import { table } from './table.ts';\nexport const nf4 = table;",
  'kernels/formats/fp4.ts': 'export const fp4 = 4;',
  'kernels/formats/table.ts': 'export const table = [0];',
};
const BOUNDARIES: { readonly [path: string]: CodeBoundary } = { 'kernels/formats.ts': 'register', 'stages/dag/': { constant: 'record format 1' } };

test('an identity is the closure up to its boundaries, with constants, assets and the files that a cell uses', () => inFolder(async folder => {
  const project = new Project(folder, FILES, BOUNDARIES);
  const { files } = await project.of('stages/score.ts', ['kernels/formats/nf4.ts']);
  assert.equal(Object.keys(files), ['kernels/formats/nf4.ts', 'kernels/formats/table.ts', 'kernels/half.ts', 'kernels/k.wasm', 'kernels/late.ts', 'stages/dag/', 'stages/score.ts']);
  assert.is(files['stages/dag/'], 'record format 1');
  assert.is(files['kernels/k.wasm'], sha256('bytes'));
}));

test('an edit changes the identities that contain it, and no others', () => inFolder(async folder => {
  const project = new Project(folder, FILES, BOUNDARIES);
  const all = async (): Promise<readonly string[]> => Promise.all([project.of('stages/score.ts'), project.of('stages/score.ts', ['kernels/formats/nf4.ts']), project.of('stages/score.ts', ['kernels/formats/fp4.ts'])]).then(list => list.map(identity => identity.hash));
  const changedBy = async (path: string, text: string): Promise<readonly boolean[]> => {
    const before = await all();
    project.write(path, text);
    const after = await all();
    return before.map((hash, i) => hash !== after[i]);
  };
  assert.equal(await changedBy('kernels/formats/nf4.ts', `// a comment\n${FILES['kernels/formats/nf4.ts']}`), [false, false, false]);
  assert.equal(await changedBy('kernels/formats/table.ts', 'export const table = [1];'), [false, true, false]);
  assert.equal(await changedBy('kernels/formats/fp4.ts', 'export const fp4 = 5;'), [false, false, true]);
  assert.equal(await changedBy('kernels/formats.ts', 'export const formats = [1, 2];'), [false, false, false]);
  assert.equal(await changedBy('stages/dag/other.ts', 'export const stage = 2;'), [false, false, false]);
  assert.equal(await changedBy('kernels/types.ts', 'export type T = string;'), [false, false, false]);
  assert.equal(await changedBy('kernels/late.ts', "export const late = new URL('./k.wasm', import.meta.url); late;"), [true, true, true]);
  assert.equal(await changedBy('kernels/k.wasm', 'other bytes'), [true, true, true]);
  rmSync(join(project.root, 'kernels/k.wasm'));
  assert.is((await project.of('stages/score.ts')).files['kernels/k.wasm'], 'absent');
}));

test('two modules that import each other have identities of their own', () => inFolder(async folder => {
  const project = new Project(folder, { 'a.ts': "import './b.ts';", 'b.ts': "import './a.ts';" });
  const [a, b] = [await project.of('a.ts'), await project.of('b.ts')];
  assert.equal(a.files, b.files);
  assert.is.not(a.hash, b.hash);
}));

test('what an identity was found by is known of when it changes: modules, assets, also those that are not there, and the lock', () => inFolder(async folder => {
  const project = new Project(folder, { 'package-lock.json': '{"packages":{"node_modules/yaml":{"version":"1.0.0"}}}', 'src/x.ts': "import 'yaml';\nimport './y.ts';\nnew URL('./late.txt', import.meta.url);", 'src/y.ts': "new URL('./here.txt', import.meta.url);", 'src/here.txt': 'here', 'src/other.ts': '' });
  const facts = new FileFacts(`${folder}/files.ndjson`);
  await project.identities(facts).of('src/x.ts');
  assert.is(facts.changed(), false);
  for (const path of ['package-lock.json', 'src/x.ts', 'src/y.ts', 'src/here.txt', 'src/late.txt']) {
    project.write(path, '// another');
    assert.equal([facts.changed(), facts.changed()], [true, false], path);
  }
  project.write('src/other.ts', '// another');
  assert.is(facts.changed(), false);
}));

test('a file of the project that comes to stand in for one of the package, or goes again, is known of', () => inFolder(async folder => {
  const [project, base] = [new Project(folder, { 'src/x.ts': "import './y.ts';\nnew URL('./here.txt', import.meta.url);" }), new Project(join(folder, 'package'), { 'package.json': '{"name":"base"}', 'src/y.ts': '', 'src/here.txt': 'here' })];
  const facts = new FileFacts(`${folder}/files.ndjson`);
  const look = (): Promise<CodeIdentity> => new CodeIdentities({ root: project.root, base: base.root, boundaries: {}, facts, cacheFolder: `${folder}/.cache` }).of('src/x.ts');
  const before = await look();
  for (const path of ['src/y.ts', 'src/here.txt']) {
    assert.is(facts.changed(), false);
    project.write(path, 'const own = 1;');
    assert.equal([facts.changed(), facts.changed()], [true, false], path);
    assert.is.not((await look()).hash, before.hash);
    rmSync(join(project.root, path));
    assert.equal([facts.changed(), facts.changed()], [true, false], `without ${path}`);
    assert.is((await look()).hash, before.hash);
  }
}));

test('packages count with their locked version, wherever they are imported from, builtins do not', () => inFolder(async folder => {
  const lock = (version: string): string => JSON.stringify({ packages: { 'node_modules/yaml': { version }, 'node_modules/@a/b': { version: '2.0.0' }, 'node_modules/mine': { link: true, resolved: 'mine' }, mine: { version: '0.0.1' } } });
  const project = new Project(folder, { 'package-lock.json': lock('1.0.0'), 'src/x.ts': "import 'yaml';\nimport '@a/b/deep.js';\nimport 'mine';\nimport 'node:os';\nimport 'fs/promises';\nconst y = await import('unlocked/sub');" , 'node_modules/unlocked/package.json': '{"version":"9.9.9"}' });
  const before = await project.of('src/x.ts');
  const { 'src/x.ts': _, ...packages } = before.files;
  assert.equal(packages, { 'package:yaml': '1.0.0', 'package:@a/b': '2.0.0', 'package:mine': '0.0.1', 'package:unlocked': '9.9.9' });
  project.write('package-lock.json', lock('1.0.1'));
  const after = await project.of('src/x.ts');
  assert.is(after.files['package:yaml'], '1.0.1');
  assert.is.not(after.hash, before.hash);
}));

test('a worker named by URL is code; a compiled name finds its typed source', () => inFolder(async folder => {
  const project = new Project(folder, { 'a.ts': "new Worker(new URL('./w.ts', import.meta.url));\nimport './b.js';", 'w.ts': "import './deep.ts';", 'deep.ts': '', 'b.ts': '' });
  assert.equal(Object.keys((await project.of('a.ts')).files), ['a.ts', 'b.ts', 'deep.ts', 'w.ts']);
}));

test('what cannot be followed is an error that names file and place', () => inFolder(async folder => {
  const project = new Project(folder, {
    'syntax.ts': "const a = 1;\nimport './broken.ts';", 'broken.ts': 'const ok = 1;\nconst x = = 3;\n', 'plain.js': 'a b', 'enum.ts': '\nenum A { b }',
    'opaque.ts': 'const x = 1;\n  await import(x + "");', 'nowhere.ts': "import './gone.ts';", 'outside.ts': "import '../../x.ts';", 'absolute.ts': "import '/etc/x.ts';",
    'unknown.ts': "import 'no-such-package-here';", 'folder.ts': "new URL('./', import.meta.url);", 'hash.ts': "import '#x';",
  });
  assert.match(await project.fault('syntax.ts'), /^broken\.ts:2:11 /);
  assert.match(await project.fault('plain.js'), /^plain\.js:1:3 /);
  assert.match(await project.fault('enum.ts'), /^enum\.ts:2:1 .*enum/);
  assert.match(await project.fault('opaque.ts'), /^opaque\.ts:2:9 import\(\)/);
  assert.match(await project.fault('nowhere.ts'), /^nowhere\.ts imports "\.\/gone\.ts", which is no file/);
  assert.match(await project.fault('outside.ts'), /outside the project/);
  assert.match(await project.fault('absolute.ts'), /allowed are relative files, packages and node: modules/);
  assert.match(await project.fault('hash.ts'), /allowed are/);
  assert.match(await project.fault('unknown.ts'), /"no-such-package-here", which is neither in package-lock\.json nor installed/);
  assert.match(await project.fault('folder.ts'), /declares the folder/);
  assert.match(await project.fault('missing.ts'), /^missing\.ts does not exist/);
}));

test('what is remembered spares parsing, is keyed by content, and its damage costs nothing', () => inFolder(async folder => {
  const project = new Project(folder, FILES, BOUNDARIES);
  const fresh = await project.of('stages/score.ts');
  const cache = join(project.root, '.cache', readdirSync(join(project.root, '.cache')).find(name => name.startsWith('code-')) as string);
  const whole = readFileSync(cache);
  // Proof that it is used: an entry changed by a friend of its checksum changes the answer.
  const { encodeLine, readLines } = await import('../../stages/dag/log-lines.ts');
  const forged = readLines(Buffer.from(whole)).lines.map(line => line.parse() as { key: string; value: string }).map(({ key, value }) => encodeLine('entry', { key, value: value.replace(/"hash":"[0-9a-f]{4}/, '"hash":"0000') }));
  writeFileSync(cache, Buffer.concat(forged));
  assert.match((await project.of('stages/score.ts')).files['kernels/half.ts'] as string, /^0000/);
  for (const bytes of [whole.subarray(0, 100), Buffer.from('nonsense'), Buffer.alloc(0), Buffer.from(whole.map((byte, i) => (i % 200 === 150 ? byte ^ 1 : byte)))]) {
    writeFileSync(cache, bytes);
    assert.equal(await project.of('stages/score.ts'), fresh);
  }
}));

test.run();
