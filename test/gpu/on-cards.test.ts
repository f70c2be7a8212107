/** Tasks of a run on several GPUs: on two of different names two at once, each in a process that is bound to its own; on two of one name one at a time, and that is said. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gpuAdapters } from '../../kernels/engines.ts';
import { GPU_VARIABLE } from '../../kernels/webgpu/bound.ts';
import { notRun } from '../not-run.ts';
import { swiftShaders } from './swiftshaders.ts';
import type { OnCard, OnCards } from './run-on-cards.ts';

function run(what: 'scores' | 'opens', env: Record<string, string>): OnCards {
  const folder = mkdtempSync(join(tmpdir(), 'bitwidth-cards-'));
  try {
    const script = fileURLToPath(new URL('./run-on-cards.ts', import.meta.url));
    return JSON.parse(execFileSync(process.execPath, ['--import', 'tsx', script, what, join(folder, 'store')], { env: { ...process.env, ...env }, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })) as OnCards;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Times on record are whole milliseconds. */
const SLACK_MS = 10;
const atOnce = ([one, two]: readonly OnCard[]): boolean => one!.beganMs + SLACK_MS < two!.endedMs && two!.beganMs + SLACK_MS < one!.endedMs;

const found = await gpuAdapters();
const drivers = 'sentence' in found ? found.sentence : swiftShaders();
if (typeof drivers === 'string') notRun('tasks on several GPUs', drivers);
else {
  test.after(() => rmSync(drivers.folder, { recursive: true, force: true }));

  test('two of different names: a sweep has each format on one of them, both at once, with the right bits; key and record name the GPU that computed', () => {
    const { code, cells, warnings, failures } = run('scores', drivers.env('Shader', 'Shadow'));
    assert.equal([code, failures, warnings], [0, [], []]);
    assert.is(cells.length, 2);
    assert.ok(atOnce(cells));
    const named = cells.map(({ facts, computedBy, identity }) => {
      assert.is(identity, facts['device'], 'what was asked for is what computed, by its own word');
      assert.ok(computedBy['build']!.includes(identity!));
      return /swift\w+-device-subzero/.exec(identity!)![0];
    });
    assert.equal(named.sort(), ['swiftshader-device-subzero', 'swiftshadow-device-subzero']);
    assert.ok(cells.every(({ equal }) => equal));
  });

  test('two of different names: cells that name none get whichever is free; with one of them asked for there is no other', () => {
    const env = drivers.env('Shader', 'Shadow');
    const both = run('opens', env);
    assert.ok(atOnce(both.cells));
    assert.is(new Set(both.cells.map(({ computedBy }) => computedBy['build'])).size, 2);
    const one = run('opens', { ...env, [GPU_VARIABLE]: 'SwiftShader Device (Subzero)' });
    assert.not.ok(atOnce(one.cells));
    assert.ok(one.cells.every(({ computedBy }) => computedBy['build']!.includes('swiftshader-device')));
  });

  test('two of one name: one task at a time, and the run says so, once', () => {
    const { code, cells, warnings } = run('opens', drivers.env('Shader', 'Shader'));
    assert.is(code, 0);
    assert.is(cells.length, 2);
    assert.not.ok(atOnce(cells));
    assert.equal(warnings, ['2 GPUs are called "SwiftShader Device (Subzero)", and WebGPU says no more of them: they cannot be told apart, so one task at a time takes one of them']);
  });
}

test.run();
