/** What doctor says of GPUs: loader and drivers by the variables and files that there are, and whatever the package finds here. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GPU_VARIABLE } from '../../kernels/engines.ts';
import type { DoctorItem } from '../../stages/dag/index.ts';
import { gpuChecks } from '../../stages/quantization/doctor-gpu.ts';
import { refuseWrongGpu } from '../../stages/quantization/gpus.ts';
import type { StudyConfig } from '../../stages/quantization/config.ts';
import { studyPeers } from '../../stages/quantization/study-peers.ts';
import { SWIFTSHADER } from '../gpu/swiftshaders.ts';
import { notRun } from '../not-run.ts';

const home = mkdtempSync(join(tmpdir(), 'bitwidth-gpus-'));
test.after(() => rmSync(home, { recursive: true, force: true }));

const named = async (env: Record<string, string>, name: string) => (await gpuChecks(env, 'linux')).items.filter((item) => item.name === name);

test('a loader is found where libraries are looked for', async () => {
  mkdirSync(join(home, 'lib'));
  writeFileSync(join(home, 'lib/libvulkan.so.1'), '');
  assert.equal(await named({ LD_LIBRARY_PATH: join(home, 'lib') }, 'Vulkan loader'), [{ name: 'Vulkan loader', state: 'ok', what: join(home, 'lib/libvulkan.so.1') }]);
});

const icd = (library: unknown): string => JSON.stringify({ file_format_version: '1.0.0', ICD: { library_path: library, api_version: '1.1.0' } });

test('drivers: those that a variable names, else those of the folders', async () => {
  const there = join(home, 'driver.json');
  const library = join(home, 'driver.so');
  writeFileSync(library, '');
  writeFileSync(there, icd('./driver.so'));
  const items = await named({ VK_DRIVER_FILES: `${there}:${home}/gone.json`, VK_ICD_FILENAMES: 'not read' }, 'Vulkan driver');
  assert.equal(items.map(({ state }) => state), ['ok', 'broken']);
  assert.match(items[1]!.what, /VK_DRIVER_FILES names .*gone\.json, which is not there/);
  mkdirSync(join(home, 'vulkan/icd.d'), { recursive: true });
  writeFileSync(join(home, 'vulkan/icd.d/own.json'), icd(library));
  assert.ok((await named({ XDG_DATA_HOME: home }, 'Vulkan driver')).some(({ what }) => what.endsWith('own.json')));
});

test('a driver whose file says nothing of use is broken: not JSON, no library, or one that is not there; a bare name is the loader\'s to find', async () => {
  const folder = join(home, 'drivers');
  mkdirSync(folder);
  const files = { 'a.json': icd('libGLX_nvidia.so.0'), 'b.json': '{"ICD"', 'c.json': '{}', 'd.json': icd('/nowhere/driver.so'), 'e.json': icd('../gone.so'), 'f.json': icd(7), 'g.json': 'null' };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  writeFileSync(join(folder, 'read me'), '');
  const items = await named({ VK_DRIVER_FILES: folder }, 'Vulkan driver');
  assert.equal(items.map(({ state, what }) => `${state}: ${what.replace(`VK_DRIVER_FILES names ${folder}/`, '').replace(`${folder}/`, '')}`), [
    'ok: a.json, which VK_DRIVER_FILES names', 'broken: b.json, which is no JSON', 'broken: c.json, which names no library (ICD.library_path)', 'broken: d.json, whose library /nowhere/driver.so is not there',
    `broken: e.json, whose library ${join(home, 'gone.so')} is not there`, 'broken: f.json, which names no library (ICD.library_path)', 'broken: g.json, which names no library (ICD.library_path)',
  ]);
});

test('cards are listed, and several are said to take turns; what only shows a console is none', async () => {
  const card = (address: string, facts: Record<string, string>): void => {
    mkdirSync(join(home, 'pci', address), { recursive: true });
    for (const [name, text] of Object.entries(facts)) writeFileSync(join(home, 'pci', address, name), `${text}\n`);
  };
  const found = async () => (await gpuChecks({}, 'linux', join(home, 'pci'))).items.filter(({ name }) => name.startsWith('card')).map(({ what }) => what);
  card('0000:00:02.0', { class: '0x030000', vendor: '0x1234', device: '0x1111' });
  card('0000:00:03.0', { class: '0x020000', vendor: '0x8086', device: '0x100e' });
  assert.equal(await found(), []);
  card('0000:01:00.0', { class: '0x030200', vendor: '0x10de', device: '0x2330' });
  assert.equal(await found(), ['NVIDIA 10de:2330 at 0000:01:00.0']);
  card('0000:02:00.0', { class: '0x030200', vendor: '0x10de', device: '0x2330' });
  assert.match((await found()).at(-1)!, /^2: WebGPU cannot tell cards of one name apart, so of those one task at a time takes one/);
  assert.equal((await gpuChecks({}, 'linux', join(home, 'no such folder'))).items.filter(({ name }) => name.startsWith('card')), []);
});

test('elsewhere there is no Vulkan to look for, and the package is told of or its adapters', async () => {
  const { section, items } = await gpuChecks({}, 'darwin');
  assert.is(section, 'GPUs');
  assert.not.ok(items.some(({ name }) => name.startsWith('Vulkan')));
  assert.is(items[0]!.name, 'package');
  if (items[0]!.state === 'missing') assert.match(items[0]!.what, /is not installed; npm install --no-save --ignore-scripts webgpu@\d+\.\d+\.\d+ installs it/);
  else assert.is(items[1]!.name, 'adapter');
});

/** In a process of its own, with variables of its own: what doctor says first of GPUs and of adapters, what the peer gpu says, and whether a study that computes there, or one that does not, is refused; what was printed on the way. */
function look(env: Record<string, string>): { items: DoctorItem[]; peer: DoctorItem; refused: string[]; waited: string[]; printed: string } {
  const url = (path: string): string => JSON.stringify(new URL(`../../stages/quantization/${path}`, import.meta.url).href);
  writeFileSync(join(home, 'look.mts'), `import { gpuChecks } from ${url('doctor-gpu.ts')};
    import { refuseWrongGpu } from ${url('gpus.ts')};
    import { peerNamed } from ${url('peers.ts')};
    const waited = [];
    const { items } = await gpuChecks(undefined, undefined, undefined, (sentence) => waited.push(sentence));
    const refused = [];
    for (const [peers, engines] of [[[{ name: 'gpu', device: 'gpu' }], []], [[], ['webgpu']], [[], ['auto']]]) await refuseWrongGpu({ peers, speed: { engines } }).catch((error) => refused.push(error.message));
    console.log(JSON.stringify({ items, peer: await peerNamed('gpu').doctor(), refused, waited }));`);
  const { stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', join(home, 'look.mts')], { encoding: 'utf8', cwd: fileURLToPath(new URL('../..', import.meta.url)), env: { ...process.env, ...env } });
  return { ...JSON.parse(stdout), printed: stderr };
}

/** A driver that does this as it is loaded; or why there can be none here. */
function driverThat(does: string): string | undefined {
  const path = join(home, `driver-${does.replace(/\W/g, '')}`);
  writeFileSync(`${path}.c`, `#include <stdlib.h>\n#include <unistd.h>\n__attribute__((constructor)) static void begin(void) { ${does}; }\nvoid *vk_icdGetInstanceProcAddr(void *of, const char *name) { (void)of; (void)name; return 0; }\n`);
  if (spawnSync('cc', ['-shared', '-fPIC', '-o', `${path}.so`, `${path}.c`]).status !== 0) return undefined;
  writeFileSync(`${path}.json`, JSON.stringify({ file_format_version: '1.0.0', ICD: { library_path: `${path}.so`, api_version: '1.1.0' } }));
  return `${path}.json`;
}

const looks = (await named({}, 'package'))[0]!.state === 'ok' && (await named({}, 'Vulkan loader'))[0]!.state === 'ok';
const DRIVERS = { name: 'broken drivers', why: 'the package webgpu or a Vulkan loader is missing' };

test('a driver that ends the process is what is broken, not the package', () => {
  const driver = looks ? driverThat('abort()') : undefined;
  if (driver === undefined) return notRun(DRIVERS.name, DRIVERS.why);
  const { items: [first], peer, refused } = look({ VK_DRIVER_FILES: driver, VK_ICD_FILENAMES: driver, [GPU_VARIABLE]: 'rubbish' });
  assert.equal([first!.name, first!.state], ['driver', 'broken']);
  assert.match(first!.what, /^a process that looked for GPUs was ended by SIGABRT: a driver is broken$/);
  assert.match(peer.what, /SIGABRT/);
  assert.equal(refused, []);
});

test('a driver that hangs is waited for some seconds, and after two it is said what is waited for', () => {
  const driver = looks ? driverThat('sleep(300)') : undefined;
  if (driver === undefined) return notRun(DRIVERS.name, DRIVERS.why);
  const startedMs = performance.now();
  const { items: [first], waited } = look({ VK_DRIVER_FILES: driver, VK_ICD_FILENAMES: driver });
  assert.ok(performance.now() - startedMs < 40_000);
  assert.equal([first!.name, first!.state], ['driver', 'broken']);
  assert.match(first!.what, /did not end within 20 s/);
  assert.equal(waited, ['Looking for GPUs: a driver has not answered yet; it is given up after 20 s.']);
});

test('commands that ask for no keys do not wait for drivers', async () => {
  const peers = [{ name: 'gpu', device: 'gpu', compute: 'webgpu' }];
  const found = async (command: string) => (await studyPeers({ peers }, { command, say: () => undefined }))[0]!.found;
  for (const command of ['runs', 'logs', 'graph']) assert.equal(await found(command), { missing: 'it was not looked for' });
  assert.not.equal(await found('status'), { missing: 'it was not looked for' });
  const before = process.env[GPU_VARIABLE];
  process.env[GPU_VARIABLE] = 'rubbish';
  await refuseWrongGpu({ peers, speed: { engines: [] } as unknown as StudyConfig['speed'] }, { command: 'runs', say: () => undefined });
  if (before === undefined) delete process.env[GPU_VARIABLE];
  else process.env[GPU_VARIABLE] = before;
});

test('a name of no GPU is refused where a study computes on one, and only where there are some to choose from', () => {
  const adapters = looks && existsSync(SWIFTSHADER);
  if (!adapters) return notRun('a wrong name', 'no package, loader or adapter');
  const here = look({ VK_DRIVER_FILES: SWIFTSHADER, VK_ICD_FILENAMES: SWIFTSHADER, [GPU_VARIABLE]: 'rubbish' });
  const sentence = 'BITWIDTH_GPU asks for the GPU "rubbish", which is not here; WebGPU finds "SwiftShader Device (Subzero)"';
  assert.equal(here.refused, Array.from({ length: 2 }, () => `${sentence}: set it to one of these names, or unset it`), 'not where it computes on none');
  assert.equal(here.items[0], { name: GPU_VARIABLE, state: 'broken', what: sentence, hint: 'set it to one of these names, or unset it' });
  assert.is(look({ VK_DRIVER_FILES: SWIFTSHADER, VK_ICD_FILENAMES: SWIFTSHADER, [GPU_VARIABLE]: 'SwiftShader Device (Subzero)' }).refused.length, 0);
  const gone = join(home, 'gone.json');
  const none = look({ VK_DRIVER_FILES: gone, VK_ICD_FILENAMES: gone, [GPU_VARIABLE]: 'rubbish', XDG_RUNTIME_DIR: '' });
  assert.equal(none.refused, []);
  const adapter = none.items.find(({ name }) => name === 'adapter')!;
  assert.is(adapter.what, 'WebGPU finds none');
  assert.not.match(adapter.hint!, /XDG_RUNTIME_DIR|one of these names/);
  assert.is(none.peer.what, 'no adapter: WebGPU finds no GPU and no driver for one');
});

test('what drivers and their loader print as they look stands beside the adapter that is missing, and nowhere else', async () => {
  if (!looks) return notRun('what drivers print', DRIVERS.why);
  const { items, peer, printed } = look({ VK_DRIVER_FILES: join(home, 'gone.json'), VK_LOADER_DEBUG: 'error,warn' });
  assert.is(printed, '');
  const adapter = items.find(({ name }) => name === 'adapter')!;
  assert.is(adapter.state, 'missing');
  assert.match(adapter.hint!, /^computing there needs a GPU and its driver; the drivers say: .*gone\.json/);
  assert.is(peer.what, 'no adapter: WebGPU finds no GPU and no driver for one');
});

test.run();
