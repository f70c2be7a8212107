/** Bound to one of several GPUs: SwiftShader and lavapipe are told apart by name and held to it; two of SwiftShader are not. Each process has drivers of its own. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { gpuAdapters } from '../../kernels/engines.ts';
import { GPU_VARIABLE, namesIn, notBindable, notTheOne } from '../../kernels/webgpu/bound.ts';
import { notRun } from '../not-run.ts';
import { lavapipe } from './lavapipe.ts';

const SWIFTSHADER = '/usr/lib/chromium/vk_swiftshader_icd.json';

test('what cannot be bound, or opened as another, is said', () => {
  const listed = [{ name: 'Card A', distinct: false }, { name: 'Card A', distinct: false }, { name: 'Card B', distinct: true }];
  assert.is(notBindable('Card B', listed), undefined);
  assert.match(notBindable('Card A', listed)!, /cannot be told from another/);
  assert.match(notBindable('Card', listed)!, /"Card", which is not here; WebGPU finds "Card A", "Card A", "Card B"/);
  assert.is(notTheOne('Card (B), 2', { device: 'card-b-2' }), undefined);
  assert.match(notTheOne('Card B', { device: 'card-a' })!, /asks for "Card B", and what opened says that it is "card-a"/);
  assert.equal(namesIn("no suitable backends found\nAvailable adapters:\n * backend: 'vulkan', name: 'A (B's)'\n"), ["A (B's)"]);
});

/** What a process of these variables finds and opens. */
function seen(env: Record<string, string>): { listed: { name: string; distinct: boolean }[]; opened: string; missing?: string } {
  const script = fileURLToPath(new URL('./opened.ts', import.meta.url));
  return JSON.parse(execFileSync(process.execPath, ['--import', 'tsx', script], { env: { ...process.env, ...env }, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })) as ReturnType<typeof seen>;
}

const found = await gpuAdapters();
const layered = typeof found === 'string' ? found : existsSync(SWIFTSHADER) ? lavapipe(SWIFTSHADER) : "there is no SwiftShader here (Debian: apt-get install chromium)";
if (typeof layered === 'string') notRun('bound to one of two GPUs', layered);
else {
  test.after(() => rmSync(layered.folder, { recursive: true, force: true }));

  test('two of different names: a process opens the one that it is bound to', () => {
    const { listed } = seen(layered.env);
    assert.is(listed.length, 2);
    assert.ok(listed.every(({ distinct }) => distinct));
    for (const { name } of listed) assert.match(seen({ ...layered.env, [GPU_VARIABLE]: name }).opened, name.startsWith('llvmpipe') ? /llvmpipe/ : /SwiftShader/);
    assert.match(seen({ ...layered.env, [GPU_VARIABLE]: 'SwiftShader' }).missing!, /"SwiftShader", which is not here; WebGPU finds/);
  });

  test('two of one name: no process is bound to either', () => {
    const folder = mkdtempSync(join(tmpdir(), 'bitwidth-twin-'));
    try {
      const driver = JSON.parse(readFileSync(SWIFTSHADER, 'utf8')) as { ICD: { library_path: string } };
      const twin = join(folder, 'twin.so');
      copyFileSync(resolve(dirname(SWIFTSHADER), driver.ICD.library_path), twin);
      writeFileSync(join(folder, 'twin.json'), JSON.stringify({ ...driver, ICD: { ...driver.ICD, library_path: twin } }));
      const drivers = `${SWIFTSHADER}:${join(folder, 'twin.json')}`;
      const env = { VK_DRIVER_FILES: drivers, VK_ICD_FILENAMES: drivers };
      const { listed } = seen(env);
      assert.equal(listed.map(({ distinct }) => distinct), [false, false]);
      assert.match(seen({ ...env, [GPU_VARIABLE]: listed[0]!.name }).missing!, /cannot be told from another/);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
}

test.run();
