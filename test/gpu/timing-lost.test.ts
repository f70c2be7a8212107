/** A timing during which the GPU is lost: that may pass, so its cell is tried again by the next run, and the next cell has another device. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { gpuHere } from '../../kernels/engines.ts';
import { openWebGpuFast } from '../../kernels/engines/webgpu-fast.ts';
import { DamagedObject, StageFailure } from '../../stages/dag/index.ts';
import type { Cell, Sha256 } from '../../stages/dag/index.ts';
import { gpuFailed } from '../../stages/quantization/gpu-failure.ts';
import { run } from '../../stages/quantization/speed.ts';
import { notRun } from '../not-run.ts';
import { fixture, MemoryTask } from '../study/score-task.ts';

test('what a GPU says is a failure that may pass; what is not its own stays what it is', () => {
  const thrown = (error: unknown): unknown => { try { return gpuFailed(error); } catch (caught) { return caught; } };
  const failure = (thrown(new RangeError('the GPU has no memory for a step')) as StageFailure).failure;
  assert.equal(failure, { code: 'not-available', sentence: 'the GPU has no memory for a step', hint: 'npx bitwidth doctor shows package, driver and adapters' });
  const others = [
    new StageFailure({ code: 'bad-input', sentence: 'no' }), new DamagedObject('0' as Sha256, 'missing'), Object.assign(new Error('logits'), { name: 'NotFinite' }), Object.assign(new Error('add'), { name: 'EngineUnfit' }),
    Object.assign(new Error('stop'), { name: 'AbortError' }), Object.assign(new Error('disk'), { code: 'EIO' }),
  ];
  for (const error of others) assert.is(thrown(error), error);
});

const here = await gpuHere();
if (typeof here === 'string') notRun('a timing on a GPU that is lost', here);
else {
  test('the cell at work fails as one that is not available, and the next one is timed', async () => {
    const memory = new MemoryTask();
    const task = (id: string) => memory.task({
      id, inputs: { config: {}, weights: {}, tokens: {} },
      params: { base: 'fp32', formats: ['fp32'], engine: 'webgpu-fast', promptTokens: 2, blocks: 2, seconds: 0.001, warmUpTokens: 1, seed: 7 },
    } as unknown as Cell, (name) => name === 'tokens' ? new TextEncoder().encode(JSON.stringify({ ids: Array.from({ length: 400 }, (_, i) => i % 50), bytes: [] })) : fixture('llama', name === 'config' ? 'config.json' : 'model.safetensors'));
    const { context, ops } = await openWebGpuFast();
    ops.dispose();
    let lost = false;
    const io = { ...memory.io, progress: () => {
      if (!lost) context.device.destroy();
      lost = true;
    } };
    await run([task('speed-other:first'), task('speed-other:second')], io);
    assert.equal([...memory.failed].map(([id, { code, sentence }]) => [id, code, sentence.replace(/\(.*/, '')]), [['speed-other:first', 'not-available', 'the GPU was lost ']]);
    assert.equal([...memory.committed.keys()], ['speed-other:second']);
  });
}

test.run();
