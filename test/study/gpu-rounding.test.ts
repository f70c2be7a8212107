/** The variable that forces the rounding of the engine webgpu: what it changes has keys of its own, and a value that is none is refused before anything is computed. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { gpuHere, ROUNDING_VARIABLE } from '../../kernels/engines.ts';
import type { StudyConfig } from '../../stages/quantization/config.ts';
import { refuseWrongGpu } from '../../stages/quantization/gpus.ts';
import { placeOf } from '../../stages/quantization/peer-place.ts';
import { gpu } from '../../stages/quantization/peers/gpu.ts';
import { notRun } from '../not-run.ts';

const before = process.env[ROUNDING_VARIABLE];
const force = (rounding: string | undefined): void => {
  if (rounding === undefined) delete process.env[ROUNDING_VARIABLE];
  else process.env[ROUNDING_VARIABLE] = rounding;
};
test.after.each(() => force(before));

const refused = (peers: readonly object[], engines: readonly string[], command = 'run'): Promise<string | undefined> =>
  refuseWrongGpu({ peers, speed: { engines } } as unknown as StudyConfig, { command, say: () => undefined }).then(() => undefined, (error: Error) => error.message);
const peer = (compute: string) => ({ name: 'gpu', device: 'gpu', compute });

test('a value that is none is refused with those that there are, where the study computes with that engine', async () => {
  force('plane');
  const sentence = 'BITWIDTH_WEBGPU_ROUNDING is "plane"; allowed are plain, guarded, gradual: set it to one of these, or unset it';
  assert.equal([await refused([peer('webgpu')], []), await refused([], ['auto', 'webgpu'])], [sentence, sentence]);
  assert.equal([await refused([peer('webgpu-fast')], ['webgpu-fast']), await refused([], ['auto']), await refused([peer('webgpu')], [], 'logs')], [undefined, undefined, undefined]);
  for (const right of ['guarded', '']) {
    force(right);
    assert.is(await refused([peer('webgpu')], ['webgpu']), undefined);
  }
});

test('what is forced is a fact of the cells', () => {
  const identity = { packages: { dawn: '0' }, device: 'gpu: A', settings: {} };
  const factsOf = (found: typeof identity & { readonly forced?: { readonly [name: string]: string } }) => placeOf({ peer: gpu, settings: { device: 'gpu', compute: 'webgpu' }, found }).facts;
  assert.equal([factsOf(identity), factsOf({ ...identity, forced: { rounding: 'plain' } })], [{ 'package dawn': '0', device: 'gpu: A' }, { 'package dawn': '0', device: 'gpu: A', rounding: 'plain' }]);
});

const here = await gpuHere();
if (typeof here === 'string') notRun('what the environment forces on a GPU', here);
else {
  test('the peer says what is forced, of the engine that it is forced on', async () => {
    const forced = async (compute: string) => {
      const [found, each] = [await gpu.find({ device: 'gpu', compute }), await gpu.findEach!({ device: 'gpu', compute })];
      return ['forced' in found ? found.forced : undefined, ...each.map(({ identity }) => identity.forced)];
    };
    const nothing = await forced('webgpu');
    assert.ok(nothing.length > 1 && nothing.every((one) => one === undefined));
    force('plain');
    assert.ok((await forced('webgpu')).every((one) => one?.['rounding'] === 'plain'));
    assert.equal(await forced('webgpu-fast'), nothing.map(() => undefined));
  });
}

test.run();
