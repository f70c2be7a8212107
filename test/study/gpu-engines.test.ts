/** Which engines compute on a GPU: told in one place, and held against what each of the register imports. */
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { engines } from '../../kernels/engines.ts';
import { computesOnGpu } from '../../kernels/gpu-engines.ts';
import { peerNamed } from '../../stages/quantization/peers.ts';
import { weightsLie } from '../../stages/quantization/working-set.ts';

const names = engines.map(({ name }) => name);

test('an engine computes on a GPU if it takes one from where adapters come from', () => {
  const takesOne = (name: string): boolean => readFileSync(new URL(`../../kernels/engines/${name}.ts`, import.meta.url), 'utf8').includes("from '../webgpu/adapter.ts'");
  assert.equal(names.filter(computesOnGpu), names.filter(takesOne));
});

test('the peer gpu computes with these', () => {
  assert.equal([...peerNamed('gpu').computeTypes].sort(), names.filter(computesOnGpu).sort());
});

test('weights lie in a cache of the processor where it computed, and in none where a GPU did', () => {
  const caches = [{ level: 2, bytes: 1 << 20, sharedBy: 1 }];
  for (const name of names) assert.is(weightsLie(1000, { engine: { name }, threads: 1, caches }) === undefined, computesOnGpu(name), name);
  for (const [device, onGpu] of [['cpu: some', false], ['cuda: a card', true]] as const) assert.is(weightsLie(1000, { engine: { name: 'other', peer: { device } }, threads: 1, caches }) === undefined, onGpu);
});

test.run();
