import { copyFileSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { StoreTooNew } from '../../stages/dag/errors.ts';
import { encodeLine, readLines } from '../../stages/dag/log-lines.ts';
import { openStore } from '../../stages/dag/open-store.ts';
import { commitText, draft, inFolder, key, onlySegment, replaceFile, withStore } from './store-help.ts';

const NAMES = ['a', 'b', 'c'];

/** A store with three records in one segment, in three groups. */
async function makeThree(folder: string): Promise<Buffer> {
  await withStore(folder, async store => {
    store.noteClosure('hash', { 'stages/x.ts': 'aa' });
    for (const name of NAMES) {
      store.noteDecision(`work:${name}`, key(name), [{ field: 'params.name', before: 'x', after: name }]);
      await commitText(store, name, `output of ${name}`);
      await store.flush();
    }
    await store.close({ ran: 3, cached: 0, failed: 0, skipped: 0 });
  });
  return readFileSync(onlySegment(folder));
}

/** Ends of the lines of a kind. */
function endsOf(segment: Buffer, kind: string): readonly number[] {
  return readLines(Buffer.from(segment)).lines.filter(line => line.kind === kind).map(line => line.offset + line.bytes + 1);
}

test('a line is read back as it was written; what is before the checksum counts too', () => {
  const bytes = Buffer.concat([encodeLine('record', { text: 'é\n"', n: 1 }), Buffer.from('\n'), encodeLine('empty', {})]);
  const { lines, damaged, end } = readLines(bytes);
  assert.equal(lines.map(line => [line.kind, line.parse()]), [['record', { text: 'é\n"', n: 1 }], ['empty', {}]]);
  assert.equal(lines[0]?.parse(), { text: 'é\n"', n: 1 });
  assert.equal([damaged, end], [[], bytes.length]);
});

test('every single-bit flip of a line is noticed', () => {
  const line = encodeLine('record', { cell: 'work:a', durationMs: 12.5 });
  for (let bit = 0; bit < line.length * 8; bit++) {
    const flipped = Buffer.from(line);
    flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
    assert.is(readLines(flipped).lines.length, 0, `bit ${bit}`);
  }
});

test('a segment cut at any byte gives exactly the records whose lines are whole, and takes new commits', () => inFolder(async folder => {
  const segment = await makeThree(folder);
  const path = onlySegment(folder);
  const originals = openStore({ folder }).records();
  assert.is(originals.length, 3);
  const ends = endsOf(segment, 'record');
  const packEnds = endsOf(segment, 'pack');
  for (let length = 0; length <= segment.length; length++) {
    replaceFile(path, segment.subarray(0, length));
    const store = openStore({ folder });
    assert.equal(store.records(), originals.slice(0, ends.filter(end => end <= length).length), `cut at ${length}`);
    NAMES.forEach((name, i) => assert.is(store.done(key(name)) !== undefined, (ends[i] as number) <= length && (packEnds[i] as number) <= length, `cut at ${length}`));
    const lineBoundary = length === 0 || segment[length - 1] === 0x0a;
    assert.equal(store.damagedLines().map(line => line.what), lineBoundary ? [] : ['torn'], `cut at ${length}`);
  }
  for (const length of [0, 1, 200, segment.length - 1]) {
    replaceFile(path, segment.subarray(0, length));
    await withStore(folder, async store => { for (const name of NAMES) await commitText(store, name, `output of ${name}`); });
    const store = openStore({ folder });
    for (const name of NAMES) assert.is(store.done(key(name))?.cell, `work:${name}`);
    assert.equal((await store.check()).damagedObjects, []);
    for (const name of readdirSync(join(folder, 'records'))) if (join(folder, 'records', name) !== path) rmSync(join(folder, 'records', name));
  }
}));

test('a flipped byte in a segment (every fifth is tried) loses records, and never changes one', () => inFolder(async folder => {
  const segment = await makeThree(folder);
  const path = onlySegment(folder);
  const originals = openStore({ folder }).records().map(record => JSON.stringify(record));
  for (let at = 0; at < segment.length; at += 5) {
    const flipped = Buffer.from(segment);
    flipped[at] = (flipped[at] as number) ^ 0x04;
    replaceFile(path, flipped);
    const store = openStore({ folder });
    for (const record of store.records()) assert.ok(originals.includes(JSON.stringify(record)), `flip at ${at}`);
    assert.ok(store.records().length >= 1 && store.damagedLines().length >= 1, `flip at ${at}`);
  }
}));

test('records, decisions, closures and runs come back by key, by cell and by hash', () => inFolder(async folder => {
  await makeThree(folder);
  const store = openStore({ folder });
  assert.equal(store.decisions('work:b').map(decision => [decision.key, decision.reasons]), [[key('b'), [{ field: 'params.name', before: 'x', after: 'b' }]]]);
  assert.equal(store.closure('hash'), { 'stages/x.ts': 'aa' });
  assert.is(store.closure('other'), undefined);
  assert.equal(store.runs().map(run => run.counts), [{ ran: 3, cached: 0, failed: 0, skipped: 0 }]);
  assert.is(store.newestOfCell('work:c')?.key, key('c'));
  assert.is(store.newestOfCell('work:none'), undefined);
}));

test('of several records the newest counts: by cell under any key, by key and machine, failed beside done', () => inFolder(async folder => {
  const at = (second: number): string => `2026-01-01T00:00:0${second}.000+00:00`;
  await withStore(folder, async store => {
    await store.commit(draft('x', { finishedAt: at(2) }), { out: Buffer.from('new') });
    await store.commit(draft('x', { finishedAt: at(1) }), { out: Buffer.from('old') });
    await store.commit(draft('x', { key: key('other'), finishedAt: at(3) }), { out: Buffer.from('other') });
    await store.commit(draft('x', { finishedAt: at(4), status: 'failed', failure: { code: 'crashed', sentence: 'it crashed' } }), {});
  }, { BITWIDTH_MACHINE: 'one' });
  await withStore(folder, store => store.commit(draft('x', { finishedAt: at(0) }), { out: Buffer.from('there') }), { BITWIDTH_MACHINE: 'another' });
  const store = openStore({ folder });
  const read = async (outputs: { readonly out?: never } | undefined): Promise<string> => Buffer.from(await store.read(store.handle((outputs as never)['out']))).toString();
  assert.is(await read(store.done(key('x'))?.outputs), 'new');
  assert.is(store.failed(key('x'))?.failure?.sentence, 'it crashed');
  assert.is(store.failed(key('other')), undefined);
  assert.is(store.newestOfCell('work:x')?.finishedAt, at(4));
  const machines = store.donePerMachine(key('x'));
  assert.equal(machines.map(record => record.machine), ['another', 'one']);
  assert.equal(await Promise.all(machines.map(record => read(record.outputs))), ['there', 'new']);
  assert.equal(store.recordsOfCell('work:x').map(({ finishedAt }) => finishedAt), [4, 3, 2, 1, 0].map(at));
  await withStore(folder, again => again.commit(draft('x', { finishedAt: at(5) }), { out: Buffer.from('well') }));
  assert.is(openStore({ folder }).failed(key('x')), undefined, 'it went well since');
}));

test('a run that commits nothing writes no segment, and opening a store writes nothing', () => inFolder(async folder => {
  await withStore(join(folder, 'store'), async store => {
    store.noteDecision('work:a', key('a'), []);
    store.noteClosure('hash', {});
    store.describeRun({ targets: [] });
    assert.is(store.done(key('a')), undefined);
    await store.close({ ran: 0, cached: 5, failed: 0, skipped: 0 });
  });
  assert.equal(readdirSync(folder), []);
}));

test('another run sees new records after refresh, and half a line only when it is whole', () => inFolder(async folder => {
  const reader = openStore({ folder });
  await makeThree(folder);
  assert.is(reader.done(key('a')), undefined);
  reader.refresh();
  assert.is(reader.done(key('a'))?.cell, 'work:a');
  const segment = readFileSync(onlySegment(folder));
  const live = join(folder, 'live');
  mkdirSync(join(live, 'records'), { recursive: true });
  mkdirSync(join(live, 'packs'));
  for (const pack of readdirSync(join(folder, 'packs'))) copyFileSync(join(folder, 'packs', pack), join(live, 'packs', pack));
  const slow = openStore({ folder: live });
  for (const length of [10, endsOf(segment, 'record')[0] as number - 1, endsOf(segment, 'record')[1] as number, segment.length]) {
    writeFileSync(join(live, 'records', 'r.ndjson'), segment.subarray(0, length));
    slow.refresh();
    assert.equal(slow.records().length, endsOf(segment, 'record').filter(end => end <= length).length);
  }
  assert.equal(slow.damagedLines(), []);
}));

test('a segment of a newer format is refused with a sentence; a line of an unknown kind is passed over and reported', () => inFolder(async folder => {
  mkdirSync(join(folder, 'records'));
  const path = join(folder, 'records', 'r.ndjson');
  writeFileSync(path, encodeLine('run', { run: 'r', format: 2, startedAt: '' }));
  assert.throws(() => openStore({ folder }), (error: unknown) => error instanceof StoreTooNew && /format 2, this version reads up to 1/.test(error.message));
  writeFileSync(path, Buffer.concat([encodeLine('novelty', { a: 1 }), encodeLine('record', { cell: 5 })]));
  assert.equal(openStore({ folder }).damagedLines().map(line => [line.what, line.offset]), [['not-understood', 0], ['not-understood', encodeLine('novelty', { a: 1 }).length]]);
}));

test('a record from a hostile log cannot name a path', () => inFolder(async folder => {
  mkdirSync(join(folder, 'records'));
  mkdirSync(join(folder, 'objects'));
  writeFileSync(join(folder, 'secret'), 'x');
  const record = { ...draft('x'), outputs: { out: { sha256: '../../secret', bytes: 1 } }, machine: 'm', run: 'r' };
  writeFileSync(join(folder, 'records', 'r.ndjson'), encodeLine('record', record));
  const store = openStore({ folder });
  assert.is(store.records().length, 1);
  assert.is(store.done(key('x')), undefined);
}));

test('what is found by looking through the lines is what is found once they are ordered; a line that is no record is told of', () => inFolder(async folder => {
  const names = Array.from({ length: 20 }, (_, i) => `n${i}`);
  await withStore(folder, async store => {
    for (const time of ['2026-01-02T03:04:05.678+00:00', '2026-01-01T03:04:05.678+00:00', '2026-01-02T03:04:05.678+00:00']) {
      for (const name of names) {
        store.noteDecision(`work:${name}`, key(name), [{ field: `${name} at ${time}` }]);
        await store.commit(draft(name, { finishedAt: time }), { out: Buffer.from(`${name} ${time}`) });
      }
    }
    await store.close();
  });
  const path = onlySegment(folder);
  replaceFile(path, Buffer.concat([readFileSync(path), encodeLine('record', { cell: 'work:n0', key: key('n0'), status: 'unknown' })]));
  const told = (store: ReturnType<typeof openStore>, name: string) => [store.recordsOfCell(`work:${name}`), store.done(key(name)), store.decisions(`work:${name}`)];
  const together = openStore({ folder });
  // Enough questions that the later ones find all in order.
  for (const name of names) {
    const alone = told(openStore({ folder }), name);
    assert.equal(told(together, name), alone, name);
    assert.equal((alone[0] as readonly unknown[]).length, 3);
    assert.equal((alone[2] as readonly unknown[]).length, 3);
  }
  assert.is(together.records().length, 60);
  assert.equal(openStore({ folder }).damagedLines().map(({ what }) => what), ['not-understood']);
}));

test.run();
