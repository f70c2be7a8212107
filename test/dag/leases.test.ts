import fs, { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openStore } from '../../stages/dag/open-store.ts';
import { ownProcessId, processState } from '../../stages/dag/process-id.ts';
import type { Store } from '../../stages/dag/store.ts';
import { Turns } from '../../stages/dag/turns.ts';
import type { Pipeline } from '../../stages/dag/types.ts';
import { inFolder, key, start, withStore } from './store-help.ts';

test('a process knows itself, the dead, and those it cannot see', () => {
  const own = ownProcessId();
  const [space, pid, started] = own.split('-') as [string, string, string];
  assert.is(Number(pid), process.pid);
  assert.is(processState(own), 'alive');
  assert.is(processState(`${own}.12`), 'alive');
  assert.is(processState(`${space}-${pid}-${Number(started) + 1}`), 'dead', 'the pid was used again');
  assert.is(processState(`${space}-4194305-1`), 'dead');
  assert.is(processState(`ffffffffffff-${pid}-${started}`), 'elsewhere');
  assert.is(processState('nonsense'), 'elsewhere');
});

test('a key has one holder; giving it back frees it; holding it twice is holding it', () => inFolder(folder => withStore(folder, a => withStore(folder, async b => {
  assert.is(await a.leases.acquire(key('x')), undefined);
  assert.is(await a.leases.acquire(key('x')), undefined);
  const holder = await b.leases.acquire(key('x'));
  assert.is(holder?.pid, process.pid);
  assert.is(holder?.machine, a.machine);
  assert.is(await b.leases.acquire(key('y')), undefined);
  assert.equal((await b.leases.held()).map(lease => lease.key).sort(), [key('x'), key('y')].sort());
  await b.leases.release(key('x'));
  assert.is((await b.leases.acquire(key('x')))?.id, holder?.id, 'releasing what is not ours changes nothing');
  await a.leases.release(key('x'));
  assert.is(await b.leases.acquire(key('x')), undefined);
  await b.leases.close();
  assert.is(await a.leases.acquire(key('x')), undefined);
  assert.is(await a.leases.acquire(key('y')), undefined);
}))));

/** As on a file system that has no hard links. */
async function withoutLinks(body: () => Promise<void>): Promise<void> {
  const { linkSync } = fs;
  fs.linkSync = () => { throw Object.assign(new Error('EPERM: no links here'), { code: 'EPERM' }); };
  syncBuiltinESMExports();
  try {
    await body();
  } finally {
    fs.linkSync = linkSync;
    syncBuiltinESMExports();
  }
}

test('who takes a key, or a GPU, while it is being given back has it in earnest, also where there are no hard links', () => withoutLinks(() => inFolder(folder => withStore(folder, a => withStore(folder, async b => {
  assert.is(await a.leases.acquire(key('x')), undefined);
  const released = a.leases.release(key('x'));
  assert.is(await a.leases.acquire(key('x')), undefined);
  await released;
  assert.is((await b.leases.acquire(key('x')))?.id, a.leases.id);
  await a.leases.release(key('x'));
  assert.is(await b.leases.acquire(key('x')), undefined);

  const turns = new Turns(a, { cells: [] } as unknown as Pipeline, () => undefined, () => false);
  const givenBack = (await turns.takeGpus(['A']))();
  const giveBack = await turns.takeGpus(['A']);
  await givenBack;
  const held = async (): Promise<readonly string[]> => (await b.leases.held()).filter(({ key: held }) => held !== key('x')).map(({ holder }) => holder.id);
  assert.equal(await held(), [a.leases.id]);
  await giveBack();
  assert.equal(await held(), []);
})))));

test('of many that want one key at once, one gets it', () => inFolder(async folder => {
  const stores = Array.from({ length: 8 }, () => openStore({ folder, env: {} }));
  for (let round = 0; round < 20; round++) {
    const answers = await Promise.all(stores.map(store => store.leases.acquire(key(`race ${round}`))));
    assert.is(answers.filter(answer => answer === undefined).length, 1);
  }
  await Promise.all(stores.map(store => store.close()));
  assert.equal([readdirSync(join(folder, 'leases')), readdirSync(join(folder, 'holders'))], [[], []]);
}));

/** Leaves a lease behind as a process would that was killed. */
function leaveLease(folder: string, name: string, holder: string): void {
  for (const sub of ['leases', 'holders']) mkdirSync(join(folder, sub), { recursive: true });
  const content = JSON.stringify({ id: holder, machine: 'machine-x', pid: 1, startedAt: '2026-01-01T00:00:00.000+00:00' });
  writeFileSync(join(folder, 'leases', name), content);
  writeFileSync(join(folder, 'holders', holder), content);
}

const DEAD = `${ownProcessId().split('-')[0]}-4194305-1.0`;

test('of many that see a dead holder at once, one takes over, and nothing is left of the dead', () => inFolder(async folder => {
  for (let round = 0; round < 20; round++) {
    const stores: Store[] = Array.from({ length: 6 }, () => openStore({ folder, env: {} }));
    // Announced first, so that the lease below is met by all of them and not swept by the first.
    await Promise.all(stores.map(store => store.leases.acquire(key('warm up'))));
    leaveLease(folder, key('x'), DEAD);
    const answers = await Promise.all(stores.map(store => store.leases.acquire(key('x'))));
    assert.is(answers.filter(answer => answer === undefined).length, 1, `round ${round}`);
    assert.not(answers.some(answer => answer?.id === DEAD));
    await Promise.all(stores.map(store => store.close()));
    assert.equal(readdirSync(join(folder, 'leases')), []);
  }
}));

test('a taker that died while taking over is taken over too', () => inFolder(async folder => {
  leaveLease(folder, key('x'), DEAD);
  leaveLease(folder, `${key('x')}.takeover`, DEAD);
  leaveLease(folder, key('forgotten'), DEAD);
  await withStore(folder, async store => {
    assert.is(await store.leases.acquire(key('x')), undefined);
    assert.equal(readdirSync(join(folder, 'leases')), [key('x')], 'and what nobody wants is swept');
    assert.not(readdirSync(join(folder, 'holders')).includes(DEAD));
  });
}));

test('sweeping the dead away while keys are acquired leaves every key that was acquired held', () => inFolder(async folder => {
  const names = Array.from({ length: 12 }, (_, i) => `k${i}`);
  for (const name of names) leaveLease(folder, key(name), DEAD);
  await withStore(folder, async store => {
    const answers = await Promise.all([...names, ...names].map(name => store.leases.acquire(key(name))));
    assert.ok(answers.every(answer => answer === undefined));
    assert.equal((await store.leases.held()).map(lease => lease.key).sort(), names.map(key).sort());
  });
  assert.equal(readdirSync(join(folder, 'leases')), []);
}));

test('a live process keeps its lease; SIGKILL frees it at once, with no hand', () => inFolder(async folder => {
  const program = start('hold-lease', folder, 'x');
  await program.printed(1);
  assert.equal(program.lines, ['held']);
  await withStore(folder, async store => {
    assert.is((await store.leases.acquire(key('x')))?.pid, program.process.pid);
    program.process.kill('SIGKILL');
    await program.ended;
    assert.is(await store.leases.acquire(key('x')), undefined);
  });
}));

test('a holder on another machine is believed while its heartbeat may move, however old it looks', () => inFolder(async folder => {
  const elsewhere = 'ffffffffffff-1-1.0';
  leaveLease(folder, key('x'), elsewhere);
  utimesSync(join(folder, 'holders', elsewhere), 1, 1);
  await withStore(folder, async store => {
    assert.is((await store.leases.acquire(key('x')))?.id, elsewhere);
    assert.is((await store.leases.acquire(key('x')))?.id, elsewhere);
  });
}));

test('a holder on another machine is taken over when its heartbeat is old and did not move while it was watched', () => inFolder(async folder => {
  const elsewhere = 'ffffffffffff-1-1.0';
  const clock = performance.now;
  await withStore(folder, async store => {
    await store.leases.acquire(key('warm up'));
    leaveLease(folder, key('x'), elsewhere);
    utimesSync(join(folder, 'holders', elsewhere), 1, 1);
    let nowMs = Math.ceil(clock.call(performance)); // whole, so that a wait of exactly the limit is not rounded to less
    performance.now = () => nowMs;
    try {
      assert.is((await store.leases.acquire(key('x')))?.id, elsewhere);
      nowMs += 9_000;
      assert.is((await store.leases.acquire(key('x')))?.id, elsewhere, 'not watched long enough');
      utimesSync(join(folder, 'holders', elsewhere), 2, 2);
      nowMs += 9_000;
      assert.is((await store.leases.acquire(key('x')))?.id, elsewhere, 'its heartbeat moved');
      nowMs += 10_000;
      assert.is(await store.leases.acquire(key('x')), undefined);
    } finally {
      performance.now = clock;
    }
  });
}));

test('half a lease, left by a process that died while writing it, is watched and then taken over', () => inFolder(async folder => {
  const clock = performance.now;
  await withStore(folder, async store => {
    await store.leases.acquire(key('warm up'));
    writeFileSync(join(folder, 'leases', key('x')), '{"id":');
    let nowMs = Math.ceil(clock.call(performance)); // whole, so that a wait of exactly the limit is not rounded to less
    performance.now = () => nowMs;
    try {
      assert.is((await store.leases.acquire(key('x')))?.machine, 'unknown');
      nowMs += 10_000;
      assert.is(await store.leases.acquire(key('x')), undefined);
    } finally {
      performance.now = clock;
    }
  });
}));

test.run();
