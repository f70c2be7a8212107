/** How the bench times, what it says of caches, and how it counts. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { levelOf, machineCaches } from '../../stages/quantization/caches.ts';
import { contest } from './contest.ts';
import type { Contender } from './contest.ts';
import { inTurns } from './measure.ts';

const MIB = 1 << 20;
const caches = [{ level: 1, bytes: 48 << 10, sharedBy: 1 }, { level: 2, bytes: 2 * MIB, sharedBy: 1 }, { level: 3, bytes: 32 * MIB, sharedBy: 8 }];

test('a working set lies in the smallest level that holds it; threads divide it among their own', () => {
  assert.is(levelOf(MIB, 1, caches), 'L2');
  assert.is(levelOf(3 * MIB, 1, caches), 'L3');
  assert.is(levelOf(3 * MIB, 2, caches), 'L2');
  assert.is(levelOf(33 * MIB, 8, caches), 'memory');
  assert.is(levelOf(1, 1, []), 'memory');
});

test('caches are read as Linux lists them, and are none where it does not', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bitwidth-caches-'));
  try {
    [['1', 'Data', '48K', '0'], ['1', 'Instruction', '32K', '0'], ['3', 'Unified', '32M', '0-3,8'], ['2', 'Unified', '2048K', '0,4']].forEach(([level, type, size, shared], index) => {
      mkdirSync(join(folder, `index${index}`));
      for (const [name, text] of Object.entries({ level, type, size, shared_cpu_list: shared })) writeFileSync(join(folder, `index${index}`, name), `${text}\n`);
    });
    assert.equal(machineCaches(`${folder}/`), [{ level: 1, bytes: 48 << 10, sharedBy: 1 }, { level: 2, bytes: 2 * MIB, sharedBy: 2 }, { level: 3, bytes: 32 * MIB, sharedBy: 5 }]);
    assert.equal(machineCaches(`${folder}/nowhere/`), []);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** Claims to have taken so long. */
function pretending(seconds: number, log: string[], name: string): { time(calls: number): Promise<number> } {
  return { async time(calls) { log.push(`${name}${calls}`); return seconds; } };
}

test('all take turns; who is slow has fewer, and who is very slow is timed once', async () => {
  const log: string[] = [];
  const [quick, slow, once] = await inTurns([pretending(0.002, log, 'q'), pretending(0.3, log, 's'), pretending(5, log, 'o')], { rounds: 5, turnMs: 20, mostMs: 700 });
  assert.equal([quick!.rounds, slow!.rounds, once!.rounds], [5, 2, 1]);
  assert.equal([quick!.median, slow!.median, once!.median], [0.002, 0.3, 5]);
  // Repeated until a turn is long enough, after a call that warms the caches.
  assert.is(log.filter((entry) => entry === 'q10').length, 5);
  assert.is(log.filter((entry) => entry === 'o1').length, 1);
  assert.ok(log.indexOf('s1') < log.lastIndexOf('q10') && log.indexOf('q10') < log.lastIndexOf('s1'), log.join(' '));
});

test('a contest gives rates, and shares of what the same threads read of a set of that size', async () => {
  const contender = (who: string, seconds: number, more: Partial<Contender> = {}): Contender => ({ who, version: '', peer: false, format: 'nf4', bitsPerWeight: 4.5, activations: 'fp32', threads: 1, bytes: 4e6, ...pretending(seconds, [], who), ...more });
  const reader = { how: '', read: async (threads: number) => (threads === 1 ? 10 : undefined), close() {} };
  const printed = console.log;
  console.log = () => {};
  try {
    const rows = await contest({ quick: true, caches, reader }, { suite: 'products', title: '', shape: 'any', phase: 'product', batch: 1, unit: 'G multiply-adds/s', work: (batch) => 2 * batch, readOnce: true, rounds: 3, turnMs: 1, mostMs: 2000 }, [
      contender('a', 0.0008), contender('chain', 0.0016, { times: 4, reads: 8e6, bytes: 1e6 }), contender('threaded', 0.001, { threads: 2 }), contender('short', 0.5, { batch: 3 }),
    ]);
    const of = (who: string) => rows.find((row) => row.who === who)!;
    assert.equal(rows.filter(({ suite }) => suite === 'read').map(({ bytes, rate, level }) => [bytes, rate, level]), [[4e6, 10, 'L3'], [1e6, 10, 'L2']]);
    assert.is(of('a').rate, 2 / 0.0008);
    assert.ok(Math.abs(of('a').readShare! - 0.5) < 1e-9);
    assert.is(of('chain').rate, 8 / 0.0016);
    assert.ok(Math.abs(of('chain').readShare! - 0.5) < 1e-9);
    assert.is(of('threaded').readShare, null);
    assert.equal([of('short').batch, of('short').rate], [3, 12]);
  } finally {
    console.log = printed;
  }
});

test.run();
