/** Two formats beside one another, and where their texts part from the base's. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { qualityPairs, speedPairs } from '../../stages/quantization/compare.ts';
import { curve } from '../../stages/quantization/parting.ts';
import { fidelityClusters } from '../../stages/quantization/score-clusters.ts';
import { madeFidelity } from './score-made.ts';

const place = { model: 'm', format: 'nf4', other: 'fp4', cell: 'compare:m/nf4/fp4' };
const [nf4, fp4] = [madeFidelity({ model: 'm', format: 'nf4' }, { rise: 0.1, kl: 0.02 }), madeFidelity({ model: 'm', format: 'fp4', seed: 9 }, { rise: 0.15, kl: 0.03 })] as const;
const total = (values: Float64Array): number => values.reduce((sum, x) => sum + x, 0);

test('quality: differences of the second less the first, over positions with enough context, with intervals', () => {
  const rows = qualityPairs([nf4], [fp4], place);
  const at = (quantity: string): { value: number; low: number | null; high: number | null; n: number } => rows.find((row) => row['quantity'] === quantity) as never;
  const [one, two] = [fidelityClusters([nf4]), fidelityClusters([fp4])];
  assert.ok(Math.abs(at('kl_difference').value - (total(two.kl) - total(one.kl)) / one.tokens) < 1e-12);
  assert.ok(Math.abs(at('kl_ratio').value - total(two.kl) / total(one.kl)) < 1e-9);
  assert.ok(Math.abs(at('nll_difference').value - (total(two.deltaNll) - total(one.deltaNll)) / one.tokens) < 1e-12);
  assert.equal([at('same_top1').value, at('top1_agreement_difference').value, at('accuracy_difference').value], [1, 0, 0]);
  assert.is(at('kl_ratio').n, one.tokens);
  assert.ok(at('kl_difference').low! < at('kl_difference').value && at('kl_difference').value < at('kl_difference').high!);
  assert.is(at('same_top1').low, null, 'no spread, no interval');
  for (const row of rows) assert.equal(Object.keys(row), ['quantity', 'model', 'format', 'other', 'engine', 'value', 'low', 'high', 'unit', 'n', 'clusters', 'exact', 'cell']);
});

test('quality: the other way round the signs turn; the base has no ratio', () => {
  const back = qualityPairs([fp4], [nf4], { ...place, format: 'fp4', other: 'nf4' });
  const [there, here] = [qualityPairs([nf4], [fp4], place), back].map((rows) => rows.find((row) => row['quantity'] === 'nll_difference')!);
  assert.is(there!['value'], -Number(here!['value']));
  const base = { ...nf4, kl: nf4.kl.map(() => 0), nll: nf4.nllBase, top1: nf4.top1Base };
  const rows = qualityPairs([base], [fp4], { ...place, format: 'fp16' });
  assert.not.ok(rows.some((row) => row['quantity'] === 'kl_ratio'));
  assert.ok(Math.abs(Number(rows.find((row) => row['quantity'] === 'same_top1')!['value']) - 0.9) < 0.001);
});

test('few windows give no interval', () => {
  const few = (of: typeof nf4): typeof nf4 => madeFidelity({ model: 'm', format: of.format, windows: 7 }, { rise: 0.1, kl: 0.02 });
  assert.ok(qualityPairs([few(nf4)], [few(fp4)], place).every((row) => row['low'] === null));
});

test('speed: ratios within blocks, of each pair and phase that both were timed in', () => {
  const samples = ['fp16', 'nf4', 'fp4'].flatMap((format, f) => Array.from({ length: 9 }, (_, block) => ({ format, phase: 'decode', pair: 'A', block, tokens: 100, durationMs: (100 + block) / (1 + f), stepsMs: [1] })));
  const rows = speedPairs({ engine: { name: 'native' }, machine: { cpu: 'x', cores: 2 }, samples, memory: {} }, ['fp16', 'nf4', 'fp4'], { model: 'm', cell: 'compare:m/speed' });
  assert.equal(rows.map((row) => [row['quantity'], row['format'], row['other'], row['exact'], Math.round(1000 * Number(row['value']))]),
    [['decode_ratio', 'fp16', 'nf4', false, 2000], ['decode_ratio', 'fp16', 'fp4', false, 3000], ['decode_ratio', 'nf4', 'fp4', false, 1500]]);
});

test('parting: at risk, parted and the share that is left, step by step; a text that ended as the base’s did is watched no further', () => {
  const pairs = [
    { prompt: 'a', ids: [1, 2, 3, 4], base: [1, 2, 3, 4] }, { prompt: 'a', ids: [1, 9, 3, 4], base: [1, 2, 3, 4] },
    { prompt: 'b', ids: [1, 2], base: [1, 2] }, { prompt: 'b', ids: [1, 2, 3, 9], base: [1, 2, 3, 4] },
  ];
  const rows = curve(pairs, 4, { model: 'm', format: 'nf4', temperature: 0.7, top_k: 0 }, 'parting:m/nf4/T0.7/k0');
  assert.equal(rows.map((row) => [row['step'], row['at_risk'], row['parted'], row['value']]), [[1, 4, 0, 1], [2, 4, 1, 0.75], [3, 2, 0, 0.75], [4, 2, 1, 0.375]]);
  assert.ok(rows.every((row) => row['low'] === null && row['n'] === 4 && row['clusters'] === 2), 'two prompts are too few for an interval');
  const many = Array.from({ length: 10 }, (_, k) => ({ prompt: `p${k}`, ids: k % 2 === 0 ? [1, 2] : [1, 9], base: [1, 2] }));
  const last = curve(many, 2, { model: 'm', format: 'nf4', temperature: 0.7, top_k: 0 }, 'x').at(-1)!;
  assert.ok(last['value'] === 0.5 && Number(last['low']) < 0.5 && Number(last['high']) > 0.5);
});

test.run();
