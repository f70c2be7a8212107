/** The recording that replay.c is tried on: every case of the self-test, and tiny models fed a window and then a batch that draws tokens. */
import { writeFileSync } from 'node:fs';
import { formats, scoreWindow } from '../../../kernels/index.ts';
import { NativeDevice } from '../../../kernels/engines/native-device.ts';
import type { NativeFunctions } from '../../../kernels/engines/native-library.ts';
import { RecordedOps } from '../../../kernels/engines/recorded-ops.ts';
import { firstDifference, opCases, selfTest } from '../../../kernels/selftest.ts';
import { referenceStatistics } from '../../../kernels/statistics/reference.ts';
import { sessionOf, someTokens, tinyCheckpoint } from '../test-models.ts';
import { Recording, RecordingDevice } from './recording.ts';

/** Writes it to `file`, some ten megabytes or two. */
export async function record(functions: NativeFunctions, file: string, extent: 'start' | 'full'): Promise<void> {
  const log = new Recording();
  const open = (name: string) => new RecordedOps(new RecordingDevice(new NativeDevice(functions, '', 1), log, name));
  const cases = opCases(extent);
  let next = 0;
  await selfTest('recorded', () => open(cases[next++]!.name), cases);
  const ops = open('a weight in the place of a cache that was given back');
  ops.freeCache(ops.kvCache(1, 1, 3, 1, 5));
  const fp16 = formats.find(({ name }) => name === 'fp16')!;
  ops.weight(fp16.encode({ name: 'w', shape: [3, 4], values: new Float32Array(12) }), fp16);
  ops.dispose();
  for (const { name } of formats) {
    const session = sessionOf(tinyCheckpoint('llama'), name, { name: 'recorded', canonical: true, build: '', ops: open(`tiny model, ${name}`), statistics: referenceStatistics });
    const { vocabulary } = session.shape;
    const tokens = someTokens(extent === 'full' ? 67 : 9, vocabulary);
    const judge = sessionOf(tinyCheckpoint('llama'), name);
    const at = firstDifference(await scoreWindow(judge, tokens), await scoreWindow(session, tokens));
    if (at !== undefined) throw new Error(`the tiny model in ${name} differs from the reference at element ${at}`);
    session.reset(3, 8);
    for (let position = 0; position < 4; position++) {
      const each = (value: number) => new Int32Array(3).fill(value);
      await session.draw(
        { slot: Int32Array.of(2, 0, 1), position: each(position), token: someTokens(3, vocabulary, position) },
        { temperature: Float32Array.of(0, 0.8, 1), topK: Int32Array.of(0, 0, 5), promptKey: each(7), seed: Int32Array.of(1, 2, 3), position: each(position + 1) },
      );
    }
    session.dispose();
    judge.dispose();
  }
  writeFileSync(file, log.bytes());
}
