/** Objects that are read in ranges, copied and handed over as files: hashed each time, never silently other bytes. */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DamagedObject } from '../../stages/dag/errors.ts';
import { copyObject } from '../../stages/dag/objects.ts';
import { openObject } from '../../stages/dag/open-object.ts';
import { runTask } from '../../stages/dag/run-task.ts';
import type { InputHandle, OutputValue } from '../../stages/dag/task-types.ts';
import type { Sha256 } from '../../stages/dag/types.ts';

const CHUNK = 1 << 18;
const SIZE = 5 * CHUNK + 777;
/** The object lies somewhere in a larger file, as in a pack. */
const OFFSET = 4099;

const test = suite<{ folder: string; path: string; content: Buffer; handle: InputHandle }>('dag: objects read in ranges');

test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), 'bitwidth-open-'));
  context.path = join(context.folder, 'pack');
  context.content = randomBytes(SIZE);
  writeFileSync(context.path, Buffer.concat([Buffer.alloc(OFFSET, 1), context.content, Buffer.alloc(50, 2)]));
  context.handle = { sha256: createHash('sha256').update(context.content).digest('hex') as Sha256, bytes: SIZE, path: context.path, offset: OFFSET };
});
test.after.each(({ folder }) => rmSync(folder, { recursive: true, force: true }));

const damaged = (what: RegExp) => (error: unknown): boolean => error instanceof DamagedObject && what.test(error.what);

/** 0: from the file; a large number: held whole. */
for (const whole of [0, 1e9]) {
  const how = whole === 0 ? 'in ranges' : 'held whole';

  test(`${how}: every range is that of the bytes`, async ({ handle, content }) => {
    const object = await openObject(handle, whole);
    assert.is(object.bytes, SIZE);
    for (const [offset, length] of [[0, 0], [0, 1], [0, SIZE], [SIZE, 0], [SIZE - 1, 1], [CHUNK - 1, 2], [CHUNK, CHUNK], [3, 3 * CHUNK], [5 * CHUNK, 777]] as const) {
      assert.ok(content.subarray(offset, offset + length).equals(object.read(offset, length)), `${offset} + ${length}`);
    }
    object.close();
  });

  test(`${how}: a range outside is an error of ours`, async ({ handle }) => {
    const object = await openObject(handle, whole);
    for (const [offset, length] of [[-1, 1], [0, SIZE + 1], [SIZE, 1], [0.5, 1], [0, -1], [NaN, 1]] as const) assert.throws(() => object.read(offset, length), (error: unknown) => error instanceof RangeError);
    object.close();
  });

  test(`${how}: other bytes, a short file and none are noticed when it is opened`, async ({ handle, path }) => {
    const flip = (at: number): void => {
      const bytes = readFileSync(path);
      bytes[at]! ^= 4;
      writeFileSync(path, bytes);
    };
    for (const at of [OFFSET, OFFSET + SIZE - 1, OFFSET + CHUNK]) {
      flip(at);
      await openObject(handle, whole).then(() => assert.unreachable(), (error) => assert.ok(damaged(/hash to/)(error)));
      flip(at);
    }
    (await openObject(handle, whole)).close();
    truncateSync(path, OFFSET + SIZE - 1);
    await openObject(handle, whole).then(() => assert.unreachable(), (error) => assert.ok(damaged(/ends after/)(error)));
    rmSync(path);
    await openObject(handle, whole).then(() => assert.unreachable(), (error) => assert.ok(damaged(/missing/)(error)));
  });
}

test('a byte that changes after it was hashed is noticed by who reads it, and by nobody else', async ({ handle, path, content }) => {
  const object = await openObject(handle, 0);
  const bytes = readFileSync(path);
  bytes[OFFSET + 2 * CHUNK + 5]! ^= 1;
  writeFileSync(path, bytes);
  assert.throws(() => object.read(2 * CHUNK, 10), damaged(/changed after they were hashed/));
  assert.throws(() => object.read(0, SIZE), damaged(/changed after/));
  assert.ok(content.subarray(3 * CHUNK).equals(object.read(3 * CHUNK, SIZE - 3 * CHUNK)));
  truncateSync(path, OFFSET + 10);
  assert.throws(() => object.read(CHUNK, 10), damaged(/ends after/));
  object.close();
});

test('a copy is the bytes, and a copy of other bytes is none', async ({ handle, path, content, folder }) => {
  await copyObject(handle, join(folder, 'copy'));
  assert.ok(content.equals(readFileSync(join(folder, 'copy'))));
  await copyObject(handle, join(folder, 'copy')).then(() => assert.unreachable('over a file that is there'), () => undefined);
  const bytes = readFileSync(path);
  bytes[OFFSET + SIZE - 1]! ^= 1;
  writeFileSync(path, bytes);
  await copyObject(handle, join(folder, 'other')).then(() => assert.unreachable(), (error) => assert.ok(damaged(/hash to/)(error)));
  assert.not.ok(existsSync(join(folder, 'other')));
});

/** Runs a module as a task; what it commits, or the sentence of its failure. */
async function task(folder: string, handle: InputHandle, source: string): Promise<{ readonly committed?: { readonly [name: string]: OutputValue }; readonly end: string }> {
  writeFileSync(join(folder, 'stage.mjs'), `import { writeFileSync, mkdirSync, symlinkSync } from 'node:fs';\nexport const run = async ([cell], io) => { ${source} };\n`);
  let committed: { readonly [name: string]: OutputValue } | undefined;
  const end = await runTask({
    id: 'one', stage: 'one', moduleUrl: `file://${join(folder, 'stage.mjs')}?${Math.random()}`, outputs: ['out'], scratch: join(folder, 'scratch'), fresh: false, timed: false, cpus: 1,
    cells: [{ id: 'one:a', params: {}, inputs: { data: { kind: 'object', handle } } }],
  }, { committed: async (_, outputs) => { committed = outputs; }, failed: () => undefined, progress: () => undefined, warn: () => undefined, log: () => undefined }, new AbortController().signal);
  return { ...(committed === undefined ? {} : { committed }), end: end.kind === 'threw' ? end.failure.sentence : end.kind };
}

test('a stage opens, copies and hands over files', async ({ folder, handle, content }) => {
  mkdirSync(join(folder, 'scratch'));
  const { committed, end } = await task(folder, handle, `
    const object = await io.open(cell.inputs.data.handle);
    const copy = await io.copy(cell.inputs.data.handle);
    writeFileSync(io.scratch + '/part', object.read(7, 9));
    await io.commit(cell.id, { out: { tree: new Map([['whole', copy], ['part', { file: io.scratch + '/part' }], ['text', 'x']]) } });`);
  assert.is(end, 'ended');
  const { tree } = committed!['out'] as { readonly tree: ReadonlyMap<string, { readonly file: string }> };
  assert.ok(content.equals(readFileSync(tree.get('whole')!.file)));
  assert.ok(content.subarray(7, 16).equals(readFileSync(tree.get('part')!.file)));
});

test('damage that a stage swallows ends its task all the same', async ({ folder, handle, path }) => {
  const bytes = readFileSync(path);
  bytes[OFFSET]! ^= 1;
  writeFileSync(path, bytes);
  for (const use of ['io.open(cell.inputs.data.handle)', 'io.copy(cell.inputs.data.handle)']) {
    assert.is((await task(folder, handle, `await ${use}.catch(() => undefined);`)).end, 'damaged', use);
    rmSync(join(folder, 'scratch'), { recursive: true, force: true });
  }
});

test('only the task’s own files are taken', async ({ folder, handle }) => {
  mkdirSync(join(folder, 'scratch'));
  writeFileSync(join(folder, 'precious'), 'somebody else’s');
  symlinkSync(join(folder, 'precious'), join(folder, 'link'));
  const refused = async (file: string, reason: RegExp): Promise<void> => {
    for (const value of [`{ file: ${file} }`, `{ tree: new Map([['a', { file: ${file} }]]) }`]) {
      const { end, committed } = await task(folder, handle, `try { symlinkSync(${JSON.stringify(join(folder, 'precious'))}, io.scratch + '/link'); mkdirSync(io.scratch + '/folder'); } catch {} await io.commit(cell.id, { out: ${value} });`);
      assert.match(end, reason);
      assert.is(committed, undefined);
    }
  };
  await refused(JSON.stringify(join(folder, 'precious')), /outside the task's own folders/);
  await refused(`io.scratch + '/../../precious'`, /outside the task's own folders/);
  await refused(`io.scratch + '/link'`, /is no file/);
  await refused(`io.scratch + '/folder'`, /is no file/);
  await refused(`io.scratch + '/nothing'`, /is no file/);
});

test.run();
