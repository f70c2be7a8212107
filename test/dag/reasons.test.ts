/** Reasons name what changed, field by field. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { nearest, reasonsFor, reasonText } from '../../stages/dag/reasons.ts';
import type { CellRecord, KeyFields, Sha256 } from '../../stages/dag/index.ts';

const test = suite('dag: reasons');
const HASH = (digit: string): string => digit.repeat(64);
const fields: KeyFields = { stage: 'score', params: { temperature: 0.7, sampler: { top_k: 40, seed: 1 } }, inputs: { weights: HASH('a'), text: HASH('b') }, code: HASH('c'), facts: {} };
const closure = { 'kernels/nf4.ts': HASH('d'), 'kernels/half.ts': HASH('e'), 'package:acorn': '8.19.0', 'kernels/engines.ts': 'arithmetic 1' };
const record = (of: KeyFields): CellRecord => ({ cell: 'score:x', key: HASH('0') as Sha256, fields: of, status: 'done', outputs: {}, durationMs: 1, finishedAt: '2026-01-01T00:00:00+00:00', machine: 'm', run: 'r' });
const told = (now: Partial<KeyFields>, code: { readonly [file: string]: string } = closure, changedCells: { readonly [input: string]: readonly string[] } = {}): readonly string[] =>
  reasonsFor({ fields: { ...fields, ...now }, closure: code, changedCells }, record(fields), closure).map(reasonText);

test('the nearest earlier state tells the reason, of equals the first', () => {
  const [a, b, c] = ['a', 'b', 'c'].map((field) => ({ field }));
  assert.equal(nearest([[a!, b!], [c!], [b!]]), [c]);
});

test('equal fields: none', () => {
  assert.equal(told({}), []);
});

test('parameters, also inside others', () => {
  assert.equal(told({ params: { temperature: 0.8, sampler: { top_k: 40, seed: 2 } } }), ['params.sampler.seed 1 -> 2', 'params.temperature 0.7 -> 0.8']);
  assert.equal(told({ params: { temperature: 0.7, sampler: 'greedy', extra: null } }), ['params.extra is new: null', 'params.sampler {"seed":1,"top_k":40} -> "greedy"']);
  assert.equal(told({ params: { sampler: { top_k: 40, seed: 1 } } }), ['params.temperature is gone: was 0.7']);
});

test('long parameters that differ at their end', () => {
  const long = 'x'.repeat(200);
  const before = record({ ...fields, params: { prompt: `${long}a` } });
  assert.is(reasonsFor({ fields: { ...fields, params: { prompt: `${long}b` } }, closure, changedCells: {} }, before, closure).length, 1);
});

test('inputs, with the cells that changed them', () => {
  assert.equal(told({ inputs: { weights: HASH('f'), text: HASH('b') } }, closure, { weights: ['quantize:m/nf4'] }), ['input weights changed (quantize:m/nf4)']);
  assert.equal(told({ inputs: { weights: HASH('f'), text: HASH('b') } }, closure, { weights: ['a:1', 'a:2', 'a:3'] }), ['input weights changed (a:1 and 2 more)']);
  assert.equal(told({ inputs: { weights: HASH('a'), prompts: HASH('b') } }), ['input prompts added', 'input text removed']);
});

test('code by file, package and constant', () => {
  const code = { ...closure, 'kernels/nf4.ts': HASH('1'), 'package:acorn': '8.20.0', 'kernels/engines.ts': 'arithmetic 2', 'kernels/new.ts': HASH('2') } as { [file: string]: string };
  delete code['kernels/half.ts'];
  assert.equal(told({ code: HASH('9') }, code), ['code kernels/engines.ts arithmetic 1 -> arithmetic 2', 'code kernels/half.ts removed', 'code kernels/new.ts added', 'code kernels/nf4.ts changed', 'code acorn 8.19.0 -> 8.20.0']);
  assert.equal(reasonsFor({ fields: { ...fields, code: HASH('9') }, closure, changedCells: {} }, record(fields), undefined), [{ field: 'code changed' }]);
});

test('facts', () => {
  assert.equal(told({ facts: { adapter: 'x' } }), ['facts.adapter is new: "x"']);
});

test.run();
