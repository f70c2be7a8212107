/** The floor of the measurement, with the native library: what another order of operations makes of the base. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readStudy } from '../../stages/quantization/config.ts';
import { study } from '../../stages/quantization/study.ts';
import type { MetricRow } from '../../stages/quantization/summarize-rows.ts';
import { nativeForTests } from '../kernels/native-library.ts';
import { notRun } from '../not-run.ts';
import { root, runCells } from './in-process.ts';

const library = await nativeForTests();

if (typeof library === 'string') notRun('the floor of the measurement', library);
else {
  test('the base on another engine is near, and not the same', async () => {
    const quick = await readStudy(root, { quick: true });
    const { cells } = study({ ...quick, windowTokens: 64 });
    const done = await runCells(cells, ['floor:novel-1m', 'tabulate:models']);
    assert.equal([...done.failures], []);
    const rows = done.json<MetricRow[]>('floor:novel-1m', 'metrics');
    const value = (quantity: string): number => rows.find((row) => row.quantity === quantity)!.value;
    assert.equal(rows.map(({ format, engine, n, clusters, exact }) => [format, engine, n, clusters, exact]), rows.map(() => ['fp16', 'fast', 126, 2, false]));
    assert.is(rows.length, 4);
    // Smaller than what int8 does to this model (5e-4 nats), and above zero: the engines do differ.
    assert.ok(value('floor_kl_mean') > 0 && value('floor_kl_mean') < 2e-4, String(value('floor_kl_mean')));
    assert.ok(value('floor_kl_max') > value('floor_kl_mean') && Math.abs(value('floor_delta_nll')) < 1e-2);
    assert.ok(value('floor_top1_agreement') > 0.95);
    assert.is(done.computedBy.get('floor:novel-1m')?.['engine'], 'fast');
  });
}

test('where the other engine does not compute here the failure says what is missed, and what is not', async () => {
  const { cells } = study({ ...await readStudy(root, { quick: true }), windowTokens: 64 });
  const done = await runCells(cells.map((cell) => (cell.stage.name === 'floor' ? { ...cell, params: { ...cell.params, engine: 'abacus' } } : cell)), ['floor:novel-1m']);
  const failure = done.failures.get('floor:novel-1m')!;
  assert.is(failure.code, 'not-available');
  assert.match(failure.sentence, /abacus/);
  assert.match(failure.hint!, /^the report is without the floor, .*; all other results are as they would be with it$/);
});

test.run();
