/** Scripts of crosscheck: which numbers have one, what it holds, why the others have none; and that it is Python. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { crosscheck } from '../../stages/quantization/crosscheck.ts';
import { readStudy } from '../../stages/quantization/index.ts';
import { notRun } from '../not-run.ts';
import type { ModelFiles } from '../../stages/quantization/config-model.ts';
import type { Asked } from '../../stages/quantization/crosscheck.ts';

const root = resolve(import.meta.dirname, '../..');
const metric = (quantity: string, format: string, more: object = {}): Asked => ({ id: `${quantity}.novel-1m.${format}`, table: 'metrics', column: 'value', value: 0.0244, row: { quantity, model: 'novel-1m', format, text: null, exact: true, ...more } });
const row = (table: string, column: string, more: object = {}): Asked => ({ id: `${table}.${column}`, table, column, value: 1, row: { model: 'novel-1m', format: 'nf4', ...more } });

const test = suite<{ of: (asked: Asked) => string; why: (asked: Asked) => string }>('study: crosscheck');
test.before(async (context) => {
  const answer = crosscheck(await readStudy(root, { quick: true }));
  context.of = (asked) => { const found = answer(asked); assert.ok('script' in found, JSON.stringify(found)); return found.script; };
  context.why = (asked) => { const found = answer(asked); assert.ok('why' in found); return found.why; };
});

test('a loss: the weights, texts and windows of the study, none of its code, what agreement to expect and why', ({ of }) => {
  const script = of(metric('kl_mean', 'nf4'));
  const [, folder, format, base] = /^MODEL, FORMAT, BASE = "([^"]+)", "([^"]+)", "([^"]+)"$/m.exec(script)!;
  assert.equal([format, base], ['nf4', 'fp16']);
  assert.ok(existsSync(join(root, folder!, 'model.safetensors')));
  for (const path of JSON.parse(/^TEXTS = (.+)$/m.exec(script)![1]!) as string[]) assert.ok(existsSync(join(root, path)), path);
  assert.match(script, /^WINDOWS, TOKENS = 2, \d+$/m);
  assert.match(script, /^FIRST = 32 /m);
  assert.match(script, /^REPORTED, ABSOLUTE, RELATIVE = 0\.0244, /m);
  assert.match(script, /^# Why that tolerance: /m);
  assert.match(script, /sys\.exit\(0 if agrees else 1\)/);
  assert.equal([...script.matchAll(/^(?:\s*)(?:import|from) (\w+)/gm)].map(([, name]) => name).filter((name) => !['sys', 'math', 'torch', 'safetensors', 'transformers', 'bitsandbytes'].includes(name!)), []);
  assert.match(of(metric('nll_all', 'nf4')), /^FIRST = 1 /m);
  assert.equal(JSON.parse(/^TEXTS = (.+)$/m.exec(of(metric('nll', 'nf4', { text: 'hound' })))![1]!), ['data/texts/hound.txt']);
});

test('of a model that was downloaded the script takes the same commit; of several files all', async () => {
  const study = await readStudy(root, { quick: true });
  const [model] = study.models;
  const commit = 'c'.repeat(40);
  const weights = ['a.safetensors', 'b.safetensors'].map((name) => ({ path: `hf:org/name@${commit}/${name}` }));
  const answer = crosscheck({ ...study, models: [{ ...model!, hub: { repository: 'org/name', commit }, files: { ...model!.files, weights } as ModelFiles }] })(metric('kl_mean', 'nf4'));
  assert.ok('script' in answer);
  assert.match(answer.script, new RegExp(`^MODEL, FORMAT, BASE = __import__\\("huggingface_hub"\\)\\.snapshot_download\\("org/name", revision="${commit}", .*"nf4", "fp16"$`, 'm'));
  assert.match(answer.script, /^FILES = \["a\.safetensors","b\.safetensors"\]$/m);
});

test('what cannot be computed by others\' code says why', ({ why }) => {
  assert.match(why(metric('decode_tokens_per_second', 'nf4', { exact: false })), /measured on a machine/);
  assert.match(why(row('sweep_metrics', 'value')), /sampler/);
  assert.match(why(row('generations', 'first_difference')), /sampler/);
  assert.match(why(metric('kl_p99', 'nf4')), /is not among what a script computes \(nll, /);
  assert.match(why(row('models', 'parameters', { model: 'no-such' })), /about no model/);
  assert.match(why(row('models', 'layers')), /nothing else computes models\.layers/);
});

test('each kind of script is Python', ({ of }) => {
  const scripts = [
    ...['fp16', 'bf16', 'int8', 'nf4', 'fp4-dq'].map((format) => of(metric('perplexity', format))), of(metric('weight_bytes', 'int8')), of(metric('bits_per_weight_model', 'nf4-dq')),
    of(row('tensor_errors', 'max_abs_error', { tensor: 'model.layers.0.mlp.up_proj.weight' })), of(row('artifacts', 'linear_bytes')),
  ];
  for (const script of scripts) assert.not.match(script, /undefined|\[object/);
  try {
    execFileSync('python3', ['-c', 'import sys, json\nfor text in json.load(sys.stdin): compile(text, "script", "exec")'], { input: JSON.stringify(scripts) });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    notRun('scripts of crosscheck as Python', 'there is no python3');
  }
});

test('a name with quotes stays a text in the script', ({ of }) => {
  assert.match(of(row('tensor_errors', 'max_abs_error', { tensor: 'a"\n); import os #' })), /^NAME = "a\\"\\n\); import os #"$/m);
});

test.run();
