/**
 * Every architecture of the register against transformers: the tiny random models of the fixtures, with the logits and greedy
 * continuations that transformers 5.23 and bitsandbytes 0.50.2 gave for them. The reference computes them; test/conformance/engines.test.ts
 * holds the other engines to it on the same models.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Checkpoint } from '../../kernels/index.ts';
import { architectureOf, architectures, formats, generate, openCheckpoint, readSafetensors, scoreWindow, writeSafetensors } from '../../kernels/index.ts';
import { ReferenceOps } from '../../kernels/engines/reference.ts';
import { quantizeCall, quantizeRow } from '../../kernels/int8-rows.ts';
import type { QuantizedRow } from '../../kernels/int8-rows.ts';
import { fixtureTensors, goldenModels, largestDifference, referenceInstance, sessionOf, tinyCheckpoint, transformersTensors } from '../kernels/test-models.ts';

const LARGEST_LOGIT_DIFFERENCE = 1e-4;

const golden = new Map([...fixtureTensors('tiny_logits.safetensors'), ...fixtureTensors('tiny_logits_int8_rows.safetensors')]);
const prompt = Int32Array.from(golden.get('prompt')!);

/** Our format -> the golden tensor's name. fp16 and bf16 have none. */
const GOLDEN_LOGITS: { readonly [format: string]: string } = {
  fp32: 'logits', nf4: 'logits_nf4', 'nf4-dq': 'logits_nf4_dq', fp4: 'logits_fp4', 'fp4-dq': 'logits_fp4_dq', int8: 'logits_int8_t6_rows',
};

const modelsFolder = new URL('../fixtures/bitsandbytes/models/', import.meta.url);
const models = readdirSync(modelsFolder).map((name) => ({ name, checkpoint: tinyCheckpoint(name) }));
const others = goldenModels();

test('each registered architecture has a tiny model, and is in the table of docs/models.md', () => {
  const table = readFileSync(new URL('../../docs/models.md', import.meta.url), 'utf8');
  for (const { name } of architectures) {
    assert.ok(others.some(({ checkpoint }) => checkpoint.architecture === name), name);
    assert.ok(table.includes(`| \`${name}\` |`), name);
  }
});

for (const { name, checkpoint, prompt: text, logits, greedy } of others) {
  test(`${name}: logits and greedy continuation of transformers`, async () => {
    // The weights are bf16; as fp32 they are the same numbers in another format.
    for (const format of ['bf16', 'fp32']) {
      const session = sessionOf(checkpoint, format);
      const difference = largestDifference(await scoreWindow(session, text), logits);
      assert.ok(difference <= LARGEST_LOGIT_DIFFERENCE, `${format}: ${difference}`);
      const [ids] = await generate(session, { prompts: [{ ids: text, key: 0 }], temperature: 0, topK: 0, maxNewTokens: greedy.length, seed: 0 });
      assert.equal([...ids!], [...greedy]);
      session.dispose();
    }
  });
}

for (const { name, checkpoint } of models) {
  test(`${name}: greedy continuation of transformers`, async () => {
    const session = sessionOf(checkpoint, 'fp32');
    const longer = transformersTensors();
    for (const [text, expected] of [[prompt, golden.get(`${name}.greedy`)!], [longer.get('prompt') as Int32Array, longer.get(`bitsandbytes/${name}.greedy`)!]] as const) {
      const [ids] = await generate(session, { prompts: [{ ids: text, key: 0 }], temperature: 0, topK: 0, maxNewTokens: expected.length, seed: 0 });
      assert.equal([...ids!], [...expected]);
    }
    session.dispose();
  });

  for (const format of formats) {
    const expected = golden.get(`${name}.${GOLDEN_LOGITS[format.name]}`);
    if (expected === undefined) continue;
    test(`${name} ${format.name}: golden logits`, async () => {
      if (format.product === 'llm-int8') return agreesOnInt8(checkpoint, new Doubting(), expected);
      const session = sessionOf(checkpoint, format.name);
      assert.ok(largestDifference(await scoreWindow(session, prompt), expected) <= LARGEST_LOGIT_DIFFERENCE);
      session.dispose();
    });
  }
}

for (const { name, checkpoint } of [...models, ...others]) {
  test(`${name}: the linear layers are the matrices but embeddings and output head, in the order of the layers`, () => {
    const matrices = checkpoint.names.filter((tensor) => checkpoint.shape(tensor).length === 2 && !/embed|lm_head/.test(tensor));
    const { linearNames, shape } = architectureOf(checkpoint);
    assert.equal([...linearNames].sort(), matrices.sort());
    const layers = linearNames.map((tensor) => Number(/\.([0-9]+)\./.exec(tensor)![1]));
    assert.equal(layers, [...layers].sort((a, b) => a - b));
    assert.is(new Set(layers).size, shape.layers);
  });
}

/**
 * How far activations may be from transformers', as a part of their row's largest. Where that much changes a code of LLM.int8(), the library
 * may have taken the other one, which is 1/127 of the row's largest away, and what follows from that row is no longer comparable.
 */
const ACTIVATION_DIFFERENCE = 2e-7;
/** What one code more or less may do to a logit of these models. */
const CODE_DIFFERENCE = 0.1;

/** LLM.int8() with rows quantized as `quantize` says, noting the first row of a text for which it may have been otherwise. */
class Doubting extends ReferenceOps {
  firstDoubt = Infinity;
  readonly #quantize: (rows: readonly Float32Array[]) => QuantizedRow[];
  constructor(quantize: (rows: readonly Float32Array[]) => QuantizedRow[] = (rows) => rows.map((row) => quantizeRow(row))) {
    super();
    this.#quantize = quantize;
  }

  protected override quantizeRows(rows: readonly Float32Array[]): QuantizedRow[] {
    rows.forEach((row, index) => {
      const apart = row.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0) * ACTIVATION_DIFFERENCE;
      const [below, above] = [-apart, apart].map((change) => quantizeRow(row.map((value) => value + change)).codes);
      if (index < this.firstDoubt && below!.some((code, i) => code !== above![i])) this.firstDoubt = index;
    });
    return this.#quantize(rows);
  }
}

async function agreesOnInt8(checkpoint: Checkpoint, ops: Doubting, expected: ArrayLike<number>): Promise<void> {
  const session = sessionOf(checkpoint, 'int8', referenceInstance(ops));
  const logits = await scoreWindow(session, prompt);
  const { vocabulary } = session.shape;
  const differences = Array.from(prompt, (_, row) => largestDifference(logits.subarray(row * vocabulary, (row + 1) * vocabulary), Array.from(expected).slice(row * vocabulary, (row + 1) * vocabulary)));
  session.dispose();
  if (differences.every((difference) => difference <= LARGEST_LOGIT_DIFFERENCE)) return;
  const what = `first doubt at ${ops.firstDoubt}: ${differences.map((difference) => difference.toExponential(1)).join(' ')}`;
  assert.ok(differences.every((difference, row) => difference <= (row < ops.firstDoubt ? LARGEST_LOGIT_DIFFERENCE : CODE_DIFFERENCE)), what);
  // Rows do not all look back to that one: most are as they were.
  assert.ok(differences.filter((difference) => difference <= LARGEST_LOGIT_DIFFERENCE).length >= 0.75 * differences.length, what);
}

for (const { name, checkpoint } of models) {
  // As the library groups rows in a call, and without outliers: not ours, but what some golden logits were made with.
  for (const [suffix, ops] of [['t6', new Doubting(quantizeCall)], ['t0', new Doubting((rows) => rows.map((row) => quantizeRow(row, 0)))]] as const) {
    const expected = golden.get(`${name}.logits_int8_${suffix}`);
    if (expected === undefined) continue;
    test(`${name} int8 as the library computes a whole call, ${suffix}`, async () => {
      await agreesOnInt8(checkpoint, ops, expected);
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
