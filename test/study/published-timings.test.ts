/** Timings made again of published rows: of the study's engines, and of peers, on which claims and aggregates rest as well. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { aggregates } from '../../stages/quantization/in-page/aggregates.ts';
import { PublishedRows } from '../../stages/quantization/in-page/published.ts';
import { buildOf } from '../../stages/quantization/peer-words.ts';
import type { PublishedRow } from '../../stages/quantization/in-page/published.ts';
import type { SpeedSamples } from '../../stages/quantization/speed.ts';

const test = suite('study: timings of published rows');

const PEER = 'peer-speed:tiny/other', MACHINE = 'machine-1';
// A device may have the sign in it that parts the words of a build.
const identity = { packages: { other: '1.2.3' }, device: 'cpu: Test; other: AVX2', settings: { compute: 'fp32' } };

/** Rows of one timing of a peer, which says that it is `build`. */
function tables(build: string): ReadonlyMap<string, readonly PublishedRow[]> {
  const own = { model: 'tiny', engine: 'other', machine: MACHINE, cell: PEER };
  return new Map<string, readonly PublishedRow[]>([
    ['speed_runs', [{ ...own, build, threads: 2, prompt_tokens: 64 }]],
    ['speed_samples', [{ ...own, format: 'nf4', phase: 'decode', pair: 'A', block: 0, place: 0, tokens: 3, duration_ms: 1.5, gpu_ms: null, steps_ms: [0.5, 0.5, 0.5] }]],
    ['speed_blocks', []], ['speed_memory', [{ ...own, format: 'nf4', part: 'weights', bytes: 7 }]],
    ['machines', [{ machine: MACHINE, cpu: 'Test', cores: 2, memory_bytes: 1, os: 'linux', node: '22' }]], ['machine_caches', []],
    ['peers', [
      { peer: 'other', machine: MACHINE, packages: 'other 1.2.3', device: 'gpu: another', settings: 'compute fp32' },
      { peer: 'other', machine: MACHINE, packages: 'other 1.2.3', device: identity.device, settings: 'compute fp32' },
    ]],
  ]);
}

test('of a peer they say on what it computed, as its scores do', () => {
  const bytes = new PublishedRows(tables(buildOf(identity))).output(PEER, MACHINE);
  const { engine, samples } = JSON.parse(new TextDecoder().decode(bytes)) as SpeedSamples;
  assert.equal(engine, { name: 'other', build: buildOf(identity), peer: { device: identity.device, settings: 'compute fp32' } });
  assert.is(samples[0]!.durationMs, 1.5);
});

test('where no table says on what, nothing that rests on them is computed, and nothing is called different', async () => {
  const published = tables('another build');
  assert.is(new PublishedRows(published).output(PEER, MACHINE), undefined);
  const cell = { cell: 'summarize:tiny/speed', stage: 'summarize', params: {}, inputs: { others: [{ cell: PEER, output: 'samples', machine: MACHINE, sha256: 'ab'.repeat(32) }] } };
  const found = await aggregates.open(published).compute(cell, { signal: new AbortController().signal, progress: () => undefined });
  assert.equal(found, { unpublished: `what no table has of ${PEER}` });
});

test.run();
