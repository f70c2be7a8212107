/**
 * Every architecture of the register against transformers: the tiny random models of the fixtures, with the logits and greedy
 * continuations that transformers 5.23 and bitsandbytes 0.50.2 gave for them.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { architectureOf, architectures, formats, generate, openCheckpoint, readSafetensors, scoreWindow, writeSafetensors } from '../../kernels/index.ts';
import { ReferenceOps } from '../../kernels/engines/reference.ts';
import { quantizeCall, quantizeRow } from '../../kernels/int8-rows.ts';
import { fixtureTensors, largestDifference, referenceInstance, sessionOf, tinyCheckpoint } from '../kernels/test-models.ts';

const LARGEST_LOGIT_DIFFERENCE = 1e-4;

const golden = new Map([...fixtureTensors('tiny_logits.safetensors'), ...fixtureTensors('tiny_logits_int8_rows.safetensors')]);
const prompt = Int32Array.from(golden.get('prompt')!);

/** Our format -> the golden tensor's name. fp16 and bf16 have none. */
const GOLDEN_LOGITS: { readonly [format: string]: string } = {
  fp32: 'logits', nf4: 'logits_nf4', 'nf4-dq': 'logits_nf4_dq', fp4: 'logits_fp4', 'fp4-dq': 'logits_fp4_dq', int8: 'logits_int8_t6_rows',
};

const modelsFolder = new URL('../fixtures/bitsandbytes/models/', import.meta.url);
const models = readdirSync(modelsFolder)
  .map((name) => ({ name, checkpoint: tinyCheckpoint(name) }))
  .filter(({ checkpoint }) => architectures.some(({ name }) => name === checkpoint.architecture));

test('each registered architecture has a tiny model', () => {
  for (const { name } of architectures) assert.ok(models.some(({ checkpoint }) => checkpoint.architecture === name), name);
});

for (const { name, checkpoint } of models) {
  test(`${name}: greedy continuation of transformers`, async () => {
    const session = sessionOf(checkpoint, 'fp32');
    const [ids] = await generate(session, { prompts: [{ ids: prompt, key: 0 }], temperature: 0, topK: 0, maxNewTokens: 12, seed: 0 });
    assert.equal([...ids!], [...golden.get(`${name}.greedy`)!]);
    session.dispose();
  });

  for (const format of formats) {
    const expected = golden.get(`${name}.${GOLDEN_LOGITS[format.name]}`);
    if (expected === undefined) continue;
    test(`${name} ${format.name}: golden logits`, async () => {
      const session = sessionOf(checkpoint, format.name);
      assert.ok(largestDifference(await scoreWindow(session, prompt), expected) <= LARGEST_LOGIT_DIFFERENCE);
      session.dispose();
    });
  }

  test(`${name}: the linear layers are the matrices but embeddings and output head`, () => {
    const matrices = checkpoint.names.filter((tensor) => checkpoint.shape(tensor).length === 2 && !/embed|lm_head/.test(tensor));
    assert.equal([...architectureOf(checkpoint).linearNames].sort(), matrices.sort());
  });
}

/** LLM.int8() as the library groups rows in a call, and without outliers: not ours, but what some golden logits were made with. */
class WholeCall extends ReferenceOps {
  protected override quantizeRows(rows: readonly Float32Array[]) {
    return quantizeCall(rows);
  }
}
class NoOutliers extends ReferenceOps {
  protected override quantizeRows(rows: readonly Float32Array[]) {
    return rows.map((row) => quantizeRow(row, 0));
  }
}

for (const { name, checkpoint } of models) {
  for (const [suffix, ops] of [['t6', new WholeCall()], ['t0', new NoOutliers()]] as const) {
    const expected = golden.get(`${name}.logits_int8_${suffix}`);
    if (expected === undefined) continue;
    test(`${name} int8 as the library computes a whole call, ${suffix}`, async () => {
      const session = sessionOf(checkpoint, 'int8', referenceInstance(ops));
      assert.ok(largestDifference(await scoreWindow(session, prompt), expected) <= LARGEST_LOGIT_DIFFERENCE);
      session.dispose();
    });
  }
}

test('llama with biases: qwen2 is one, with a zero bias after attention', async () => {
  const qwen2 = readSafetensors(readFileSync(new URL('qwen2/model.safetensors', modelsFolder))).tensors;
  const zeros = [0, 1].map((layer) => ({ name: `model.layers.${layer}.self_attn.o_proj.bias`, dtype: 'F32' as const, shape: [64], bytes: new Uint8Array(256) }));
  const { model_type: _, ...config } = tinyCheckpoint('qwen2').config;
  const checkpoint = (extra: object, tensors = [...qwen2.values(), ...zeros]) => openCheckpoint({
    config: new TextEncoder().encode(JSON.stringify({ ...config, model_type: 'llama', attention_bias: true, ...extra })), weights: writeSafetensors(tensors),
  });
  const session = sessionOf(checkpoint({}), 'fp32');
  assert.ok(largestDifference(await scoreWindow(session, prompt), golden.get('qwen2.logits')!) <= LARGEST_LOGIT_DIFFERENCE);
  session.dispose();
  assert.throws(() => sessionOf(checkpoint({}, [...qwen2.values()]), 'fp32'), /o_proj.bias/);
  assert.throws(() => sessionOf(checkpoint({ mlp_bias: true }), 'fp32'), /gate_proj.bias/);
});

test.run();
