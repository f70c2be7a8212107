/** The package that reaches GPUs, as it may lie there: absent, damaged, of another version, or such that loading it ends the process. Each is said as what it is. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { loadDawn } from '../../kernels/webgpu/dawn.ts';
import type { DoctorItem } from '../../stages/dag/index.ts';
import { notRun } from '../not-run.ts';

const home = mkdtempSync(join(tmpdir(), 'bitwidth-package-'));
test.after(() => rmSync(home, { recursive: true, force: true }));

const NODE = `dist/${process.platform}-${process.platform === 'darwin' ? 'universal' : process.arch}/dawn.node`;
const TRIED = '{"name": "webgpu", "version": "0.6.2"}';

/** A folder in whose node_modules the package has these files. */
function folderWith(name: string, files: { readonly [path: string]: string }): string {
  const folder = join(home, name);
  for (const [path, text] of Object.entries(files)) {
    const file = join(folder, 'node_modules/webgpu', path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  return folder;
}

const lackOf = async (name: string, files: { readonly [path: string]: string }) => {
  const found = await loadDawn(pathToFileURL(join(folderWith(name, files), 'module.js')).href);
  return 'sentence' in found ? found : assert.unreachable();
};

test('none is missing; one that is there and cannot be used is damaged', async () => {
  assert.match((await lackOf('none', {}))!.sentence, /^the package webgpu is not installed; npm install --no-save --ignore-scripts webgpu@0\.6\.2 installs it/);
  assert.is((await lackOf('none', {}))!.wrong, undefined);
  const damaged = [
    ['unreadable', { 'package.json': '{ "version"' }, /^the package webgpu is damaged: its package\.json cannot be read/],
    ['versionless', { 'package.json': '{}' }, /^the package webgpu is damaged: its package\.json names no version$/],
    ['text', { 'package.json': TRIED, [NODE]: 'no program\n' }, /^the package webgpu 0\.6\.2 cannot be loaded on /],
  ] as const;
  for (const [name, files, sentence] of damaged) {
    const lack = (await lackOf(name, files))!;
    assert.match(lack.sentence, sentence);
    assert.is(lack.wrong, 'package', name);
  }
  assert.is((await lackOf('elsewhere', { 'package.json': '{"version": "0.9.0"}' }))!.sentence, `the package webgpu 0.9.0 has no ${NODE}, where 0.6.2 has it, the version that is tried`);
});

/** What doctor says first of GPUs in a copy of the project that has this package. */
function doctored(name: string, lay: (webgpu: string) => void): DoctorItem {
  const folder = join(home, name);
  const project = fileURLToPath(new URL('../../', import.meta.url));
  const modules = join(folder, 'node_modules');
  mkdirSync(join(modules, 'webgpu', dirname(NODE)), { recursive: true });
  for (const room of ['kernels', 'stages', 'package.json']) cpSync(join(project, room), join(folder, room), { recursive: true });
  for (const each of readdirSync(join(project, 'node_modules'))) if (each !== 'webgpu') symlinkSync(join(project, 'node_modules', each), join(modules, each));
  lay(join(modules, 'webgpu'));
  const script = join(folder, 'look.mts');
  writeFileSync(script, "import { gpuChecks } from './stages/quantization/doctor-gpu.ts';\nconsole.log(JSON.stringify((await gpuChecks()).items.find(({ name }) => name === 'package' || name === 'driver')));\n");
  const { stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', script], { encoding: 'utf8', cwd: folder });
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout) as DoctorItem;
}

test('a package that ends the process as it is loaded is what is broken, not a driver', () => {
  const source = join(home, 'ends.c');
  writeFileSync(source, '#include <stdlib.h>\n__attribute__((constructor)) static void begin(void) { abort(); }\n');
  if (spawnSync('cc', ['-shared', '-fPIC', '-o', join(home, 'ends.node'), source]).status !== 0) return notRun('a package that ends its process', 'there is no C compiler');
  const item = doctored('ends', (webgpu) => {
    writeFileSync(join(webgpu, 'package.json'), TRIED);
    cpSync(join(home, 'ends.node'), join(webgpu, NODE));
  });
  assert.equal(item, {
    name: 'package', state: 'broken', what: 'a process that looked for GPUs was ended by SIGABRT as it loaded the package webgpu, before it asked any driver: the package is damaged, or not made for this machine',
    hint: 'nothing is computed on GPUs until it can be used: remove its folder in node_modules, then npm install --no-save --ignore-scripts webgpu@0.6.2 installs it again',
  });
});

test('of another version it is said that nobody has tried it', async () => {
  const here = await loadDawn();
  if ('sentence' in here) return notRun('another version of the package', here.sentence);
  const real = fileURLToPath(new URL('../../node_modules/webgpu/', import.meta.url));
  const item = doctored('other', (webgpu) => {
    writeFileSync(join(webgpu, 'package.json'), '{"name": "webgpu", "version": "0.6.1"}');
    symlinkSync(join(real, NODE), join(webgpu, NODE));
  });
  assert.equal(item, { name: 'package', state: 'ok', what: 'dawn 0.6.1', hint: 'this version of bitwidth was tried with 0.6.2, not with this; npm install --no-save --ignore-scripts webgpu@0.6.2 installs that one' });
});

test.run();
