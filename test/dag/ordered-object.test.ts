/** Objects read front to back: hashed on the way by a thread, and nothing comes of other bytes than the object's. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DamagedObject } from '../../stages/dag/errors.ts';
import { OrderedObject } from '../../stages/dag/ordered-object.ts';
import { runTask } from '../../stages/dag/run-task.ts';
import type { InputHandle } from '../../stages/dag/task-types.ts';
import type { Failure, Sha256 } from '../../stages/dag/types.ts';

const MIB = 1 << 20;
/** Above what an object is held whole for; pieces, the front and the end are ragged. */
const SIZE = 67 * MIB + 12_345;
const OFFSET = 4099;
const content = randomBytes(SIZE);
const sha256 = createHash('sha256').update(content).digest('hex') as Sha256;

const test = suite<{ folder: string; path: string; handle: InputHandle }>('dag: objects read front to back');

test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), 'bitwidth-ordered-'));
  context.path = join(context.folder, 'pack');
  writeFileSync(context.path, Buffer.concat([Buffer.alloc(OFFSET, 1), content, Buffer.alloc(50, 2)]));
  context.handle = { sha256, bytes: SIZE, path: context.path, offset: OFFSET };
});
test.after.each(({ folder }) => rmSync(folder, { recursive: true, force: true }));

function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[OFFSET + at]! ^= 4;
  writeFileSync(path, bytes);
}

const damaged = (what: RegExp) => (error: unknown): boolean => error instanceof DamagedObject && what.test(error.what);

/** A header, ranges with holes between them, of which some were announced, and what is already known once more. */
const RANGES = [[0, 16, false], [0, 8, false], [8, 900, false], [8, 2 * MIB, false], [3 * MIB, 20 * MIB, true], [23 * MIB, 7, false], [40 * MIB + 1, 5 * MIB, true], [SIZE - 100, 100, true]] as const;

function readAll(object: OrderedObject): void {
  for (const [index, [offset, length]] of RANGES.entries()) {
    const bytes = object.read(offset, length);
    const [next, nextLength, isAnnounced] = RANGES[index + 1] ?? [0, 0, false];
    if (isAnnounced) object.readNext(next, nextLength);
    assert.ok(content.subarray(offset, offset + length).equals(bytes), `${offset} + ${length}`);
    if (index % 2 === 0) object.reuse(bytes);
  }
}

test('every range is that of the bytes, and they are the object\'s', ({ handle }) => {
  const object = new OrderedObject(handle);
  readAll(object);
  object.verified();
  object.verified();
  object.close();
  assert.throws(() => object.read(0, 1), /closed/);
});

test('backwards, over an announced range that nobody asks for, and after it was verified', ({ handle }) => {
  const object = new OrderedObject(handle);
  object.readNext(50 * MIB, 10 * MIB);
  for (const offset of [60, 20, 5, 5, 40]) assert.ok(content.subarray(offset * MIB, (offset + 4) * MIB).equals(object.read(offset * MIB, 4 * MIB)), `${offset}`);
  object.readNoMore();
  object.verified();
  assert.ok(content.subarray(30 * MIB, 47 * MIB).equals(object.read(30 * MIB, 17 * MIB)));
  object.verified();
  for (const [offset, length] of [[-1, 1], [0, SIZE + 1], [SIZE, 1], [0.5, 1]] as const) assert.throws(() => object.read(offset, length), (error: unknown) => error instanceof RangeError);
  object.close();
});

test('a byte that is another is noticed, wherever it is: in what was read, between, after, and before', ({ handle, path }) => {
  for (const at of [0, 3 * MIB, 10 * MIB, 35 * MIB, SIZE - 200, SIZE - 1]) {
    flip(path, at);
    const object = new OrderedObject(handle);
    object.read(30 * MIB, 2 * MIB);
    assert.throws(() => object.verified(), damaged(/hash to/), `${at}`);
    assert.throws(() => object.read(0, 1), damaged(/hash to/), 'from then on');
    object.close();
    flip(path, at);
  }
});

test('a byte that is another in one of several passes is noticed', ({ handle, path }) => {
  const object = new OrderedObject(handle);
  object.read(30 * MIB, 2 * MIB);
  object.verified();
  flip(path, 20 * MIB);
  object.read(20 * MIB, 2 * MIB);
  flip(path, 20 * MIB);
  object.read(20 * MIB, 2 * MIB);
  assert.throws(() => object.verified(), damaged(/hash to/));
  object.close();
});

test('a short file and none are noticed by the first who reads there', ({ handle, path }) => {
  truncateSync(path, OFFSET + SIZE - 1);
  const short = new OrderedObject(handle);
  short.read(MIB, 4 * MIB);
  assert.throws(() => short.verified(), damaged(/ends after/));
  assert.throws(() => short.verified(), damaged(/ends after/));
  short.close();
  rmSync(path);
  const missing = new OrderedObject(handle);
  assert.throws(() => missing.read(0, 10), damaged(/missing/));
  assert.throws(() => missing.verified(), damaged(/missing/));
  missing.close();
});

/** Runs a stage on the object; what came of it. */
async function task(folder: string, handle: InputHandle, source: string): Promise<{ readonly committed: boolean; readonly failed: Failure | undefined; readonly end: string }> {
  mkdirSync(join(folder, 'scratch'), { recursive: true });
  writeFileSync(join(folder, 'stage.mjs'), `export const run = async ([cell], io) => { const object = await io.openInOrder(cell.inputs.data.handle); ${source} };\n`);
  let committed = false;
  let failed: Failure | undefined;
  const end = await runTask({
    id: 'one', stage: 'one', moduleUrl: `file://${join(folder, 'stage.mjs')}?${Math.random()}`, outputs: ['out'], scratch: join(folder, 'scratch'), fresh: false, timed: false, cpus: 1,
    cells: [{ id: 'one:a', params: {}, inputs: { data: { kind: 'object', handle } } }],
  }, { committed: async () => { committed = true; }, failed: (_, failure) => { failed = failure; }, progress: () => undefined, warn: () => undefined, log: () => undefined }, new AbortController().signal);
  return { committed, failed, end: end.kind };
}

const FATES = {
  commit: 'object.read(0, 9); await io.commit(cell.id, { out: "x" });',
  'commit after closing': 'object.read(0, 9); object.close(); await io.commit(cell.id, { out: "x" });',
  failure: 'object.read(0, 9); await io.fail(cell.id, { code: "bad-input", sentence: "these weights are wrong" });',
  error: 'object.read(0, 9); throw new Error("these weights are wrong");',
} as const;

test('a task comes to its end where the bytes are the object\'s', async ({ folder, handle }) => {
  assert.equal(await task(folder, handle, FATES.commit), { committed: true, failed: undefined, end: 'ended' });
  assert.equal(await task(folder, handle, FATES['commit after closing']), { committed: true, failed: undefined, end: 'ended' });
  assert.is((await task(folder, handle, FATES.failure)).failed?.code, 'bad-input');
  assert.is((await task(folder, handle, FATES.error)).end, 'threw');
});

test('nothing comes of other bytes: no commit, no failure, and no error is the stage\'s', async ({ folder, handle, path }) => {
  flip(path, 66 * MIB);
  for (const [how, source] of Object.entries(FATES)) assert.equal(await task(folder, handle, source), { committed: false, failed: undefined, end: 'damaged' }, how);
});

test.run();
