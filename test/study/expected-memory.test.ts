/** What tasks of the study are expected to hold: which say so, what it grows with, and that it is no part of any result. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CodeIdentities } from '../../stages/dag/code-identity.ts';
import { FileFacts } from '../../stages/dag/facts.ts';
import { readStudy } from '../../stages/quantization/config.ts';
import { expectedMemory } from '../../stages/quantization/expected-memory.ts';
import { study } from '../../stages/quantization/study.ts';
import { studyPipeline } from '../../bitwidth.ts';
import type { StudyConfig, StudyModel } from '../../stages/quantization/config.ts';
import { root } from './in-process.ts';

const config = await readStudy(root);
const { cells } = study(config);
const MODEL_STAGES = ['quantize', 'score', 'generate', 'judge', 'floor', 'speed', 'speed-other'];

/** As wide by `width`, and so many times as many layers. */
function larger(model: StudyModel, width: number, depth: number): StudyModel {
  const { layers, hiddenSize, feedForwardSize, heads, kvHeads } = model.shape;
  return { ...model, parametersEstimate: model.parametersEstimate * width ** 2 * depth, shape: { ...model.shape, layers: layers * depth, hiddenSize: hiddenSize * width, feedForwardSize: feedForwardSize * width, heads: heads * width, kvHeads: kvHeads * width } };
}
const withModel = (width: number, depth: number, changes: Partial<StudyConfig> = {}): StudyConfig => ({ ...config, models: [larger(config.models[0]!, width, depth)], judge: config.models[0]!.name, ...changes });
const expected = (of: StudyConfig, id: string): number => study(of).cells.find((cell) => cell.id === id)!.memoryBytes!;
const name = config.models[0]!.name;

test('every stage that opens a model says what it is expected to hold, and no other', () => {
  for (const { stage, id, memoryBytes } of cells) assert.is(memoryBytes !== undefined, MODEL_STAGES.includes(stage.name), id);
  for (const { memoryBytes = 1e8 } of cells) assert.ok(memoryBytes >= 1e8 && memoryBytes < 1e9, `${memoryBytes} for a bundled model`);
});

test('it grows with the model, the formats and what is fed at once, and by as much as they weigh', () => {
  const weights = 32 ** 2 * 4 * config.models[0]!.parametersEstimate;
  // In base and in each format, without fp32, which is the base's alias.
  const scored = expected(withModel(32, 4), `score:${name}/nf4/garden`);
  assert.ok(scored > weights * (2 + 2 + 1 + 4 * 0.5) && scored < weights * 2 * 9, `${scored} for ${weights} weights`);
  const fewer = expected(withModel(32, 4, { formats: ['nf4'] }), `score:${name}/nf4/garden`);
  assert.ok(fewer < scored / 2);
  const generated = expected(withModel(32, 4), `generate:${name}/nf4/greedy`);
  assert.ok(generated > weights * 0.5 && generated < scored);
  assert.ok(expected(withModel(32, 4), `generate:${name}/fp16/greedy`) > generated);
  // One tensor after another, however many there are.
  assert.is(expected(withModel(32, 8), `quantize:${name}/nf4`), expected(withModel(32, 4), `quantize:${name}/nf4`));
  assert.ok(expected(withModel(32, 4, { engine: 'reference' }), `generate:${name}/nf4/greedy`) > weights * 4, 'the reference widens what it multiplies');
});

test('timings on a GPU hold its driver too', () => {
  const timed = (engine: string): number => expected({ ...config, speed: { ...config.speed, engines: ['auto', engine] } }, `speed-other:${name}/${engine}`);
  assert.ok(timed('webgpu-fast') > 566e6, 'as was measured');
  assert.is(timed('webgpu'), timed('webgpu-fast'));
  assert.ok(timed('fast') < 4e8);
});

test('a cell of a model that the study does not have, or of a stage that opens none, says nothing', () => {
  const memory = expectedMemory(config);
  const quantized = cells.find(({ id }) => id === `quantize:${name}/nf4`)!;
  assert.is(memory({ ...quantized, id: 'quantize:other/nf4' }), undefined);
  assert.is(memory(cells.find(({ stage }) => stage.name === 'tabulate')!), undefined);
});

test('it is in no result’s code: a corrected estimate computes nothing anew', async () => {
  const { boundaries, cells: all } = await studyPipeline(root, { quick: false });
  const cacheFolder = mkdtempSync(join(tmpdir(), 'bitwidth-memory-'));
  try {
    const codes = new CodeIdentities({ root, boundaries, facts: new FileFacts(join(cacheFolder, 'facts')), cacheFolder });
    for (const module of new Set(all.map(({ stage }) => stage.module))) {
      const { files } = await codes.of(module, []);
      assert.ok(Object.hasOwn(files, module));
      assert.not.ok(Object.hasOwn(files, 'stages/quantization/expected-memory.ts'), module);
    }
  } finally {
    rmSync(cacheFolder, { recursive: true, force: true });
  }
});

test.run();
