/** llama.cpp as a peer, with packages that only play it: what a run is told where it is missing, too old, broken, or does not answer. The real one: test/peers/. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readGguf } from '../../../kernels/gguf.ts';
import { readStudy } from '../../../stages/quantization/config.ts';
import type { StudyModel } from '../../../stages/quantization/config.ts';
import { llamaCppIn } from '../../../stages/quantization/peers/llama-cpp.ts';
import { packageFolder } from '../../../stages/quantization/peers/llama-cpp/installed.ts';
import type { Peer, PeerFiles, PeerLimits, PeerModel } from '../../../stages/quantization/peers.ts';
import { study } from '../../../stages/quantization/study.ts';
import { bundledCheckpoint, goldenModel } from '../../kernels/test-models.ts';
import { root } from '../in-process.ts';
import { failure } from './failure.ts';
import { fakePackage } from './fake-llama.ts';

const LIMITS: PeerLimits = { memoryBytes: 1 << 30, loadMs: 20_000, answerMs: 20_000 };
const PROGRAM = readFileSync(new URL('../../../stages/quantization/peers/llama-cpp/program.mjs', import.meta.url));
const checkpoint = bundledCheckpoint('novel-1m');
const FILES: PeerFiles = { kind: 'safetensors', path: new URL('../../../data/models/novel-1m', import.meta.url).pathname, checkpoint: async () => checkpoint };
const TOKENS = Int32Array.from({ length: 40 }, (_, i) => 3 * i);

let folder = '';
let made = 0;
test.before(() => { folder = mkdtempSync(join(tmpdir(), 'bitwidth-llama-')); });
test.after(() => rmSync(folder, { recursive: true }));

const played = (mode: string, version?: string): Peer => {
  const own = fakePackage(join(folder, String(made++)), mode, version);
  return llamaCppIn(() => own);
};

async function loaded<T>(peer: Peer, use: (model: PeerModel, scratch: string) => Promise<T>, { format = 'Q4_0', device = 'cpu', files = FILES, limits = {} }: { format?: string; device?: string; files?: PeerFiles; limits?: Partial<PeerLimits> } = {}): Promise<T> {
  const scratch = join(folder, String(made++));
  mkdirSync(scratch);
  const run = await peer.start({ device, compute: 'default', files, threads: 2, scratch, programs: { program: PROGRAM }, limits: { ...LIMITS, ...limits }, signal: new AbortController().signal });
  try {
    return await use(await run.load(format), scratch);
  } finally {
    await run.close();
  }
}

const read = async (model: PeerModel): Promise<number[]> => {
  const likeliest: number[] = [];
  for await (const { count, logits } of model.logits!(TOKENS)) {
    for (let row = 0; row < count; row++) {
      const own = logits.subarray(row * model.vocabulary, (row + 1) * model.vocabulary);
      assert.ok(Math.abs(own.reduce((sum, logit) => sum + Math.exp(logit), 0) - 1) < 1e-5, 'they are log-probabilities');
      likeliest.push(own.reduce((best, logit, token) => (logit > own[best]! ? token : best), 0));
    }
  }
  return likeliest;
};

test('it is driven by what the study asks, with a file that is written for it and removed', async () => {
  const peer = played('good');
  assert.equal(await peer.find({ device: 'cpu', compute: 'default' }).then((found) => 'packages' in found && found.packages), { 'node-llama-cpp': '3.21.1', 'llama.cpp': 'v0.4.0' });
  await loaded(peer, async (model, scratch) => {
    assert.equal(model.computes, { weights: 'Q4_0, blocks of 32, 4.5 bits', activations: 'int8 in blocks of 32', head: 'F16', note: 'llama ?B fake; keys and values in fp16, flash attention as llama.cpp chooses' });
    assert.equal(model.weights, { linearWeights: 786_432, linearBytes: 442_368, otherWeights: 263_296, otherBytes: 528_896 });
    assert.is(readGguf(readFileSync(join(scratch, 'Q4_0.gguf'))).tensors.get('blk.0.attn_q.weight')!.type.name, 'Q4_0');
    assert.equal(await read(model), [...TOKENS].map((token) => token + 1));
    assert.equal([...await model.generate!(Int32Array.of(5, 9), 4)], [10, 11, 12, 13]);
    assert.equal([...await model.generate!(Int32Array.of(5), 3, { temperature: 0.7, topK: 40, seed: 60 })], [106, 207, 308], 'drawn by its own sampler, as it was asked');
    assert.equal([...await model.generate!(Int32Array.of(2046), 4)], [2047, 0], 'the token that ends a text, 0 in this model, is its last');
    const { prefill, decode } = await model.time!({ tokens: TOKENS, promptTokens: 30, warmUpTokens: 2, leastMs: 3 });
    assert.is(prefill.tokens, 30 * prefill.stepsMs.length);
    assert.is(Math.min(decode.tokens, 2000), decode.stepsMs.length);
    assert.ok(decode.durationMs >= 3);
    await model.close();
    assert.not.ok(readdirSync(scratch).includes('Q4_0.gguf'));
  });
});

test('it says what it computes in by the file that it loaded', async () => {
  const computes = async (format: string, device = 'cpu') => loaded(played('good'), async (model) => model.computes, { format, device });
  assert.equal(await computes('fp32'), { weights: 'F32', activations: 'fp32', head: 'F32', note: 'llama ?B fake; keys and values in fp32, no flash attention' });
  assert.is((await computes('Q4_1')).weights, 'Q4_1, blocks of 32, 5 bits');
  assert.is((await computes('Q8_0', 'cuda')).activations, 'as the kernels of cuda choose');
});

test('a published GGUF file is computed as it is; of another model there is none', async () => {
  const path = new URL('../../fixtures/gguf/llama.gguf', import.meta.url).pathname;
  const files: PeerFiles = { ...FILES, kind: 'gguf', path };
  const scratchFree = await failure(loaded(played('good'), async (model) => model, { format: 'as-published', files }));
  // The package that plays it reads its numbers beside the file, where the real one has them of the file.
  assert.match(scratchFree.sentence, /llama\.json|ENOENT/);
  assert.match((await failure(loaded(played('good'), read, { format: 'as-published' }))).sentence, /cannot compute as-published: the model was not published as a GGUF file/);
});

test('a model, a format or weights that cannot be written fail with the reason, before anything is loaded', async () => {
  const attempt = (name: string, format: string) => failure(loaded(played('dies-loading'), read, { format, files: { ...FILES, checkpoint: async () => goldenModel(name).checkpoint } }));
  assert.equal(await attempt('gemma3', 'Q8_0'), { code: 'bad-input', sentence: 'the peer llama-cpp cannot compute Q8_0: a model of the type "gemma3_text" cannot be written as a GGUF file; llama, mistral, qwen2, qwen3 can' });
  assert.match((await attempt('llama_linear', 'Q4_1')).sentence, /rows of 48 weights, which Q4_1 cannot cut into blocks of 32/);
  assert.match((await attempt('llama_linear', 'Q5_K')).sentence, /llama\.cpp has no format "Q5_K" here; formats are fp32, fp16/);
});

const UNUSABLE: readonly (readonly [what: string, peer: () => Peer, reason: RegExp])[] = [
  ['missing', () => llamaCppIn(() => undefined), /^the package node-llama-cpp is not installed$/],
  ['too old', () => played('good', '3.20.9'), /^node-llama-cpp 3\.20\.9 is too old; at least 3\.21\.0 is needed$/],
  ['of a later major version', () => played('good', '4.0.0-beta.1'), /^node-llama-cpp is of version 4\.0\.0-beta\.1; known are those of 3\.x from 3\.21\.0 on$/],
  ['without a version', () => played('good', ''), /is damaged: its package\.json names no version/],
];
for (const [what, peer, reason] of UNUSABLE) {
  test(`a package that is ${what} is told of without being started, and how to install it`, async () => {
    const found = await peer().find({ device: 'cpu', compute: 'default' });
    assert.match('missing' in found ? found.missing : '', reason);
    assert.match('missing' in found ? found.hint : '', /npm install --no-save --ignore-scripts node-llama-cpp@3\.21\.1/);
    const failed = await failure(loaded(peer(), read));
    assert.is(failed.code, 'not-available');
    assert.match(failed.sentence, reason);
    assert.is((await peer().doctor()).state, 'missing');
  });
}

const BROKEN: readonly (readonly [mode: string, code: string, reason: RegExp, limits?: Partial<PeerLimits>])[] = [
  ['downloads', 'not-available', /says: node-llama-cpp 3\.21\.1 does not open for cpu: kept from it$/],
  ['no-binary', 'not-available', /does not open for cpu: Failed to find a prebuilt binary for linux x64 with cuda$/],
  ['another-inside', 'not-available', /has no AddonContext\.decodeBatch: its inside is another/],
  ['fails-beside', 'not-available', /does not open for cpu: onExit is not a function$/],
  ['dies-opening', 'crashed', /was ended by SIGILL/],
  ['hangs-opening', 'timed-out', /gave no answer within 1\.0 s/, { loadMs: 1000 }],
  ['dies-loading', 'crashed', /was ended by SIGSEGV/],
  ['hangs-loading', 'timed-out', /gave no answer within 1\.5 s/, { loadMs: 1500 }],
  ['greedy', 'not-available', /of memory; 200\.0 MB are allowed|of memory; 200 MB are allowed/, { memoryBytes: 200e6 }],
  ['refuses', 'bad-input', /does not load the file of Q4_0: llama_model_load: error loading model: unknown model architecture: "llama"$/],
  ['no-memory', 'not-available', /does not load the file of Q4_0: ggml_aligned_malloc: insufficient memory/],
  ['other-bytes', 'bad-input', /llama\.cpp has 971266 bytes of weights in Q4_0, and the file 971264/],
  ['no-context', 'not-available', /makes no context of 40 positions for Q4_0/],
  ['fails', 'not-available', /says: Eval has failed/],
  ['throws-later', 'crashed', /ended with exit code 1 after "this\._held is undefined"/],
  ['dies', 'crashed', /was ended by SIGBUS/],
  ['few', 'not-available', /gives the probabilities of 40 of 2048 tokens/],
];
for (const [mode, code, reason, limits] of BROKEN) {
  test(`a package that ${mode}: a failure with its reason`, async () => {
    const failed = await failure(loaded(played(mode), read, { limits: limits ?? {} }));
    assert.is(failed.code, code, failed.sentence);
    assert.match(failed.sentence, reason);
  });
}

test('doctor says what opens and what does not', async () => {
  assert.equal(await played('good').doctor().then(({ state, what }) => [state, what.replace(/cpu: .* \(/, 'cpu: (')]), ['ok', 'node-llama-cpp 3.21.1, llama.cpp v0.4.0 on cpu: (AVX2)']);
  const broken = await played('no-binary').doctor();
  assert.equal([broken.state, /does not open for cpu/.test(broken.what), broken.hint?.includes('npm install')], ['broken', true, true]);
});

test('its cells are of our formats that the study has, of its own, and of the published file where there is one', async () => {
  const quick = await readStudy(root, { quick: true });
  const [bundled] = quick.models;
  const formatsOf = (model: StudyModel): string[] => {
    const { cells } = study({ ...quick, models: [model], formats: ['fp16', 'nf4'], texts: quick.texts.slice(0, 1) }, undefined, [], [{ peer: played('good'), settings: { device: 'cpu', compute: 'default' }, found: { missing: 'not looked for' } }]);
    return cells.filter(({ id }) => id.startsWith('peer-score:')).map(({ params }) => String(params['format']));
  };
  assert.equal(formatsOf(bundled!), ['fp32', 'fp16', 'Q8_0', 'Q4_0', 'Q4_1']);
  const [weights] = bundled!.files.weights;
  assert.equal(formatsOf({ ...bundled!, files: { weights: [weights!] } }), ['fp32', 'fp16', 'Q8_0', 'Q4_0', 'Q4_1', 'as-published']);
});

test('the nearest package counts, from the folder upward', () => {
  const [outer, inner] = [join(folder, String(made++)), join(folder, String(made), 'a', 'b')];
  mkdirSync(inner, { recursive: true });
  const own = fakePackage(outer, 'good');
  const near = fakePackage(join(folder, String(made++)), 'good');
  assert.is(packageFolder([inner, outer]), near);
  assert.is(packageFolder([outer]), own);
  assert.is(packageFolder([]), undefined);
});

test.run();
