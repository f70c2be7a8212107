/**
 * llama.cpp itself, as node-llama-cpp of this project's node_modules or of test/bench/peers brings it: the files that we write, read by the program that they are for, give our
 * fp32 logits; what the addon gives is what the package's public interface gives; the tokenizer that we write cuts as ours does.
 */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Checkpoint } from '../../kernels/index.ts';
import { architectureOf, openTokenizer } from '../../kernels/index.ts';
import { ggufOfCheckpoint, writeGguf } from '../../kernels/gguf-writer.ts';
import { StageFailure } from '../../stages/dag/index.ts';
import { llamaCppIn } from '../../stages/quantization/peers/llama-cpp.ts';
import { packageFolder } from '../../stages/quantization/peers/llama-cpp/installed.ts';
import type { PeerFiles, PeerLimits, PeerModel } from '../../stages/quantization/peers.ts';
import { bundledCheckpoint, goldenModel, sessionOf } from '../kernels/test-models.ts';
import { notRun } from '../not-run.ts';

const own = packageFolder([process.cwd(), fileURLToPath(new URL('../bench/peers', import.meta.url))]);
const peer = llamaCppIn(() => own);
const LIMITS: PeerLimits = { memoryBytes: 4e9, loadMs: 60_000, answerMs: 120_000 };
const PROGRAM = readFileSync(new URL('../../stages/quantization/peers/llama-cpp/program.mjs', import.meta.url));
const data = (path: string): Buffer => readFileSync(new URL(`../../data/${path}`, import.meta.url));

const folder = mkdtempSync(join(tmpdir(), 'bitwidth-llama-'));
let made = 0;
const scratchFolder = (): string => {
  const scratch = join(folder, String(made++));
  mkdirSync(scratch);
  return scratch;
};

async function loaded<T>(files: PeerFiles, format: string, use: (model: PeerModel) => Promise<T>, limits: Partial<PeerLimits> = {}): Promise<T> {
  const run = await peer.start({ device: 'cpu', compute: 'default', files, threads: 1, scratch: scratchFolder(), programs: { program: PROGRAM }, limits: { ...LIMITS, ...limits }, signal: new AbortController().signal });
  try {
    return await use(await run.load(format));
  } finally {
    await run.close();
  }
}

const filesOf = (checkpoint: Checkpoint): PeerFiles => ({ kind: 'safetensors', path: folder, checkpoint: async () => checkpoint });

function logProbabilities(logits: Float32Array): Float64Array {
  const largest = logits.reduce((most, logit) => Math.max(most, logit), -Infinity);
  const log = largest + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - largest), 0));
  return Float64Array.from(logits, (logit) => logit - log);
}

/** Of each position, KL divergence of theirs from ours. */
async function divergences(checkpoint: Checkpoint, format: string, tokens: Int32Array): Promise<number[]> {
  const session = sessionOf(checkpoint, 'fp32');
  session.reset(1, tokens.length);
  const ours = await session.step({ slot: new Int32Array(tokens.length), position: tokens.map((_, i) => i), token: tokens });
  const found: number[] = [];
  await loaded(filesOf(checkpoint), format, async ({ logits, vocabulary }) => {
    for await (const { first, count, logits: theirs } of logits!(tokens)) {
      for (let row = 0; row < count; row++) {
        const p = logProbabilities(ours.subarray((first + row) * vocabulary, (first + row + 1) * vocabulary));
        const q = logProbabilities(theirs.subarray(row * vocabulary, (row + 1) * vocabulary));
        found.push(p.reduce((sum, log, token) => sum + Math.exp(log) * (log - q[token]!), 0));
      }
    }
  });
  assert.is(found.length, tokens.length);
  return found;
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const changed = (checkpoint: Checkpoint, config: Readonly<Record<string, unknown>>, without = /^$/): Checkpoint => ({ ...checkpoint, config: { ...checkpoint.config, ...config }, names: checkpoint.names.filter((name) => !without.test(name)) });
const WHOLE = { use_sliding_window: false, layer_types: null };

if (own === undefined) {
  notRun('llama.cpp', 'node-llama-cpp is not installed: npm ci --ignore-scripts --prefix test/bench/peers');
} else {
  const novel = bundledCheckpoint('novel-1m');
  const tokenizer = await openTokenizer(data('models/novel-1m/tokenizer.json'), data('models/novel-1m/tokenizer_config.json'));
  const text = 'It was a dark and stormy night; the rain fell in torrents, except at occasional intervals, when it was checked by a violent gust of wind which swept up the streets.';
  const tokens = tokenizer.encode(text.repeat(4)).slice(0, 128);
  /** What another order of sums costs in fp32 is some 1e-12. */
  const EXACT = 1e-10;

  test('novel-1m in F32 has our fp32 logits, and in F16 nearly so', async () => {
    assert.ok(mean(await divergences(novel, 'fp32', tokens)) < EXACT);
    assert.ok(mean(await divergences(novel, 'fp16', tokens)) < 1e-5);
  });

  test('the fewer bits, the further from ours', async () => {
    const [q8, q4] = [mean(await divergences(novel, 'Q8_0', tokens)), mean(await divergences(novel, 'Q4_0', tokens))];
    assert.ok(q8 > 1e-6 && q8 < 2e-3, String(q8));
    assert.ok(q4 > 10 * q8 && q4 < 0.1, String(q4));
  });

  const ARCHITECTURES: readonly (readonly [name: string, checkpoint: Checkpoint])[] = [
    ['llama_llama3', goldenModel('llama_llama3').checkpoint], ['llama_linear', goldenModel('llama_linear').checkpoint], ['mistral_whole', goldenModel('mistral_whole').checkpoint],
    ['qwen2', changed(goldenModel('qwen2_window').checkpoint, WHOLE)], ['qwen3', changed(goldenModel('qwen3_bias').checkpoint, { ...WHOLE, attention_bias: false }, /self_attn\.[qkvo]_proj\.bias$/)],
  ];
  for (const [name, checkpoint] of ARCHITECTURES) {
    test(`${name}: what we write llama.cpp computes as we do`, async () => {
      const some = Int32Array.from({ length: 64 }, (_, i) => (7919 * i) % architectureOf(checkpoint).shape.vocabulary);
      assert.ok(mean(await divergences(checkpoint, 'fp32', some)) < EXACT);
    });
  }

  test('greedy text is ours, and timings count their steps', async () => {
    const session = sessionOf(novel, 'fp32');
    const prompt = tokens.slice(0, 16);
    const ours: number[] = [];
    session.reset(1, 64);
    let logits = await session.step({ slot: new Int32Array(16), position: prompt.map((_, i) => i), token: prompt }, Int32Array.of(15));
    while (ours.length < 12) {
      ours.push(logits.reduce((best, logit, token) => (logit > logits[best]! ? token : best), 0));
      logits = await session.step({ slot: Int32Array.of(0), position: Int32Array.of(15 + ours.length), token: Int32Array.of(ours.at(-1)!) });
    }
    await loaded(filesOf(novel), 'fp32', async (model) => {
      assert.equal([...await model.generate!(prompt, 12)], ours);
      const drawn = async (topK: number, seed: number): Promise<number[]> => [...await model.generate!(prompt, 12, { temperature: 1, topK, seed })];
      assert.equal(await drawn(0, 7), await drawn(0, 7), 'a seed gives its text again');
      assert.not.equal(await drawn(0, 7), await drawn(0, 8), 'another gives another');
      assert.equal(await drawn(1, 7), ours, 'top_k 1 leaves the likeliest');
      const { prefill, decode } = await model.time!({ tokens, promptTokens: 64, warmUpTokens: 4, leastMs: 20 });
      assert.is(prefill.tokens, 64 * prefill.stepsMs.length);
      assert.is(Math.min(2000, decode.tokens), decode.stepsMs.length);
      assert.ok(decode.durationMs >= 20 && prefill.durationMs > 0);
    });
  });

  test('a published file is computed as it is; a damaged one is refused in llama.cpp’s words', async () => {
    const scratch = scratchFolder();
    const path = join(scratch, 'published.gguf');
    await writeGguf(path, ggufOfCheckpoint(novel, { linear: 'Q4_1', head: 'Q8_0' }));
    await loaded({ kind: 'gguf', path, checkpoint: async () => novel }, 'as-published', async (model) => {
      assert.equal([model.computes.weights, model.computes.head], ['Q4_1, blocks of 32, 5 bits', 'Q8_0']);
    });
    const damaged = join(scratch, 'damaged.gguf');
    writeFileSync(damaged, Buffer.from(readFileSync(path).toString('latin1').replace('llama.block_count', 'llama.block_cuont'), 'latin1'));
    const failed = await loaded({ kind: 'gguf', path: damaged, checkpoint: async () => novel }, 'as-published', async () => undefined).then(() => undefined, (error: unknown) => error);
    assert.ok(failed instanceof StageFailure && failed.failure.code === 'bad-input', String(failed));
    assert.match(failed.message, /does not load the file of as-published: .*block_count/);
  });

  test('a process that holds more memory than it may is ended', async () => {
    const failed = await loaded(filesOf(novel), 'fp32', async () => undefined, { memoryBytes: 20e6 }).then(() => undefined, (error: unknown) => error);
    assert.ok(failed instanceof StageFailure && failed.failure.code === 'not-available', String(failed));
    assert.match(failed.message, /of memory; .* are allowed/);
  });

  test('the package’s own interface gives the same probabilities, and its tokenizer of our file our tokens', async () => {
    const path = join(scratchFolder(), 'model.gguf');
    await writeGguf(path, ggufOfCheckpoint(novel, { linear: 'F16' }, { tokenizer: data('models/novel-1m/tokenizer.json'), tokenizerConfig: data('models/novel-1m/tokenizer_config.json') }));
    const { getLlama } = await import(pathToFileURL(join(own, 'dist', 'index.js')).href) as { getLlama(options: object): Promise<any> };
    const llama = await getLlama({ gpu: false, build: 'never', skipDownload: true, progressLogs: false, logLevel: 'error' });
    const model = await llama.loadModel({ modelPath: path });
    for (const sample of [text, 'Numbers: 3.14159, 1984;\n\n\tand Ünïcode \u{1F600} don’t']) assert.equal([...model.tokenize(sample)], [...tokenizer.encode(sample)], sample);
    const context = await model.createContext({ contextSize: 256, batchSize: 128, sequences: 1, threads: 1, flashAttention: 'auto' });
    const sequence = context.getSequence();
    const some = tokens.slice(0, 24);
    const results: readonly { readonly next: { readonly probabilities: ReadonlyMap<number, number> } }[] = await sequence.controlledEvaluate([...some].map((token) => [token, { generateNext: { probabilities: true } }]));
    await loaded(filesOf(novel), 'fp16', async ({ logits, vocabulary }) => {
      for await (const { first, count, logits: ours } of logits!(some)) {
        for (let row = 0; row < count; row++) {
          const theirs = results[first + row]!.next.probabilities;
          assert.is(theirs.size, vocabulary, 'of the whole vocabulary');
          for (const [token, probability] of theirs) assert.ok(Math.abs(Math.exp(ours[row * vocabulary + token]!) / probability - 1) < 1e-4, `row ${first + row}, token ${token}`);
        }
      }
    });
    await llama.dispose();
  });
}

test.after(() => rmSync(folder, { recursive: true }));
test.run();
