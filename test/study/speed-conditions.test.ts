/** What is told of the machine while it times, as Linux writes it, and where it tells nothing. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { watchConditions } from '../../stages/quantization/speed-conditions.ts';
import type { SystemFolders } from '../../stages/quantization/speed-conditions.ts';

/** A system made of these files. */
function withSystem<T>(files: { readonly [path: string]: string }, use: (folders: SystemFolders, write: (path: string, text: string) => void) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'bitwidth-conditions-'));
  const write = (path: string, text: string): void => {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  try {
    for (const [path, text] of Object.entries(files)) write(path, text);
    return use({ proc: join(folder, 'proc'), cpus: join(folder, 'cpus') }, write);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const stat = (steal: number): string => `cpu  100 0 50 1000 5 0 1 ${steal} 0 0\ncpu0 50 0 25 500 2 0 0 3 0 0\n`;

test('steal is what was added while watching, of all processors, in ms', () => {
  withSystem({ 'proc/stat': stat(7) }, (folders, write) => {
    const ended = watchConditions(folders);
    write('proc/stat', stat(12));
    const { stealMs, wallMs, cpuMs, loadAverage } = ended();
    assert.is(stealMs, 50);
    assert.ok(wallMs > 0 && cpuMs >= 0 && loadAverage >= 0);
  });
});

test('the clock is the mean of what governors say, else of what the processors state', () => {
  const stated = { 'proc/cpuinfo': 'processor\t: 0\ncpu MHz\t\t: 2600.500\nprocessor\t: 1\ncpu MHz\t\t: 2599.500\n' };
  withSystem(stated, (folders) => assert.is(watchConditions(folders)().mhz, 2600));
  withSystem({ ...stated, 'cpus/cpu0/cpufreq/scaling_cur_freq': '3000000\n', 'cpus/cpu1/cpufreq/scaling_cur_freq': '2000000\n', 'cpus/cpufreq/nothing': '' }, (folders) => assert.is(watchConditions(folders)().mhz, 2500));
  withSystem({ 'cpus/cpu0/topology/core_id': '0', 'proc/cpuinfo': '' }, (folders) => assert.is(watchConditions(folders)().mhz, null));
});

test('a system that tells nothing is no mistake', () => {
  const { stealMs, mhz } = watchConditions({ proc: '/nonexistent', cpus: '/nonexistent' })();
  assert.equal([stealMs, mhz], [null, null]);
});

test.run();
