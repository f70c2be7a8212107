/** The line protocol with a program that keeps it, and with programs that break it, each in one way: all of them real processes. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { linesOf, LineTooLong } from '../../../stages/quantization/peers/lines.ts';
import { startOverLines } from '../../../stages/quantization/peers/over-lines.ts';
import { residentBytes } from '../../../stages/quantization/peers/process.ts';
import type { PeerLimits, PeerModel } from '../../../stages/quantization/peers.ts';
import { sentenceFrom } from '../../../stages/quantization/peers/protocol.ts';
import { notHere } from '../../not-run.ts';
import { failure } from './failure.ts';

const FAKE = fileURLToPath(new URL('fake-peer.mjs', import.meta.url));
const LIMITS: PeerLimits = { memoryBytes: 1 << 30, loadMs: 20_000, answerMs: 20_000 };
const TOKENS = Int32Array.from({ length: 1500 }, (_, i) => i % 2048);

async function started<T>(mode: string, use: (model: PeerModel, identity: object) => Promise<T>, limits: Partial<PeerLimits> = {}, signal = new AbortController().signal): Promise<T> {
  const program = { name: 'fake', command: process.execPath, arguments: [FAKE, mode], environment: {}, folder: process.cwd(), packages: new Set(['transformers', 'torch', 'bitsandbytes']), hint: 'Install it again.' };
  const run = await startOverLines(program, {}, { ...LIMITS, ...limits }, signal);
  try {
    return await use(await run.load('nf4'), run.identity);
  } finally {
    await run.close();
  }
}

const read = async (model: PeerModel): Promise<number[]> => {
  const likeliest: number[] = [];
  for await (const { first, count, logits } of model.logits!(TOKENS)) {
    assert.is(first, likeliest.length);
    for (let row = 0; row < count; row++) likeliest.push(logits.subarray(row * 2048, (row + 1) * 2048).indexOf(5));
  }
  return likeliest;
};

test('a peer that keeps the protocol is heard', async () => {
  await started('good', async (model, identity) => {
    assert.equal(identity, { packages: { transformers: '5.0.0', torch: '2.9.0', bitsandbytes: '0.50.2' }, device: 'cpu: fake', settings: { compute: 'fp32', file: '(a path)' } }, 'packages that were not asked for and paths are not kept');
    assert.equal(model.computes, { weights: 'nf4', activations: 'fp32', head: 'fp32' });
    assert.equal(await read(model), [...TOKENS].map((token) => (token + 1) % 2048), 'more rows than one part holds');
    assert.equal([...await model.generate!(Int32Array.of(3, 4), 3)], [5, 6, 7]);
    assert.equal(await model.time!({ tokens: TOKENS, promptTokens: 64, warmUpTokens: 2, leastMs: 1 }), { prefill: { tokens: 64, durationMs: 2, stepsMs: [2] }, decode: { tokens: 1436, durationMs: 4, stepsMs: [4] } });
    await model.close();
  });
});

const broken: readonly (readonly [mode: string, code: string, sentence: RegExp, limits?: Partial<PeerLimits>])[] = [
  ['silent', 'timed-out', /gave no answer within 0\.3 s/, { loadMs: 300 }],
  ['exits', 'crashed', /ended with exit code 7 after "ImportError: libtorch\.so not found in \(a path\)"/],
  ['chatters', 'not-available', /no JSON: "Loading weights: 100%"/],
  ['other-version', 'not-available', /speaks version 2 of the protocol, and this version of bitwidth 1/],
  ['endless-line', 'not-available', /a line of more than 33554432 bytes/],
  ['hangs-loading', 'timed-out', /gave no answer within 1\.0 s/, { loadMs: 1000 }],
  ['cannot', 'bad-input', /says: ValueError: no such file \(a path\)$/],
  ['odd-code', 'not-available', /a code that the protocol does not have: "rm -rf"/],
  ['no-vocabulary', 'not-available', /gave -1 as vocabulary/],
  ['false-sums', 'not-available', /"abc" as the sha256 of "weight"/],
  ['few-rows', 'not-available', /gave 1499 rows of logits for 1500 tokens/],
  ['many-rows', 'not-available', /gave 4\d\d as count, which must be a whole number from 1 to 4\d\d/],
  ['short', 'not-available', /bytes as logits/],
  ['not-finite', 'not-available', /logits that are not finite/],
  ['other-id', 'not-available', /answered question \d when it was asked question \d/],
  ['dies', 'crashed', /exit code 139 after "Segmentation fault"/],
  ['hangs', 'timed-out', /gave no answer within 0\.5 s/, { answerMs: 500 }],
];
for (const [mode, code, sentence, limits] of broken) {
  test(`a peer that ${mode}: a failure with its reason`, async () => {
    const found = await failure(started(mode, read, limits));
    assert.is(found.code, code, found.sentence);
    assert.match(found.sentence, sentence);
    assert.match(found.sentence, /^the peer fake /);
  });
}

test('ids beyond the vocabulary and timings of no time are refused', async () => {
  assert.match((await failure(started('beyond', (model) => model.generate!(Int32Array.of(1), 2)))).sentence, /must be a whole number from 0 to 2047/);
  assert.match((await failure(started('no-time', (model) => model.time!({ tokens: TOKENS, promptTokens: 4, warmUpTokens: 1, leastMs: 1 })))).sentence, /took no time/);
});

test('a name that objects have by birth is a name like others', async () => {
  await started('prototype', async (model) => assert.equal(Object.keys(model.storedSha256), ['__proto__']));
});

test('a peer that takes more memory than it may is ended', async () => {
  if (residentBytes(process.pid) === undefined) return notHere('memory of a peer', 'the system does not tell');
  const found = await failure(started('greedy', read, { memoryBytes: 300 << 20 }));
  assert.match(found.sentence, /held \d+ MB of memory; 31\d MB are allowed/);
});

test('a peer that cannot be started is not available', async () => {
  const program = { name: 'fake', command: '/nowhere/python', arguments: [], environment: {}, folder: process.cwd(), packages: new Set<string>(), hint: 'Install it.' };
  const found = await failure(startOverLines(program, {}, LIMITS, new AbortController().signal));
  assert.is(found.code, 'not-available');
  assert.match(found.sentence, /could not be started \(ENOENT\)/);
});

test('an interrupted run ends its peer at once', async () => {
  const stop = new AbortController();
  const startedAt = performance.now();
  const found = failure(started('hangs', read, {}, stop.signal));
  await wait(500);
  stop.abort();
  assert.is((await found).code, 'interrupted');
  assert.ok(performance.now() - startedAt < 10_000);
});

test('a peer that does not go is made to', async () => {
  const startedAt = performance.now();
  await started('stays', async () => undefined);
  assert.ok(performance.now() - startedAt < 10_000);
});

test('who stops listening in the middle of an answer gets no further ones', async () => {
  await started('good', async (model) => {
    for await (const _ of model.logits!(TOKENS)) break;
    assert.match((await failure(model.generate!(Int32Array.of(1), 1))).sentence, /not heard to the end/);
  });
});

test('lines come whole, however they were cut', async () => {
  const cut = async function* (): AsyncGenerator<Uint8Array> { for (const piece of ['a', 'b\nc', '', '\n\nd\n', 'res']) yield Buffer.from(piece); };
  const lines: string[] = [];
  for await (const line of linesOf(cut(), 3)) lines.push(line);
  assert.equal(lines, ['ab', 'c', '', 'd']);
  const long = async function* (): AsyncGenerator<Uint8Array> { for (;;) yield Buffer.from('xx'); };
  try {
    for await (const _ of linesOf(long(), 3)) assert.unreachable();
    assert.unreachable();
  } catch (error) {
    assert.ok(error instanceof LineTooLong);
  }
});

test('sentences lose paths, control characters and their length', () => {
  assert.is(sentenceFrom('OSError: ~/.cache/x and C:\\Users\\me\\model are gone\nTraceback'), 'OSError: (a path) and (a path) are gone');
  assert.is(sentenceFrom('\u001b[31mred\u202e'), '\\u001b[31mred\\u202e');
  assert.is(sentenceFrom('x'.repeat(1000)).length, 300);
  assert.is(sentenceFrom('  '), 'it does not say why');
});

test.run();
