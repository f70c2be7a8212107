/**
 * Every canonical engine of the register against the reference, bit for bit: each op, each format, odd shapes; whole models fed
 * in one step, token by token, and mixed with other sequences. An engine that cannot run here is reported as not run. The native engine is tried
 * with each instruction set that this processor has, on 1 to 4 threads.
 */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { engines, EngineUnfit, formats, openEngine, scoreWindow } from '../../kernels/index.ts';
import type { Checkpoint, Engine, EngineInstance, Ops, Session } from '../../kernels/index.ts';
import { ReferenceOps } from '../../kernels/engines/reference.ts';
import { native, openNative } from '../../kernels/engines/native.ts';
import { firstDifference, opCases, selfTest } from '../../kernels/selftest.ts';
import { referenceStatistics } from '../../kernels/statistics/reference.ts';
import { nativeForTests } from '../kernels/native-library.ts';
import { bundledCheckpoint, goldenModels, sessionOf, someTokens, tinyCheckpoint } from '../kernels/test-models.ts';
import { notHere, notRun } from '../not-run.ts';

/** Of every architecture and its variants. */
const architectureModels = goldenModels();

const NO_MEMORY = { weights: 0, decodedCopies: 0, tables: 0, kvCache: 0, workspace: 0 };

const library = await nativeForTests();
const natives: Engine[] = typeof library === 'string' ? [] : library.functions.instructionSets().flatMap((instructionSet) => [1, 2, 3, 4].map((threads) => ({
  ...native, name: `native (${instructionSet}, ${threads} threads)`, open: () => openNative({ instructionSet, threads }),
})));

for (const engine of [...engines, ...natives]) {
  const missing = await engine.unavailable();
  if (missing !== undefined) {
    // Its own suite finds another adapter.
    (missing.endsWith('has no shader-f16') ? notHere : notRun)(`engine ${engine.name}`, missing);
    continue;
  }
  if (engine.canonical && engine.name !== 'reference') testAgainstReference(engine);
  // What one that is not canonical keeps instead is in a suite of its own: fast.test.ts.
  if (engine.canonical) testRowsAlone(engine);
  testProperties(engine);
}

function same(expected: Float32Array, actual: Float32Array, what: string): void {
  const at = firstDifference(expected, actual);
  assert.is(at, undefined, at === undefined ? '' : `${what}: element ${at} is ${actual[at]}, not ${expected[at]}`);
}

function testAgainstReference(engine: Engine): void {
  test(`${engine.name}: every op and format as the reference`, async () => {
    const { name, ops } = await engine.open();
    ops.dispose();
    await selfTest(name, async () => (await engine.open()).ops, opCases('full'));
  });

  for (const { name: format } of formats) {
    test(`${engine.name} ${format}: logits of the tiny models as the reference`, async () => {
      for (const model of ['llama', 'llama_tied']) await sameLogits(model, tinyCheckpoint(model), format, engine, someTokens(70, 128));
    });
  }

  test(`${engine.name}: logits of every architecture as the reference`, async () => {
    for (const { name, checkpoint } of architectureModels) {
      for (const format of ['bf16', 'nf4', 'int8']) await sameLogits(name, checkpoint, format, engine, someTokens(70, 96));
    }
  });

  test(`${engine.name}: logits of a bundled model as the reference`, async () => {
    for (const format of ['fp16', 'int8']) await sameLogits('novel-1m', bundledCheckpoint('novel-1m'), format, engine, someTokens(130, 2048));
  });
}

/** The reference's logits, by model and format: it takes seconds, and many engines ask. */
const judged = new Map<string, Promise<Float32Array>>();

async function sameLogits(model: string, checkpoint: Checkpoint, format: string, engine: Engine, tokens: Int32Array): Promise<void> {
  const key = `${model} ${format}`;
  if (!judged.has(key)) judged.set(key, logitsOf(sessionOf(checkpoint, format), tokens));
  same(await judged.get(key)!, await logitsOf(sessionOf(checkpoint, format, await engine.open()), tokens), key);
}

async function logitsOf(session: Session, tokens: Int32Array): Promise<Float32Array> {
  const logits = await scoreWindow(session, tokens);
  session.dispose();
  return logits;
}

function testRowsAlone(engine: Engine): void {
  for (const { name: format } of formats) {
    test(`${engine.name} ${format}: one step, token by token, and mixed with others give the same bits`, async () => {
      await rowsAlone(sessionOf(tinyCheckpoint('llama'), format, await engine.open()));
    });
  }
  for (const { name, checkpoint } of architectureModels) {
    test(`${engine.name} ${name}: one step, token by token, and mixed with others give the same bits`, async () => {
      await rowsAlone(sessionOf(checkpoint, checkpoint.baseFormat, await engine.open()));
    });
  }
}

/** Closes the session. */
async function rowsAlone(session: Session): Promise<void> {
  const { vocabulary } = session.shape;
  const texts = [someTokens(67, vocabulary, 1), someTokens(9, vocabulary, 2), someTokens(34, vocabulary, 3)];
  const whole: Float32Array[] = [];
  for (const text of texts) whole.push(await scoreWindow(session, text));

  session.reset(1, 67);
  for (const [position, token] of texts[0]!.entries()) {
    const logits = await session.step({ slot: Int32Array.of(0), position: Int32Array.of(position), token: Int32Array.of(token) });
    same(whole[0]!.subarray(position * vocabulary, (position + 1) * vocabulary), logits, `position ${position}`);
  }

  // All three at once, in slots of another order and in pieces of uneven size; only every second row's logits are asked for.
  const slotOf = [2, 0, 1];
  session.reset(3, 67);
  const left = texts.map((text) => ({ text, fed: 0 }));
  for (let piece = 1; left.some(({ text, fed }) => fed < text.length); piece += 3) {
    const rows = left.flatMap((sequence, which) => {
      const from = sequence.fed;
      sequence.fed = Math.min(sequence.text.length, from + piece + which);
      return Array.from(sequence.text.subarray(from, sequence.fed), (token, i) => ({ which, position: from + i, token }));
    });
    const wanted = Int32Array.from(rows.keys()).filter((row) => row % 2 === 0);
    const logits = await session.step({
      slot: Int32Array.from(rows, ({ which }) => slotOf[which]!), position: Int32Array.from(rows, ({ position }) => position), token: Int32Array.from(rows, ({ token }) => token),
    }, wanted);
    wanted.forEach((row, index) => {
      const { which, position } = rows[row]!;
      same(whole[which]!.subarray(position * vocabulary, (position + 1) * vocabulary), logits.subarray(index * vocabulary, (index + 1) * vocabulary), `text ${which} position ${position}`);
    });
  }
  session.dispose();
}

function testProperties(engine: Engine): void {
  test(`${engine.name}: memory is counted and given back`, async () => {
    const instance = await engine.open();
    const { ops } = instance;
    assert.equal(ops.memory(), NO_MEMORY);
    const session = sessionOf(tinyCheckpoint('llama'), 'nf4', instance);
    const loaded = session.memory();
    assert.ok(loaded.weights > 0 && loaded.tables > 0 && loaded.kvCache === 0, JSON.stringify(loaded));
    session.reset(2, 10);
    const { kvCache } = session.memory();
    // keys and values of 2 layers, 2 slots, 10 positions, 2 heads of 16, fp32; an engine may pad
    assert.ok(kvCache >= 2 * 2 * 2 * 10 * 2 * 16 * 4, String(kvCache));
    session.reset(4, 20);
    assert.ok(session.memory().kvCache > kvCache);
    session.reset(2, 10);
    assert.is(session.memory().kvCache, kvCache);
    await session.step({ slot: Int32Array.of(0), position: Int32Array.of(0), token: Int32Array.of(1) });
    assert.ok(session.memory().workspace > 0);
    assert.is(session.memory().weights, loaded.weights);
    session.dispose();
    assert.equal(session.memory(), NO_MEMORY);
  });

  test(`${engine.name}: mistakes are refused`, async () => {
    const { ops } = await engine.open();
    const fp32 = formats.find(({ name }) => name === 'fp32')!;
    const table = ops.weight(fp32.encode({ name: 'table', shape: [3, 4], values: new Float32Array(12) }), fp32);
    const step = (token: number, position = 0, slot = 0) => ops.begin({ slot: Int32Array.of(slot), position: Int32Array.of(position), token: Int32Array.of(token) });
    step(3);
    assert.throws(() => ops.embed(table), /token 3 is outside the vocabulary of 3/);
    step(-1);
    assert.throws(() => ops.embed(table), /token -1/);
    step(0);
    const old = ops.embed(table);
    step(0);
    assert.throws(() => ops.add(old, old), /earlier step/);
    const x = ops.embed(table);
    assert.throws(() => ops.linear(x, ops.weight(fp32.encode({ name: 'w', shape: [2, 5], values: new Float32Array(10) }), fp32)), /4 columns where 5/);
    assert.throws(() => ops.take(x, Int32Array.of(1)), /row 1/);
    for (const [every, first, width] of [[3, 0, 1], [2, 1, 2], [4, -1, 2], [0, 0, 1], [4, 0, 0], [2, 0.5, 1]] as const) {
      assert.throws(() => ops.columns(x, every, first, width), /4 columns cannot be cut into runs/);
    }
    assert.throws(() => ops.headNorm(x, ops.vector(new Float32Array(3)), 1e-6), /4 columns cannot be cut into runs of 3/);
    for (const factor of [0, -1, 1e-50, 1e39, NaN]) assert.throws(() => ops.scale(x, factor), /it must be a number above 0/);
    const cache = ops.kvCache(1, 1, 2, 1, 4);
    const shape = { heads: 1, kvHeads: 1, headDim: 4, window: 0 };
    for (const [position, slot] of [[2, 0], [0, 1], [-1, 0]] as const) {
      step(0, position, slot);
      const q = ops.embed(table);
      assert.throws(() => ops.attention(q, q, q, cache, 0, shape), /outside the cache/);
    }
    assert.throws(() => ops.begin({ slot: new Int32Array(1), position: new Int32Array(2), token: new Int32Array(1) }), /equal length/);
    ops.dispose();
  });
}

test('auto takes the first canonical engine that works, and says why not the others', async () => {
  const make = (name: string, rank: number, change: Partial<Engine> = {}): Engine => ({
    name, title: name, rank, canonical: true,
    unavailable: async () => undefined,
    open: async (): Promise<EngineInstance> => ({ name, canonical: true, build: '', ops: new ReferenceOps(), statistics: referenceStatistics }),
    ...change,
  });
  const unfit = async (): Promise<EngineInstance> => {
    throw new EngineUnfit('c', 'linear nf4: element 3 is 1, not 2');
  };
  const register = [make('a', 0), make('b', 1), make('c', 5, { open: unfit }), make('d', 9, { unavailable: async () => 'no compiler' }), make('e', 10, { canonical: false })];
  const { instance, why } = await openEngine('auto', register);
  assert.is(instance.name, 'b');
  assert.match(why, /d is not available: no compiler/);
  assert.match(why, /linear nf4: element 3 is 1, not 2/);
  assert.is((await openEngine('e', register)).instance.name, 'e');
  await openEngine('d', register).then(() => assert.unreachable(), (error) => assert.match(error.message, /d is not available here: no compiler/));
  await openEngine('c', register).then(() => assert.unreachable(), (error) => assert.ok(error instanceof EngineUnfit));
  await openEngine('x', register).then(() => assert.unreachable(), (error) => assert.match(error.message, /unknown engine "x"; engines are auto, a, b, c, d, e/));
  await openEngine('auto', [make('c', 5, { open: unfit })]).then(() => assert.unreachable(), (error) => assert.match(error.message, /no exact engine works here/));
});

/** An Ops with one op changed, as a wrong engine would. */
function broken(change: (ops: ReferenceOps) => Partial<Ops>): Ops {
  const ops = new ReferenceOps();
  return Object.assign(ops, change(ops));
}

test('the self-test notices a wrong bit in any op', async () => {
  const unchanged = ReferenceOps.prototype;
  const wrongs: { readonly [op: string]: (ops: ReferenceOps) => Partial<Ops> } = {
    linear: (ops) => ({ linear: (x, w, bias, residual) => (residual ? ops.add(unchanged.linear.call(ops, x, w), residual) : unchanged.linear.call(ops, x, w, bias)) }),
    rmsNorm: (ops) => ({ rmsNorm: (x, weight, eps) => unchanged.rmsNorm.call(ops, x, weight, eps * 100) }),
    layerNorm: (ops) => ({ layerNorm: (x, weight, bias, eps) => unchanged.layerNorm.call(ops, x, weight, bias, eps * 100) }),
    rotate: () => ({ rotate: (x) => x }),
    attention: (ops) => ({ attention: (q, k, v, cache, layer, shape) => unchanged.attention.call(ops, q, k, v, cache, layer, { ...shape, window: 0 }) }),
    siluMul: (ops) => ({ siluMul: (gate, up) => unchanged.siluMul.call(ops, up, gate) }),
    gelu: (ops) => ({ gelu: (x) => unchanged.gelu.call(ops, x, 'erf') }),
    add: () => ({ add: (a) => a }),
    take: () => ({ take: (x) => x }),
    headNorm: (ops) => ({ headNorm: (x, weight, eps) => unchanged.headNorm.call(ops, x, weight, eps * 100) }),
    mul: (ops) => ({ mul: (a, b) => unchanged.mul.call(ops, unchanged.scale.call(ops, a, 1 + 2 ** -23), b) }),
    scale: (ops) => ({ scale: (x, factor) => unchanged.scale.call(ops, x, factor * (1 + 2 ** -22)) }),
    columns: (ops) => ({ columns: (x, every, _first, width) => unchanged.columns.call(ops, x, every, 0, width) }),
    embed: (ops) => ({ embed: (table) => ops.add(unchanged.embed.call(ops, table), unchanged.embed.call(ops, table)) }),
  };
  for (const [op, change] of Object.entries(wrongs)) {
    let caught: unknown;
    await selfTest('wrong', () => broken(change)).catch((error: unknown) => (caught = error));
    assert.ok(caught instanceof EngineUnfit, op);
  }
});

test.run();
