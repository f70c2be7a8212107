/** One test, or a few, for each invariant at the head of stages/dag/store.ts. */
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DamagedObject, StoreTooNew, StoreUnwritable } from '../../stages/dag/errors.ts';
import { FileFacts } from '../../stages/dag/facts.ts';
import { openStore } from '../../stages/dag/open-store.ts';
import { sha256 } from '../../stages/dag/sha256.ts';
import type { Store } from '../../stages/dag/store.ts';
import type { InputHandle } from '../../stages/dag/task-types.ts';
import type { OutputRecord } from '../../stages/dag/types.ts';
import { commitText, draft, filesUnder, inFolder, key, large, onlySegment, replaceFile, start, withStore } from './store-help.ts';

/** Changes one byte in the middle of an object, in place, whatever its mode. */
function flip(handle: InputHandle): void {
  const bytes = readFileSync(handle.path);
  const at = handle.offset + (handle.bytes >> 1);
  bytes[at] = (bytes[at] as number) ^ 1;
  replaceFile(handle.path, bytes);
}

async function isDamaged(read: () => unknown): Promise<boolean> {
  try {
    await read();
    return false;
  } catch (error) {
    if (error instanceof DamagedObject) return true;
    throw error;
  }
}

function outputOf(store: Store, name: string, output = 'out'): OutputRecord {
  return store.done(key(name))?.outputs[output] as OutputRecord;
}

test('1: an object is named by its sha256, read-only, and nothing temporary is left', () => inFolder(async folder => {
  await withStore(folder, async store => {
    const scratch = join(await store.scratchFolder(), 'big');
    writeFileSync(scratch, large(3));
    const record = await commitText(store, 'a', { small: Buffer.from('text'), big: large(2), file: { file: scratch }, none: new Uint8Array(0) });
    assert.equal(Object.values(record.outputs).map(output => output.sha256), [Buffer.from('text'), large(2), large(3), ''].map(bytes => sha256(bytes)));
    for (const output of Object.values(record.outputs)) assert.is(sha256(await store.read(store.handle(output))), output.sha256);
    assert.not(existsSync(scratch), 'a large file is moved, not copied');
  });
  for (const path of filesUnder(join(folder, 'objects')).map(name => join(folder, 'objects', name))) {
    assert.is(sha256(readFileSync(path)), path.slice(-64));
    assert.is(statSync(path).mode & 0o777, 0o444);
  }
  for (const pack of readdirSync(join(folder, 'packs'))) {
    assert.is(`${sha256(readFileSync(join(folder, 'packs', pack)))}.pack`, pack);
    assert.is(statSync(join(folder, 'packs', pack)).mode & 0o777, 0o444);
  }
  assert.equal(filesUnder(folder).filter(name => name.includes('.tmp-')), []);
  assert.is(statSync(folder).mode & 0o777, 0o700);
}));

test('1: equal bytes are stored once; a thousand small objects share few files', () => inFolder(async folder => {
  await withStore(folder, async store => {
    await commitText(store, 'a', 'same');
    const before = filesUnder(join(folder, 'packs'));
    await commitText(store, 'b', 'same');
    assert.equal(filesUnder(join(folder, 'packs')), before);
    await Promise.all(Array.from({ length: 1000 }, (_, i) => commitText(store, `n${i}`, `output ${i}`)));
  });
  assert.ok(filesUnder(folder).length < 20, `${filesUnder(folder).length} files`);
  assert.is(openStore({ folder }).records().length, 1002);
}));

test('2: a record whose objects cannot be written is not committed, and the store works again once they can', () => inFolder(async folder => {
  await withStore(folder, async store => {
    await commitText(store, 'a', 'first');
    rmSync(join(folder, 'packs'), { recursive: true });
    writeFileSync(join(folder, 'packs'), 'in the way');
    const refused = await commitText(store, 'b', 'second').then(() => undefined, (error: unknown) => error);
    assert.instance(refused, StoreUnwritable);
    assert.match((refused as StoreUnwritable).message, /the store cannot be written/);
    assert.is(store.newestOfCell('work:b'), undefined);
    rmSync(join(folder, 'packs'));
    await commitText(store, 'c', 'third');
  });
  assert.equal(openStore({ folder }).records().map(record => record.cell), ['work:a', 'work:c']);
}));

test('2: a record whose object is not there does not count', () => inFolder(async folder => {
  await withStore(folder, store => commitText(store, 'a', { out: Buffer.from('x'), all: { tree: new Map([['f', large(1)]]) } }));
  const store = openStore({ folder });
  rmSync(store.treeHandle(outputOf(store, 'a', 'all')).tree['f']?.path as string);
  assert.is(openStore({ folder }).done(key('a')), undefined);
  assert.equal(openStore({ folder }).missingOutputs(store.newestOfCell('work:a') as never), ['all']);
}));

test('2: a store that is removed under a run is noticed by the next commit', () => inFolder(async folder => {
  const store = openStore({ folder: join(folder, 'store'), env: {} });
  await commitText(store, 'a', 'x');
  rmSync(join(folder, 'store'), { recursive: true });
  const refused = await store.commit(draft('b', { status: 'failed' }), {}).then(() => undefined, (error: unknown) => error);
  assert.match(String(refused), /StoreUnwritable: .*removed while this run was using it/);
  await store.close();
}));

test('2: whatever SIGKILL leaves behind, every record that counts is whole', () => inFolder(async folder => {
  for (const [attempt, commits] of [1, 3, 6].entries()) {
    const program = start('commit-forever', folder, `try${attempt}`);
    await program.printed(commits);
    await new Promise(resolve => setTimeout(resolve, attempt * 7));
    program.process.kill('SIGKILL');
    await program.ended;
    const store = openStore({ folder, env: {} });
    for (const name of program.lines) assert.is(store.done(key(name))?.cell, `work:${name}`, 'what was reported as committed is there');
    const { damagedObjects, damagedLines } = await store.check();
    assert.equal(damagedObjects, []);
    assert.ok(damagedLines.every(line => line.what === 'torn'));
  }
  await withStore(folder, store => commitText(store, 'after', 'x'));
  assert.equal(filesUnder(folder).filter(name => name.includes('.tmp-')), [], 'the next run sweeps temporary files of dead ones');
}));

for (const [what, content] of [['in a pack', Buffer.from('a small object')], ['of its own', large(5)]] as const) {
  test(`3: a flipped object ${what} is noticed when read, set aside with the reason, and made again`, () => inFolder(async folder => {
    await withStore(folder, async store => {
      await commitText(store, 'a', { out: content });
      await commitText(store, 'b', { out: Buffer.from('sound') });
      const output = outputOf(store, 'a');
      flip(store.handle(output));
      assert.ok(await isDamaged(() => store.read(store.handle(output))));
      assert.equal((await store.check()).damagedObjects.map(finding => [finding.sha256, finding.cells]), [[output.sha256, ['work:a']]]);
      assert.equal(await store.setAside(output.sha256, 'found by a test'), ['work:a']);
      assert.is(store.done(key('a')), undefined);
      assert.is(openStore({ folder }).done(key('a')), undefined, 'other processes know');
      assert.is(store.done(key('b'))?.cell, 'work:b');
      const aside = readdirSync(join(folder, 'aside'));
      assert.is(aside.length, 2);
      assert.is(readFileSync(join(folder, 'aside', aside.find(name => name.endsWith('.reason')) as string), 'utf8'), 'found by a test\n');
      assert.is(readFileSync(join(folder, 'aside', aside[0] as string)).length, content.length);
      await commitText(store, 'a', { out: content });
      assert.equal(Buffer.from(await store.read(store.handle(outputOf(store, 'a')))), Buffer.from(content));
      assert.equal(await store.setAside(output.sha256, 'a false alarm'), [], 'a sound object stays');
    });
    const store = openStore({ folder });
    assert.is(store.done(key('a'))?.cell, 'work:a');
    assert.equal((await store.check()).damagedObjects, []);
  }));
}

test('3: an object cut at any byte, emptied or missing does not count, and is made again', () => inFolder(async folder => {
  await withStore(folder, store => commitText(store, 'a', 'forty bytes or so, in a pack of its own'));
  const first = openStore({ folder });
  const { path, offset, bytes } = first.handle(outputOf(first, 'a'));
  const whole = readFileSync(path);
  for (let length = 0; length < whole.length; length++) {
    replaceFile(path, whole.subarray(0, length));
    assert.is(openStore({ folder }).done(key('a')), undefined, `cut at ${length}`);
    assert.ok(await isDamaged(() => first.read(first.handle(first.newestOfCell('work:a')?.outputs['out'] as OutputRecord))) || length >= offset + bytes);
  }
  rmSync(path);
  await withStore(folder, async store => {
    assert.is(store.done(key('a')), undefined);
    assert.equal(await store.setAside(first.newestOfCell('work:a')?.outputs['out']?.sha256 as never, 'missing'), ['work:a']);
    await commitText(store, 'a', 'forty bytes or so, in a pack of its own');
    assert.is(store.done(key('a'))?.cell, 'work:a');
  });
}));

test('3: a damaged file or manifest of a tree makes its record not count', () => inFolder(async folder => {
  const tree = new Map([['index.html', Buffer.from('<p>')], ['deep/er/big', Buffer.from(large(6))], ['__proto__', Buffer.from('p')]]);
  await withStore(folder, async store => {
    for (const victim of ['deep/er/big', '__proto__', undefined]) {
      await commitText(store, 'site', { all: { tree } });
      const output = outputOf(store, 'site', 'all');
      const handle = store.treeHandle(output);
      assert.equal(Object.keys(handle.tree).sort(), [...tree.keys()].sort());
      for (const [path, bytes] of tree) assert.equal(Buffer.from(await store.read(Object.getOwnPropertyDescriptor(handle.tree, path)?.value as InputHandle)), bytes);
      const hurt = victim === undefined ? store.handle(output) : Object.getOwnPropertyDescriptor(handle.tree, victim)?.value as InputHandle;
      flip(hurt);
      assert.equal(await store.setAside(hurt.sha256, 'flipped'), ['work:site']);
      assert.is(store.done(key('site')), undefined);
      assert.equal(store.missingOutputs(store.newestOfCell('work:site') as never), ['all']);
    }
    for (const path of ['../x', '/x', 'a//b', 'a/./b', '', 'a\\b', 'a\0']) {
      assert.instance(await commitText(store, 'bad', { all: { tree: new Map([[path, Buffer.from('')]]) } }).catch((error: unknown) => error), TypeError, path);
    }
    assert.match(String(await commitText(store, 'bad', { all: { tree: new Map([['a', Buffer.from('')], ['a/b', Buffer.from('')]]) } }).catch((error: unknown) => error)), /is a file/);
  });
}));

test('4: processes that share keys compute each once, and end with the same records', () => inFolder(async folder => {
  const programs = [start('share-keys', folder, '40'), start('share-keys', folder, '40')];
  await Promise.all(programs.map(program => program.ended));
  const computed = programs.flatMap(program => program.lines);
  assert.equal([...computed].sort(), Array.from({ length: 40 }, (_, i) => `shared-${i}`).sort());
  const store = openStore({ folder });
  assert.is(store.records().length, 40);
  assert.equal((await store.check()).damagedObjects, []);
  assert.equal([readdirSync(join(folder, 'leases')), readdirSync(join(folder, 'holders'))], [[], []]);
}));

test('4: what a killed process was computing is taken over by the others', () => inFolder(async folder => {
  const [victim, survivor] = [start('share-keys', folder, '200'), start('share-keys', folder, '200')];
  await Promise.all([victim.printed(5), survivor.printed(1)]);
  victim.process.kill('SIGKILL');
  await Promise.all([victim.ended, survivor.ended]);
  assert.is(survivor.process.exitCode, 0);
  const store = openStore({ folder });
  for (let i = 0; i < 200; i++) assert.is(store.done(key(`shared-${i}`))?.cell, `work:shared-${i}`);
  assert.equal((await store.check()).damagedObjects, []);
}));

test('5: a deleted store is made again with the same objects; a new result of a cell leaves the old one readable', () => inFolder(async folder => {
  const fill = (): Promise<readonly string[]> => withStore(folder, async store => {
    await commitText(store, 'a', { out: Buffer.from('x'), big: large(1) });
    return Object.values(outputsOf(store)).map(output => output.sha256);
  });
  const outputsOf = (store: Store): { readonly [name: string]: OutputRecord } => store.done(key('a'))?.outputs ?? {};
  const first = await fill();
  rmSync(folder, { recursive: true });
  assert.equal(await fill(), first);
  await withStore(folder, async store => {
    const old = store.handle(outputOf(store, 'a'));
    await store.commit(draft('a', { key: key('changed') }), { out: Buffer.from('y') });
    assert.is(Buffer.from(await store.read(old)).toString(), 'x');
    assert.is(store.done(key('a'))?.outputs['out']?.sha256, sha256('x'));
  });
}));

test('6: a file is hashed once per device, inode, size and times, and not remembered while it may still change unseen', () => inFolder(async folder => {
  const path = join(folder, 'file');
  const cache = join(folder, 'cache');
  writeFileSync(path, 'one');
  const young = new FileFacts(cache);
  assert.equal(await young.of(path), { sha256: sha256('one'), bytes: 3 });
  assert.is(young.remembered(path), undefined, 'written within two seconds');
  const later = (): number => Date.now() + 10_000;
  const facts = new FileFacts(cache, later);
  await facts.of(path);
  assert.is(facts.remembered(path), sha256('one'));
  facts.save();
  const again = new FileFacts(cache, later);
  assert.is(again.remembered(path), sha256('one'));
  // Same size, and a modification time set back: the change time still tells.
  utimesSync(path, 100, 100);
  await again.of(path);
  writeFileSync(path, 'two');
  utimesSync(path, 100, 100);
  assert.is(again.remembered(path), undefined);
  assert.is((await again.of(path)).sha256, sha256('two'));
  // Another file under the same name, of the same size and time.
  const other = join(folder, 'other');
  writeFileSync(other, 'six');
  utimesSync(other, 100, 100);
  renameSync(other, path);
  assert.is((await again.of(path)).sha256, sha256('six'));
  assert.is(await again.of(join(folder, 'none')).then(() => '', (error: NodeJS.ErrnoException) => error.code), 'ENOENT');
  const whole = readFileSync(cache);
  for (let length = 0; length <= whole.length; length += 9) {
    replaceFile(cache, whole.subarray(0, length));
    assert.is((await new FileFacts(cache).of(path)).sha256, sha256('six'));
  }
}));

test('that a file which was asked for is edited, goes or comes is told once, and that it was rewritten in place, too', () => inFolder(async folder => {
  const [path, absent] = [join(folder, 'file'), join(folder, 'absent')];
  writeFileSync(path, 'one');
  const facts = new FileFacts(join(folder, 'cache'));
  await facts.of(path);
  await facts.of(absent).catch(() => undefined);
  facts.note(join(folder, 'noted'));
  const told = (): readonly boolean[] => [facts.changed(), facts.changed()];
  assert.equal(told(), [false, false]);
  for (const change of [
    () => writeFileSync(path, 'longer'), () => utimesSync(path, 100, 100), () => writeFileSync(path, 'LONGER'), () => rmSync(path), () => writeFileSync(path, 'one'),
    () => writeFileSync(absent, ''), () => writeFileSync(join(folder, 'noted'), ''),
  ]) {
    change();
    assert.equal(told(), [true, false], String(change));
  }
  writeFileSync(join(folder, 'another'), '');
  assert.equal(told(), [false, false]);
}));

test('7: a newer store is refused with a sentence, and not touched', () => inFolder(async folder => {
  writeFileSync(join(folder, 'format'), '2\n');
  assert.throws(() => openStore({ folder }), (error: unknown) => error instanceof StoreTooNew && /format 2, this version reads up to 1/.test(error.message));
  assert.equal(readdirSync(folder), ['format']);
}));

test('7: a format file cut at any byte costs nothing', () => inFolder(async folder => {
  await withStore(folder, store => commitText(store, 'a', 'x'));
  for (const text of ['', '1', 'x\n']) {
    replaceFile(join(folder, 'format'), Buffer.from(text));
    await withStore(folder, async store => {
      assert.is(store.done(key('a'))?.cell, 'work:a');
      await commitText(store, 'b', text);
    });
    assert.is(readFileSync(join(folder, 'format'), 'utf8'), '1\n');
  }
}));

test('a store that cannot be made refuses to write with a reason and a hint, and reads as empty', () => inFolder(async folder => {
  writeFileSync(join(folder, 'file'), '');
  const store = openStore({ folder: join(folder, 'file', 'store') });
  assert.equal(store.records(), []);
  const refusals = await Promise.allSettled([commitText(store, 'a', 'x'), commitText(store, 'a', { out: large(1) }), store.leases.acquire(key('a')), store.scratchFolder()]);
  for (const refusal of refusals) {
    assert.is(refusal.status, 'rejected');
    const { reason } = refusal as PromiseRejectedResult;
    assert.instance(reason, StoreUnwritable);
    assert.ok((reason as StoreUnwritable).hint.length > 0);
  }
  await store.close();
}));

test('what stands in records about the machine is a label and a description, never a host, a user or a path', () => inFolder(async folder => {
  await withStore(folder, store => commitText(store, 'a', 'x'));
  const segment = readFileSync(onlySegment(folder), 'utf8');
  assert.equal(openStore({ folder }).runs().map(run => Object.keys(run.description).sort()), [['cores', 'cpu', 'memoryBytes', 'node', 'os']]);
  const { hostname, userInfo, homedir } = await import('node:os');
  for (const word of [hostname(), homedir(), folder, process.cwd()]) assert.not(segment.includes(word), word);
  assert.not(new RegExp(`\\b${userInfo().username}\\b`).test(segment));
  assert.match(openStore({ folder, env: {} }).machine, /^machine-[0-9a-f]{10}$/);
  assert.is(openStore({ folder, env: {} }).machine, openStore({ folder, env: {} }).machine);
  assert.is(openStore({ folder, env: { BITWIDTH_MACHINE: 'lab-7' } }).machine, 'lab-7');
  assert.throws(() => openStore({ folder, env: { BITWIDTH_MACHINE: '../x' } }).machine, /BITWIDTH_MACHINE is "\.\.\/x"/);
}));

test('scratch folders go when the store is closed, and those of dead processes when the next run writes', () => inFolder(async folder => {
  const dead = join(folder, 'scratch', 'ffffffffffff-1-1');
  mkdirSync(dead, { recursive: true });
  await withStore(folder, async store => {
    const scratch = await store.scratchFolder();
    assert.ok(existsSync(scratch));
    assert.is(statSync(scratch).mode & 0o777, 0o700);
  });
  assert.equal(readdirSync(join(folder, 'scratch')), ['ffffffffffff-1-1'], 'a process of another machine may be alive');
}));

test.run();
