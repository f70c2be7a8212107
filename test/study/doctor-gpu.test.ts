/** What doctor says of GPUs: loader and drivers by the variables and files that there are, and whatever the package finds here. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gpuChecks } from '../../stages/quantization/doctor-gpu.ts';
import { notRun } from '../not-run.ts';

const home = mkdtempSync(join(tmpdir(), 'bitwidth-gpus-'));
test.after(() => rmSync(home, { recursive: true, force: true }));

const named = async (env: Record<string, string>, name: string) => (await gpuChecks(env, 'linux')).items.filter((item) => item.name === name);

test('a loader is found where libraries are looked for', async () => {
  mkdirSync(join(home, 'lib'));
  writeFileSync(join(home, 'lib/libvulkan.so.1'), '');
  assert.equal(await named({ LD_LIBRARY_PATH: join(home, 'lib') }, 'Vulkan loader'), [{ name: 'Vulkan loader', state: 'ok', what: join(home, 'lib/libvulkan.so.1') }]);
});

test('drivers: those that a variable names, else those of the folders', async () => {
  const there = join(home, 'driver.json');
  writeFileSync(there, '{}');
  const items = await named({ VK_DRIVER_FILES: `${there}:${home}/gone.json`, VK_ICD_FILENAMES: 'not read' }, 'Vulkan driver');
  assert.equal(items.map(({ state }) => state), ['ok', 'broken']);
  assert.match(items[1]!.what, /VK_DRIVER_FILES names .*gone\.json, which is not there/);
  mkdirSync(join(home, 'vulkan/icd.d'), { recursive: true });
  writeFileSync(join(home, 'vulkan/icd.d/own.json'), '{}');
  assert.ok((await named({ XDG_DATA_HOME: home }, 'Vulkan driver')).some(({ what }) => what.endsWith('own.json')));
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
  if (items[0]!.state === 'missing') assert.match(items[0]!.what, /is not installed; npm install --no-save webgpu installs it/);
  else assert.is(items[1]!.name, 'adapter');
});

test('what drivers and their loader print as they look stands beside the adapter that is missing, and nowhere else', async () => {
  if ((await named({}, 'package'))[0]!.state !== 'ok') return notRun('what drivers print', 'the package webgpu is not installed');
  if ((await named({}, 'Vulkan loader'))[0]!.state !== 'ok') return notRun('what drivers print', 'there is no Vulkan loader');
  const script = `import { gpuChecks } from ${JSON.stringify(new URL('../../stages/quantization/doctor-gpu.ts', import.meta.url).href)};
    import { peerNamed } from ${JSON.stringify(new URL('../../stages/quantization/peers.ts', import.meta.url).href)};
    gpuChecks().then(async ({ items }) => console.log(JSON.stringify([items.find(({ name }) => name === 'adapter'), await peerNamed('gpu').doctor()])));`;
  writeFileSync(join(home, 'look.mts'), script);
  const { stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', join(home, 'look.mts')], {
    encoding: 'utf8', cwd: fileURLToPath(new URL('../..', import.meta.url)), env: { ...process.env, VK_DRIVER_FILES: join(home, 'gone.json'), VK_LOADER_DEBUG: 'error,warn' },
  });
  assert.is(stderr, '');
  const [adapter, peer] = JSON.parse(stdout) as [{ state: string; hint: string }, { what: string }];
  assert.is(adapter.state, 'missing');
  assert.match(adapter.hint, /^computing there needs a GPU and its driver; the drivers say: .*gone\.json/);
  assert.is(peer.what, 'no adapter: WebGPU finds no GPU and no driver for one');
});

test.run();
