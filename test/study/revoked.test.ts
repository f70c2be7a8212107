/** data/revoked.yaml, the other engine of `reproduce`, and what `doctor` says of the engines. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { reference } from '../../kernels/engines/reference.ts';
import { openEngine } from '../../kernels/index.ts';
import type { Engine } from '../../kernels/index.ts';
import { revokedHere, studyEnvironment } from '../../stages/quantization/environment.ts';
import { engineChecks } from '../../stages/quantization/doctor.ts';
import { tryHere } from '../../stages/quantization/try-engine.ts';
import { otherEngine } from '../../stages/quantization/other-engine.ts';
import { readRevoked, REVOKED_FILE } from '../../stages/quantization/revoked.ts';
import { inFolder } from './in-folder.ts';
import { root } from './in-process.ts';

const read = (text: string | undefined): Promise<unknown> => inFolder(REVOKED_FILE, text, readRevoked);

test("the project's own list can be read", async () => {
  assert.ok(Array.isArray(await readRevoked(root)));
});

test('entries name a build and a reason; the list may be empty', async () => {
  assert.equal(await read('[]\n'), []);
  assert.equal(await read('- build: native-1f0c-avx2\n  reason: its int8 kernel is wrong\n- { build: wasm-2a, reason: rounding }\n'), [
    { computedBy: { build: 'native-1f0c-avx2' }, reason: 'its int8 kernel is wrong' }, { computedBy: { build: 'wasm-2a' }, reason: 'rounding' },
  ]);
});

for (const [what, text, answer] of [
  ['no file', undefined, ['data/revoked.yaml:1:1 the file is missing; restore it from the repository']],
  ['no list', 'build: x\n', ['data/revoked.yaml:1:1 the list of revoked builds must be a list, such as [a, b], not a mapping']],
  ['nothing', '# only words\n', ['data/revoked.yaml:1:1 the list of revoked builds must be a list, such as [a, b], not nothing']],
  ['every mistake at once', '- build: x\n- build: 7\n  reason: y\n- bild: z\n  reason: " "\n', [
    'data/revoked.yaml:1:3 a revoked build lacks the key "reason"; add it',
    'data/revoked.yaml:2:10 build must be text, not 7; put it in quotes',
    'data/revoked.yaml:4:3 unknown key "bild" in a revoked build; keys are build, reason; did you mean "build"?',
    'data/revoked.yaml:4:3 a revoked build lacks the key "build"; add it',
    'data/revoked.yaml:5:11 reason is empty; write some text',
  ]],
  ['one build twice', '- { build: x, reason: a }\n- { build: x, reason: b }\n', ['data/revoked.yaml:2:3 "x" stands in the list of revoked builds a second time; keep one']],
  ['an alias', '- &a { build: x, reason: a }\n', ['data/revoked.yaml:1:6 anchors (&name) are not allowed; write the value out']],
] as const) {
  test(`refused: ${what}`, async () => assert.equal(await read(text), answer));
}

const engine = (name: string, more: Partial<Engine> = {}): Engine => ({ ...reference, name, ...more });
const missing = async (): Promise<string> => 'there is no compiler';
const wrong = async (): Promise<never> => { throw new Error('the engine c disagrees with the reference on this machine: linear'); };

test('the other canonical engines that can run here, the fastest first', async () => {
  const register = [engine('a', { rank: 1 }), engine('b', { rank: 2 }), engine('c', { rank: 3, unavailable: missing }), engine('fast', { rank: 4, canonical: false })];
  assert.equal(await otherEngine({ engine: 'c', build: 'c-1' }, register), ['b', 'a'].map((name) => ({ environment: { BITWIDTH_ENGINE: name }, label: `engine ${name}` })));
  assert.equal((await otherEngine({ engine: 'b' }, register)).map(({ label }) => label), ['engine a']);
  assert.equal(await otherEngine({ engine: 'a' }, register.slice(0, 1)), []);
  assert.equal(await otherEngine(undefined, register), []);
  assert.equal(await otherEngine({ tool: 'x' }, register), []);
});

test('a build that was revoked is passed over, and not used where it alone is asked for', async () => {
  const built = (name: string, rank: number): Engine => engine(name, { rank, open: async () => ({ ...await reference.open(), name, build: `${name}-1` }) });
  const register = [built('a', 1), built('b', 2)];
  const before = { ...process.env };
  Object.assign(process.env, studyEnvironment('auto', [{ computedBy: { build: 'b-1' }, reason: 'rounding' }]));
  try {
    const { instance, why } = await openEngine('auto', register, revokedHere);
    assert.is(instance.build, 'a-1');
    assert.is(why, 'a is the fastest exact engine that works here; b failed: its build b-1 was revoked: rounding');
    await openEngine('b', register, revokedHere).then(() => assert.unreachable(), (error: Error) => assert.is(error.message, 'its build b-1 was revoked: rounding'));
    assert.is(revokedHere('a-1'), undefined);
    assert.is(revokedHere('constructor'), undefined);
  } finally {
    for (const name of Object.keys(studyEnvironment('auto', []))) if (before[name] === undefined) delete process.env[name]; else process.env[name] = before[name];
  }
});

test('doctor: each engine by its state, and what auto takes', async () => {
  const checked = (register: readonly Engine[]) => engineChecks({ missing: 'there is none' }, register, (name) => tryHere(name, register));
  const { section, items } = await checked([engine('a', { rank: 1 }), engine('b', { rank: 2, unavailable: missing }), engine('c', { rank: 3, open: wrong }), engine('fast', { rank: 4, canonical: false, open: async () => ({ ...await reference.open(), canonical: false }) })]);
  assert.is(section, 'engines');
  assert.equal(items.map(({ name, state }) => `${name} ${state}`), ['a ok', 'b missing', 'c broken', 'fast ok', 'auto ok']);
  assert.is(items[1]!.what, 'there is no compiler');
  assert.match(items[2]!.what, /disagrees with the reference/);
  assert.match(items[3]!.what, /^for speed only/);
  assert.match(items[4]!.what, /^takes reference: a is the fastest exact engine/);
  const none = await checked([engine('c', { open: wrong })]);
  assert.equal(none.items.map(({ state }) => state), ['broken', 'broken']);
});

test('doctor: the real register works here', async () => {
  const { items } = await engineChecks({ missing: 'none was built' });
  assert.not.ok(items.some(({ state }) => state === 'broken'));
});

test.run();
