/** The stage `quantize` on a model of every architecture: where its tensors belong, and that each that is computed with counts once. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readFileSync } from 'node:fs';
import { readSafetensors, writeSafetensors } from '../../kernels/index.ts';
import type { StudyModel } from '../../stages/quantization/config.ts';
import { factsOf } from '../../stages/quantization/config-model.ts';
import { fetchCell } from '../../stages/quantization/fetch.ts';
import { quantizeCell, type QuantizeReport } from '../../stages/quantization/quantize.ts';
import { goldenModels } from '../kernels/test-models.ts';
import { runCells } from './in-process.ts';

const KINDS: { readonly [architecture: string]: readonly string[] } = {
  ...Object.fromEntries(['llama', 'mistral', 'qwen2', 'qwen3', 'gemma3_text'].map((name) => [name, ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj']])),
  ...Object.fromEntries(['falcon', 'gpt_neox'].map((name) => [name, ['query_key_value', 'dense', 'dense_h_to_4h', 'dense_4h_to_h']])),
};

const folder = new URL('../fixtures/transformers/models/', import.meta.url);
const fileOf = (model: string, name: string): Buffer => readFileSync(new URL(`${model}/${name}`, folder));

/** The reports of formats of a model whose files these are. */
async function reports(name: string, weights: Uint8Array, formats: readonly string[]): Promise<QuantizeReport[]> {
  const config = fileOf(name, 'config.json');
  const facts = factsOf(config.toString(), 'config.json');
  if (typeof facts === 'string') throw new Error(facts);
  const model: StudyModel = {
    name, source: `local:${name}`, title: name, origin: '', licence: '', ...facts,
    files: { config: { path: 'config.json' }, weights: [{ path: 'model.safetensors' }], tokenizer: { path: 'tokenizer.json' } },
  };
  const fetched = fetchCell(model);
  const cells = formats.map((format) => quantizeCell(model, format, fetched));
  const files = new Map<string, Uint8Array>([['config.json', config], ['model.safetensors', weights], ['tokenizer.json', Buffer.from('{}')]]);
  const done = await runCells([fetched, ...cells], cells.map(({ id }) => id), { files });
  return cells.map(({ id }) => done.json<QuantizeReport>(id, 'report'));
}

for (const { name, checkpoint } of goldenModels()) {
  test(`${name}: tensors by layer and kind, and every weight once`, async () => {
    for (const report of await reports(name, fileOf(name, 'model.safetensors'), ['bf16', 'nf4'])) {
      const kinds = KINDS[report.architecture]!;
      assert.is(report.architecture, checkpoint.architecture);
      assert.equal(report.tensors.map(({ layer, kind }) => [layer, kind]), Array.from({ length: report.shape.layers }, (_, layer) => kinds.map((kind) => [layer, kind])).flat());
      const all = checkpoint.names.reduce((sum, tensor) => sum + checkpoint.shape(tensor).reduce((product, size) => product * size, 1), 0);
      assert.is(report.linearWeights + report.otherWeights, all);
      assert.is(report.otherBytes, 2 * report.otherWeights);
    }
  });
}

test('what is in a checkpoint but is not computed with does not count, and only that', async () => {
  const name = 'neox_parallel';
  const file = fileOf(name, 'model.safetensors');
  const extra = [
    { name: 'gpt_neox.layers.0.attention.bias', dtype: 'BOOL' as const, shape: [1, 1, 64, 64], bytes: new Uint8Array(4096) },
    { name: 'gpt_neox.layers.0.attention.rotary_emb.inv_freq', dtype: 'F16' as const, shape: [2], bytes: new Uint8Array(4) },
  ];
  const [plain] = await reports(name, file, ['nf4']);
  const [more] = await reports(name, writeSafetensors([...readSafetensors(file).tensors.values(), ...extra]), ['nf4']);
  assert.equal(more, plain);

  // A head that is the embeddings once more, and one that is not, which counts and is computed with.
  const gemma = readSafetensors(fileOf('gemma3', 'model.safetensors')).tensors;
  const embeddings = gemma.get('model.embed_tokens.weight')!;
  const withHead = (bytes: Uint8Array) => reports('gemma3', writeSafetensors([...gemma.values(), { name: 'lm_head.weight', dtype: 'BF16', shape: embeddings.shape, bytes }]), ['nf4']);
  const [once] = await reports('gemma3', fileOf('gemma3', 'model.safetensors'), ['nf4']);
  assert.equal(await withHead(embeddings.bytes), [once]);
  const [own] = await withHead(embeddings.bytes.map((byte, at) => (at === 6 ? byte ^ 1 : byte)));
  assert.is(own!.otherWeights - once!.otherWeights, 96 * 32);
  assert.equal([once!.shape.tiedEmbeddings, own!.shape.tiedEmbeddings], [true, false]);
});

test.run();
