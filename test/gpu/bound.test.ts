/**
 * Bound to one of several GPUs: SwiftShader and lavapipe are told apart by name and held to it; two of SwiftShader are not. Each process has drivers of its own. And which of them
 * tasks share out among them.
 */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gpuAdapters } from '../../kernels/engines.ts';
import { GPU_VARIABLE, listedAs, listGpus, namesIn, notBindable, notTheOne, shownName } from '../../kernels/webgpu/bound.ts';
import { cardsFrom } from '../../kernels/webgpu/cards.ts';
import type { GpuSource } from '../../kernels/webgpu/adapter.ts';
import { notRun } from '../not-run.ts';
import { lavapipe } from './lavapipe.ts';
import { SWIFTSHADER, swiftShaders } from './swiftshaders.ts';

test('what cannot be bound, or opened as another, is said', () => {
  const listed = listedAs(['Card A', 'Card A', 'Card B', 'Card B Ti']);
  assert.equal(listed.map(({ distinct }) => distinct), [false, false, true, true]);
  assert.is(notBindable('Card B Ti', listed), undefined);
  assert.is(notBindable('Card A', listed), undefined, 'either is one of this name');
  assert.match(notBindable('Card B', listed)!, /"Card B", whose name is a part of another's, so that it cannot be told from that/);
  assert.match(notBindable('Card', listed)!, /"Card", which is not here; WebGPU finds "Card A", "Card A", "Card B", "Card B Ti"/);
  assert.is(notBindable('Card', []), undefined, 'where there is none the name is not what is wrong');
  assert.is(notTheOne('Card (B), 2', { device: 'card-b-2' }), undefined);
  assert.match(notTheOne('Card B', { device: 'card-a' })!, /asks for "Card B", and what opened says that it is "card-a"/);
  assert.equal(namesIn("no suitable backends found\nAvailable adapters:\n * backend: 'vulkan', name: 'A (B's)'\n"), ["A (B's)"]);
});

/** Dawn with cards of these names, those that are no part of the processor first; those in brackets are played by a processor. `lowPower`: in its order for low power. */
const cardsNamed = (...names: readonly string[]): GpuSource => cardsListed(names, names);
function cardsListed(names: readonly string[], lowPower: readonly string[]): GpuSource {
  const plain = (all: readonly string[]): string[] => all.map((name) => name.replace(/[()]/g, ''));
  const listed = listedAs(plain(names), plain(lowPower));
  const of = (bound?: string): GpuSource => {
    const name = names.find((one) => one.includes(bound ?? ''))!;
    const info = { vendor: 'maker', architecture: '', device: shownName(name.replace(/[()]/g, '')), description: 'driver 1', isFallbackAdapter: name.startsWith('(') };
    const adapter = { info, limits: {}, features: new Set(name.includes('f16') ? ['shader-f16'] : []) };
    return { name: 'dawn 0', gpu: { requestAdapter: async () => adapter } as unknown as Gpu, list: async () => listed, boundTo: of, ...(bound === undefined ? {} : { bound }) };
  };
  return of();
}

const shared = async (from: GpuSource): Promise<string[]> => (await cardsFrom(from)).cards.map(({ card }) => card);

test('what tasks share out among them: cards of different names, each of which a process would find as it is called', async () => {
  assert.equal(await shared(cardsNamed('Card A')), ['Card A']);
  const { cards, told } = await cardsFrom(cardsNamed('Card A', 'Card B'));
  assert.equal(cards.map(({ card, found }) => [card, found.words]), [['Card A', 'maker, card-a, driver 1'], ['Card B', 'maker, card-b, driver 1']]);
  assert.equal(told, []);
  assert.equal(await shared(cardsNamed('Card A', 'Card B').boundTo!('Card B')), ['Card B'], 'of a process that is bound only its own');
});

test('cards of one name are one, and it is said; one whose name is in another\'s is none, and it is said', async () => {
  const twins = await cardsFrom(cardsNamed('Card A', 'Card B', 'Card A'));
  assert.equal(twins.cards.map(({ card }) => card), ['Card A', 'Card B']);
  assert.equal(twins.told, ['2 GPUs are called "Card A", and WebGPU says no more of them: they cannot be told apart, so one task at a time takes one of them']);
  const within = await cardsFrom(cardsNamed('Card B Ti', 'Card B'));
  assert.equal(within.cards.map(({ card }) => card), ['Card B Ti']);
  assert.equal(within.told, ['the GPU "Card B" is not used: "Card B Ti" has its name in it, and WebGPU takes a GPU by a part of its name']);
});

test('a processor that plays a GPU is used beside none, and alone only where it is all there is', async () => {
  assert.equal(await shared(cardsNamed('Card A', '(Software)')), ['Card A']);
  assert.equal((await cardsFrom(cardsNamed('Card A', '(Software)', '(Software)'))).told, []);
  assert.equal(await shared(cardsNamed('(Software)', '(Other)')), ['Software', 'Other']);
  assert.equal(await shared(cardsNamed('Card A', '(Software)').boundTo!('Software')), ['Software'], 'asked for by name');
});

test('one that is a part of the processor is used only where there is none that is not, or where it is asked for, and that is said', async () => {
  const laptop = cardsListed(['RTX', 'UHD', '(Software)'], ['UHD', 'RTX', '(Software)']);
  const { cards, told } = await cardsFrom(laptop);
  assert.equal(cards.map(({ card }) => card), ['RTX']);
  assert.equal(told, ['the GPU "UHD", a part of the processor, is not used beside "RTX"; BITWIDTH_GPU may ask for it']);
  assert.equal(await shared(laptop.boundTo!('UHD')), ['UHD']);
  assert.equal(await shared(cardsListed(['RTX', 'Arc', 'UHD', 'Vega'], ['UHD', 'Vega', 'RTX', 'Arc'])), ['RTX', 'Arc']);
  assert.equal(await shared(cardsListed(['UHD', '(Software)'], ['UHD', '(Software)'])), ['UHD']);
  assert.equal(await shared(cardsListed(['RTX', 'Arc', '(Software)'], ['RTX', 'Arc', '(Software)'])), ['RTX', 'Arc']);
});

test('Dawn is asked for its order by performance and by power', async () => {
  const create = () => ({ requestAdapter: async ({ powerPreference }: { powerPreference: string }) => { throw new Error(`no suitable backends found\nAvailable adapters:${(powerPreference === 'low-power' ? ['UHD', 'RTX'] : ['RTX', 'UHD']).map((name) => `\n * backend: 'vulkan', name: '${name}'`).join('')}`); } }) as unknown as Gpu;
  assert.equal((await listGpus(create)).map(({ name, integrated }) => [name, integrated]), [['RTX', undefined], ['UHD', true]]);
});

interface Seen { readonly listed: { readonly name: string; readonly distinct: boolean }[]; readonly cards: { readonly card: string; readonly words: string }[]; readonly told: string[]; readonly doctor: string[]; readonly adapters: string[]; readonly opened: string; readonly missing?: string; readonly wrong?: string }

/** What a process of these variables finds and opens. */
function seen(env: Record<string, string>): Seen {
  const script = fileURLToPath(new URL('./opened.ts', import.meta.url));
  return JSON.parse(execFileSync(process.execPath, ['--import', 'tsx', script], { env: { ...process.env, ...env }, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })) as Seen;
}

const found = await gpuAdapters();
const drivers = 'sentence' in found ? found.sentence : swiftShaders();
const layered = typeof drivers === 'string' ? drivers : lavapipe(SWIFTSHADER);
if (typeof layered === 'string') notRun('bound to one of two GPUs', layered);
else {
  test.after(() => rmSync(layered.folder, { recursive: true, force: true }));

  test('two of different names: a process opens the one that it is bound to', () => {
    const { listed } = seen(layered.env);
    assert.is(listed.length, 2);
    assert.ok(listed.every(({ distinct }) => distinct));
    for (const { name } of listed) assert.match(seen({ ...layered.env, [GPU_VARIABLE]: name }).opened, name.startsWith('llvmpipe') ? /llvmpipe/ : /SwiftShader/);
    assert.match(seen({ ...layered.env, [GPU_VARIABLE]: 'SwiftShader' }).missing!, /"SwiftShader", which is not here; WebGPU finds/);
  });

}

if (typeof drivers !== 'string') {
  test.after(() => rmSync(drivers.folder, { recursive: true, force: true }));

  test('two drivers of different names: each is found, opened and told apart, and neither stands in for the other', () => {
    const env = drivers.env('Shader', 'Shadow');
    const { cards, told, doctor, adapters } = seen(env);
    assert.equal(told, []);
    assert.equal(adapters.map((what) => /swift\w+-device-subzero/.exec(what)![0]).sort(), ['swiftshader-device-subzero', 'swiftshadow-device-subzero'], 'a line for each');
    assert.is(doctor.at(-1), `a run computes on 2 GPUs at once: ${cards.map(({ card }) => card).join(', ')}`);
    assert.equal(cards.map(({ card }) => card).sort(), ['SwiftShader Device (Subzero)', 'SwiftShadow Device (Subzero)']);
    for (const { card, words } of cards) {
      assert.match(words, card.includes('Shadow') ? /^google swiftshader, swiftshadow-device-subzero, / : /^google swiftshader, swiftshader-device-subzero, /);
      const bound = seen({ ...env, [GPU_VARIABLE]: card });
      assert.is(bound.opened.replace(/^dawn [^,]*, /, ''), words);
      assert.equal(bound.cards.map((one) => one.card), [card]);
    }
    const none = seen({ ...env, [GPU_VARIABLE]: 'rubbish' });
    assert.equal([none.wrong, none.missing?.includes('"rubbish", which is not here')], ['variable', true], 'said by a word of its own');
  });

  test('two of one name: a process that is bound to the name opens one of them, and tasks have but one', () => {
    const env = drivers.env('Shader', 'Shader');
    const { listed, cards, told, doctor } = seen(env);
    assert.match(doctor[0]!, /another is called so too: BITWIDTH_GPU="SwiftShader Device \(Subzero\)" has a process take one of them$/);
    assert.equal(doctor.slice(2), ['a run computes on one GPU, one task at a time: SwiftShader Device (Subzero)', ...told]);
    assert.equal(listed.map(({ distinct }) => distinct), [false, false]);
    assert.is(cards.length, 1);
    assert.match(told[0]!, /^2 GPUs are called "SwiftShader Device \(Subzero\)", .* cannot be told apart/);
    assert.match(seen({ ...env, [GPU_VARIABLE]: listed[0]!.name }).opened, /swiftshader-device-subzero/);
  });
}

test.run();
