/**
 * The laws of the house (ARCHITECTURE.md, "Architecture Invariant"): what may import what, what a file may not say,
 * how large a file may grow. They are held here because nobody remembers them all.
 */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const skipped = new Set(['node_modules', '.git', '.bitwidth', 'site', 'fixtures', 'models', 'texts']);

function filesUnder(folder: string): string[] {
  const found: string[] = [];
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = join(folder, entry.name);
    // kernels/models and data/models share a name; only the data's is skipped
    if (entry.isDirectory()) { if (!skipped.has(entry.name) || path === 'kernels/models') found.push(...filesUnder(path)); }
    else if (entry.isFile()) found.push(path);
  }
  return found;
}

const all = filesUnder('.');
const product = all.filter((path) => /^(stages|kernels|reports|provenance)\/.*\.ts$|^(?:pipeline|bitwidth)\.ts$/.test(path) && !path.startsWith('kernels/wasm/'));
const text = (path: string) => readFileSync(join(root, path), 'utf8');

/** Specifiers of static imports and exports and of literal dynamic imports; `types`: type-only ones too. */
function importsOf(path: string, types: boolean): string[] {
  const source = text(path).replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1');
  const found: string[] = [];
  for (const [, typeOnly, specifier] of source.matchAll(/^\s*(?:import|export)\s+(type\s)?[^'"`;()]*?from\s*['"]([^'"]+)['"]/gm)) if (types || !typeOnly) found.push(specifier!);
  for (const [, specifier] of source.matchAll(/^\s*import\s*['"]([^'"]+)['"]/gm)) found.push(specifier!);
  for (const [, before, specifier] of source.matchAll(/(typeof\s+)?import\(\s*['"]([^'"]+)['"]\s*\)(?!\.)/g)) if (!before) found.push(specifier!);
  return found;
}

const local = (path: string, types: boolean) =>
  importsOf(path, types).filter((it) => it.startsWith('.')).map((it) => relative(root, resolve(root, dirname(path), it)));

const room = (path: string) => path === 'pipeline.ts' || path === 'bitwidth.ts' ? 'front door' : path.startsWith('stages/') ? path.split('/').slice(0, 2).join('/') : path.split('/')[0]!;

test('rooms import only what they may', () => {
  const wrong: string[] = [];
  for (const path of product) {
    for (const target of local(path, true)) {
      const from = room(path), to = room(target);
      if (from === to || from === 'front door') continue;
      // The kernels' public faces are the files at the top of their room: a stage imports the one it needs, not index.ts, so that
      // its code identity does not grow with all that index.ts re-exports.
      const publicFace = target === 'stages/dag/index.ts' || /^kernels\/[\w-]+\.ts$/.test(target);
      // In a page the machinery has another face.
      const allowed = (from === 'stages/quantization' && (publicFace || (path.startsWith('stages/quantization/in-page/') && target === 'stages/dag/in-page.ts'))) || (from === 'reports' && target === 'stages/dag/index.ts')
        || (from === 'provenance' && (target === 'stages/dag/index.ts' || /^reports\/[\w-]+\.ts$/.test(target)));
      if (!allowed) wrong.push(`${path} imports ${target}`);
    }
  }
  assert.equal(wrong, []);
});

test('no import cycles', () => {
  const state = new Map<string, 'open' | 'done'>();
  const cycles: string[] = [];
  const visit = (path: string, trail: readonly string[]) => {
    if (state.get(path) === 'done') return;
    if (state.get(path) === 'open') { cycles.push([...trail.slice(trail.indexOf(path)), path].join(' -> ')); return; }
    state.set(path, 'open');
    for (const next of local(path, false)) if (next.endsWith('.ts')) visit(next, [...trail, path]);
    state.set(path, 'done');
  };
  for (const path of product) visit(path, []);
  assert.equal(cycles, []);
});

test('each package has one owner file, and is a dependency', () => {
  const owners = new Map<string, string[]>();
  for (const path of product) {
    // A package may also be found by its path: headers are for another compiler.
    const found = [...text(path).matchAll(/\.resolve\('([^']+)'\)/g)].map(([, name]) => name!);
    for (const it of new Set([...importsOf(path, false), ...found])) {
      if (it.startsWith('.') || it.startsWith('node:') || builtinModules.includes(it)) continue;
      const name = it.startsWith('@') ? it.split('/').slice(0, 2).join('/') : it.split('/')[0]!;
      owners.set(name, [...(owners.get(name) ?? []), path]);
    }
  }
  const shared = [...owners].filter(([, files]) => files.length > 1).map(([name, files]) => `${name}: ${files.join(', ')}`);
  assert.equal(shared, []);
  const { dependencies } = JSON.parse(text('package.json')) as { dependencies: Record<string, string> };
  const launcher = all.filter((path) => path.startsWith('bin/')).map(text).join('\n');
  const unowned = Object.keys(dependencies).filter((name) => !owners.has(name) && !launcher.includes(name));
  assert.equal(unowned, [], 'a dependency that nothing imports');
  assert.equal([...owners.keys()].filter((name) => !(name in dependencies)), [], 'an import that is not a dependency');
});

test('heavy packages are loaded only when used', () => {
  const heavy = ['@duckdb/node-api', '@observablehq/plot', 'linkedom', '@huggingface/tokenizers', 'yaml', 'execa', '@swc/wasm-typescript', 'esbuild'];
  const statically = (path: string) => [...text(path).matchAll(/^(?:import|export)\s+(?!type\s)[^'"`;]*?from\s*['"]([^'"]+)['"]/gm)].map(([, name]) => name!);
  // An owner that is itself loaded only when used may import its package in the plain way.
  const importedStatically = new Set(product.flatMap((path) => statically(path).filter((it) => it.startsWith('.')).map((it) => relative(root, resolve(root, dirname(path), it)))));
  assert.equal(product.filter((path) => importedStatically.has(path) && statically(path).some((it) => heavy.includes(it))), []);
});

test('the front door stays a list', () => {
  for (const path of ['pipeline.ts', 'bitwidth.ts']) assert.ok(text(path).split('\n').length <= 150);
});

test('a file is one idea: at most 400 lines', () => {
  const long = product.filter((path) => text(path).split('\n').length > 400);
  assert.equal(long, []);
});

test('every test file runs its tests, and no test is switched to run alone', () => {
  const tests = all.filter((path) => path.startsWith('test/') && path.endsWith('.test.ts'));
  assert.ok(tests.length > 10);
  assert.equal(tests.filter((path) => !/\.run\(\);?\s*$/.test(text(path))), [], 'without .run() at its end');
  assert.equal(tests.filter((path) => /\.only\(/.test(text(path)) && path !== 'test/house.test.ts'), []);
});

test('nothing names a machine, a registry host or unfinished work', () => {
  const readable = all.filter((path) => /\.(ts|mjs|js|json|ya?ml|md|sql|css|sh)$|^\.ci\/run$/.test(path) && !['test/house.test.ts', 'package-lock.json'].includes(path) && statSync(join(root, path)).size < 1e6);
  const forbidden = [/\.\.\/shared\b/, /\/work\//, /\/home\/\w/, /\/root\b/, /TODO|FIXME|XXX/, /registry\.npmjs\.org|pypi\.org\/simple|deb\.debian\.org/];
  const wrong = readable.flatMap((path) => forbidden.filter((it) => it.test(text(path))).map((it) => `${path}: ${it}`));
  assert.equal(wrong, []);
});

test('one file opens connections; one listens, on this machine only, and its page asks its own origin', () => {
  const network = product.filter((path) => importsOf(path, true).some((it) => /^(?:node:)?(?:http|https|http2|net|tls|dgram)$/.test(it)) || /\bfetch\(['"`]?http|new (?:WebSocket|EventSource)\b/.test(text(path)));
  assert.equal(network, ['provenance/serve-script.ts', 'provenance/serve-server.ts', 'stages/quantization/hub/http.ts']);
  const server = text('provenance/serve-server.ts');
  assert.equal(server.match(/import (?!type).*'node:(?:http|net)';/g), ["import { createServer } from 'node:http';"]);
  assert.equal(server.match(/\.listen\([^,]*, ?[^,)]*/g), [".listen(port, '127.0.0.1'"]);
  assert.equal(text('provenance/serve-script.ts').match(/new EventSource\([^)]*\)/g), ["new EventSource('events')"]);
  assert.match(text('provenance/serve-page.ts'), /connect-src 'self'/);
});

test('the lockfile records no download addresses', () => {
  assert.not.match(text('package-lock.json'), /"resolved"/);
});

test('arithmetic that results depend on uses no platform function', () => {
  // Math.pow, exp, log, sin, cos differ between machines; kernels and statistics have their own (kernels/float64.ts).
  const exact = product.filter((path) => /^(kernels|stages\/quantization)\/(?!config)/.test(path)); // a reader's bounds are no results
  const wrong = exact.flatMap((path) => {
    const code = text(path).replace(/\/\*[\s\S]*?\*\//g, '').replace(/\/\/.*$/gm, '');
    return [...code.matchAll(/Math\.(pow|exp|expm1|log|log2|log10|log1p|sin|cos|tan|tanh|atan2?|cbrt|hypot)\b|\*\*/g)].map(([what]) => `${path}: ${what}`);
  });
  assert.equal(wrong, []);
});

test.run();
