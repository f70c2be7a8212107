/** One model in three forms (safetensors, the same in shards, GGUF) is one model: its artifacts, tokens and scores are the same bytes. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readSafetensors, writeSafetensors } from '../../kernels/index.ts';
import { readStudy } from '../../stages/quantization/config.ts';
import type { StudyModel } from '../../stages/quantization/config.ts';
import type { QuantizeReport } from '../../stages/quantization/quantize.ts';
import { study } from '../../stages/quantization/study.ts';
import type { TokenizedText } from '../../stages/quantization/task-values.ts';
import { root, runCells } from './in-process.ts';
import { novelGguf } from './novel-gguf.ts';
import type { Finished } from './in-process.ts';

const file = (name: string): Buffer => readFileSync(join(root, 'data/models/novel-1m', name));
/** Every third tensor. */
function shardsOf(weights: Uint8Array): Map<string, Uint8Array> {
  const tensors = [...readSafetensors(weights).tensors.values()];
  return new Map([0, 1, 2].map((shard) => [`model-0000${shard + 1}-of-00003.safetensors`, writeSafetensors(tensors.filter((_, i) => i % 3 === shard))]));
}

const shards = shardsOf(file('model.safetensors'));
const files = new Map<string, Uint8Array>([
  ['made/novel.gguf', novelGguf(false)], ['made/quantized.gguf', novelGguf(true)], 
  ...[...shards].map(([name, bytes]): [string, Uint8Array] => [`made/${name}`, bytes]),
  ...(['config.json', 'tokenizer.json'] as const).map((name): [string, Uint8Array] => [`made/${name}`, file(name)]),
]);

const quick = await readStudy(root, { quick: true });
const [bundled] = quick.models as [StudyModel];
const gguf = { weightCode: ['kernels/weight-files/gguf.ts', 'kernels/gguf/architectures/llama.ts'] };
const models: StudyModel[] = [
  bundled,
  { ...bundled, name: 'sharded', files: { config: { path: 'made/config.json' }, tokenizer: { path: 'made/tokenizer.json' }, weights: [...shards.keys()].map((name) => ({ path: `made/${name}` })) } },
  { ...bundled, ...gguf, name: 'gguf', files: { weights: [{ path: 'made/novel.gguf' }] } },
  { ...bundled, ...gguf, name: 'quantized', baseFormat: 'fp32', files: { weights: [{ path: 'made/quantized.gguf' }] } },
];
const { cells } = study({ ...quick, models, formats: ['fp16', 'nf4', 'int8'], windowsPerText: 1, windowTokens: 64, temperatures: [0.9], topKs: [0] });
const ids = (pattern: RegExp): string[] => cells.map(({ id }) => id).filter((id) => pattern.test(id));

let done: Finished;
test.before(async () => {
  done = await runCells(cells, [...ids(/^(fetch|fetch-gguf|quantize|tokenize):/), ...ids(/^tabulate:(models|sources)$/)], { files });
  assert.equal([...done.failures], []);
});

test('artifacts, reports and tokens of all three forms are the same bytes', () => {
  for (const model of ['sharded', 'gguf']) {
    for (const format of ['fp16', 'nf4', 'int8']) {
      const report = (of: string): QuantizeReport => done.json(`quantize:${of}/${format}`, 'report');
      assert.equal(done.bytes(`quantize:${model}/${format}`, 'artifact'), done.bytes(`quantize:${bundled.name}/${format}`, 'artifact'), `${model} ${format}`);
      assert.equal(report(model), report(bundled.name), `${model} ${format}`);
      assert.is(report(model).source, undefined);
    }
    for (const { name } of quick.texts) assert.equal(done.json<TokenizedText>(`tokenize:${model}/${name}`, 'tokens'), done.json<TokenizedText>(`tokenize:${bundled.name}/${name}`, 'tokens'));
  }
});

test('the bytes that came in are in the store as they are', () => {
  assert.equal(createHash('sha256').update(done.bytes('fetch-gguf:gguf', 'weights')).digest('hex'), createHash('sha256').update(files.get('made/novel.gguf')!).digest('hex'));
  for (const [name, bytes] of shards) assert.equal(done.bytes('fetch:sharded', `weights/${name}`), Buffer.from(bytes), name);
});

test('weights that were quantized before are fp32, and said to have been', () => {
  const report = done.json<QuantizeReport>('quantize:quantized/nf4', 'report');
  assert.equal(report.source?.map(({ type }) => type).sort(), ['F16', 'Q8_0']);
  const { weights, bytes } = report.source!.find(({ type }) => type === 'Q8_0')!;
  assert.is(bytes, weights / 32 * 34);
  assert.is(report.source!.reduce((sum, type) => sum + type.weights, 0), report.linearWeights);

  const rows = done.bytes('tabulate:models', 'rows').toString().trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.equal(rows.map(({ model, base_format: base }) => [model, base]), [[bundled.name, 'fp16'], ['sharded', 'fp16'], ['gguf', 'fp16'], ['quantized', 'fp32']]);
  assert.equal(rows.map(({ source_types: types }) => types === null ? null : String(types).split(', ').sort()), [null, null, null, ['F16', 'Q8_0']]);
  const bits = rows.at(-1)!['source_bits_per_weight'] as number;
  assert.ok(8.5 < bits && bits < 16, String(bits));
});

test('each file that came in is a source, each shard too', () => {
  const rows = done.bytes('tabulate:sources', 'rows').toString().trim().split('\n').map((line) => JSON.parse(line) as { path: string; sha256: string; bytes: number });
  const found = new Map(rows.map(({ path, ...row }) => [path, row]));
  for (const [path, bytes] of files) {
    assert.is(found.get(path)?.bytes, bytes.length, path);
    assert.is(found.get(path)?.sha256, createHash('sha256').update(bytes).digest('hex'), path);
  }
});

test('a damaged GGUF file fails its own cells with the reason', async () => {
  const cut = new Map([...files, ['made/novel.gguf', files.get('made/novel.gguf')!.subarray(0, 100_000)]]);
  const { failures } = await runCells(cells, ['quantize:gguf/nf4', 'quantize:sharded/nf4'], { files: cut });
  assert.match(failures.get('fetch-gguf:gguf')?.sentence ?? '', /the model cannot be read: tensor "[\w.]+" .*bytes/);
  assert.is(failures.get('fetch-gguf:gguf')?.code, 'bad-input');
  assert.is(failures.get('quantize:sharded/nf4'), undefined);
});

test.run();
