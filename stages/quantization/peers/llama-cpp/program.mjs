/**
 * llama.cpp by node-llama-cpp, in a process of its own, spoken with by lines (../protocol.ts):
 *
 *   node program.mjs <folder of the package node-llama-cpp> <cpu | cuda | vulkan | metal> <threads>
 *
 * JavaScript, and nothing of ours is imported: what runs is this one file, whose bytes are an input of the cells that it computes.
 *
 * node-llama-cpp's own sequences queue, batch and sample in JavaScript; its addon beneath them has llama_decode as it is, and that is what is driven here.
 * The addon is internal to the package, so what is used of it is looked for when it is opened. Tokens are fed as they are given: the addon puts none before.
 *
 * Of logits the addon gives what its sampler is given: whole-vocabulary probabilities, softmax in fp32 (expf of each logit less the largest, divided by
 * their fp32 sum). Their logarithms are the logits up to a constant: normalized again in fp64, the sum's rounding is gone, and what is left is an
 * ulp of expf and one of the division, 1e-7 of a probability. What expf takes to 0 (less than 1e-45) is given as 1e-45.
 */
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const [packageFolder, device, threadsText] = process.argv.slice(2);
const threads = Number(threadsText);

const SMALLEST = 2 ** -149;
/** As speed.ts: of so many steps the durations are told. */
const MOST_STEPS = 2000;
/** ggml's number of fp32, as the type of keys and values. */
const FP32 = 0;
/** More than any model has: all that the device takes. */
const ALL_LAYERS = 10_000;

const LATE_MS = 500;

/** What the addon must have, by class: of the version that this was written for (3.21.1). */
const NEEDED = {
  AddonModel: ['init', 'dispose', 'getTotalSize', 'getModelDescription'],
  AddonContext: ['init', 'dispose', 'initBatch', 'addToBatch', 'decodeBatch', 'sampleToken', 'removeTokenCellsFromSequence'],
  AddonSampler: ['applyConfig', 'dispose'],
};

class Failure extends Error {
  constructor(code, sentence) {
    super(sentence);
    this.code = code;
  }
}

/** What llama.cpp said first of what went wrong since it was last asked: it says it nowhere else, and what follows only says that something did. */
let saidWrong = '';

/** Its words come from other threads, later than its answer. */
async function reason() {
  for (let waited = 0; saidWrong === '' && waited < LATE_MS; waited += 10) await new Promise((resolve) => setTimeout(resolve, 10));
  return saidWrong || 'it does not say why';
}

async function openLlama() {
  const { getLlama } = await import(pathToFileURL(join(packageFolder, 'dist', 'index.js')).href);
  // None of these looks for, fetches or builds anything: what is there is used, or refused.
  return await getLlama({
    gpu: device === 'cpu' ? false : device, build: 'never', skipDownload: true, progressLogs: false, logLevel: 'warn',
    logger: (level, message) => {
      if (level === 'error' || level === 'fatal') saidWrong ||= message.trim();
      process.stderr.write(`${level}: ${message}`.trimEnd() + '\n');
    },
  });
}

function lacking(addon) {
  return Object.entries(NEEDED).flatMap(([name, methods]) => methods.filter((method) => typeof addon?.[name]?.prototype?.[method] !== 'function').map((method) => `${name}.${method}`));
}

// A package that did not open may go on failing beside; what that was is told when it is asked to open.
process.on('uncaughtException', (error) => {
  if (unopened !== undefined) return;
  process.stderr.write(`${error?.message ?? error}\n`);
  process.exit(1);
});

const { version } = JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8'));
let llama;
let unopened;
try {
  llama = await openLlama();
  const missing = lacking(llama._bindings);
  if (missing.length > 0) unopened = `node-llama-cpp ${version} has no ${missing.slice(0, 3).join(', ')}: its inside is another than that of 3.21.1, which is known here`;
} catch (error) {
  const [first] = String(error?.message ?? error).split('\n');
  // Its own error says no more than its name.
  unopened = `node-llama-cpp ${version} does not open for ${device}: ${/^NoBinaryFoundError/.test(first) ? `it has no binary for ${device} that works on this machine` : first}`;
}
const addon = unopened === undefined ? llama._bindings : undefined;

/** 'AVX512, AVX512_BF16, REPACK': what llama.cpp was compiled for and finds here. */
function features() {
  return [...addon.systemInfo().matchAll(/(\w+) = 1\b/g)].map(([, name]) => name);
}

function deviceWords() {
  if (device === 'cpu') return `cpu: ${cpus()[0]?.model.trim() ?? 'unknown'}`;
  return `${device}: ${addon.getGpuDeviceInfo().deviceNames.join(', ')}`;
}

const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

say({
  'bitwidth-peer': 1,
  packages: { 'node-llama-cpp': version, ...(addon === undefined ? {} : { 'llama.cpp': llama.llamaCppRelease.release }) },
  device: addon === undefined ? device : deviceWords(),
  settings: addon === undefined ? {} : { binary: llama.buildType === 'prebuilt' ? 'prebuilt' : 'built locally', threads: String(threads), features: features().join(' ').slice(0, 200) },
});

/** Of open: where the files of formats are; format -> what the study knows of its file. */
let opened;
const models = new Map();

const questions = {
  async open({ files }) {
    if (unopened !== undefined) throw new Failure('not-available', unopened);
    opened = files;
    return {};
  },

  async load({ model: id, format }) {
    const { path, exactly, vocabulary, weights, computes, ends } = JSON.parse(readFileSync(join(opened, `${format}.json`), 'utf8'));
    const model = new addon.AddonModel(path, { addonExports: addon, gpuLayers: device === 'cpu' ? 0 : ALL_LAYERS });
    if (!await model.init()) {
      const why = await reason();
      throw new Failure(/alloc|memory/i.test(why) ? 'out-of-memory' : 'bad-input', `llama.cpp does not load the file of ${format}: ${why}`);
    }
    const bytes = model.getTotalSize();
    if (bytes !== weights.linearBytes + weights.otherBytes) throw new Failure('bad-input', `llama.cpp has ${bytes} bytes of weights in ${format}, and the file ${weights.linearBytes + weights.otherBytes}`);
    models.set(id, { model, format, exactly, vocabulary, ends: new Set(ends) });
    return { vocabulary, weights, stored: {}, computes: { ...computes, note: `${model.getModelDescription()}; ${exactly ? 'keys and values in fp32, no flash attention' : 'keys and values in fp16, flash attention as llama.cpp chooses'}` } };
  },

  async clock() {
    const { user, system } = process.cpuUsage();
    return { cpuMs: Math.round((user + system) / 1000) };
  },

  async unload({ model: id }) {
    const loaded = loadedAs(id);
    models.delete(id);
    await loaded.context?.dispose();
    await loaded.model.dispose();
    return {};
  },

  async logits({ model: id, tokens, rowsAtOnce }, part) {
    const { model, vocabulary, context } = await withContext(id, tokens.length, tokens.length);
    clear(context);
    const places = await feed(context, 0, tokens, tokens.map((_, index) => index));
    const sampler = greedy(model);
    try {
      for (let first = 0; first < tokens.length; first += rowsAtOnce) {
        const count = Math.min(rowsAtOnce, tokens.length - first);
        const logits = new Float32Array(count * vocabulary);
        for (let row = 0; row < count; row++) await readRow(context, places[first + row], sampler, logits.subarray(row * vocabulary, (row + 1) * vocabulary));
        await part({ first, count, logits: Buffer.from(logits.buffer).toString('base64') });
      }
    } finally {
      sampler.dispose();
    }
    return {};
  },

  async generate({ model: id, prompt, newTokens, sampling }) {
    const { model, ends, context } = await withContext(id, prompt.length + newTokens, prompt.length);
    clear(context);
    const sampler = sampling === undefined ? greedy(model) : drawing(model, sampling);
    const tokens = [];
    try {
      let next = prompt;
      while (tokens.length < newTokens) {
        const [place] = await feed(context, prompt.length + tokens.length - (next === prompt ? prompt.length : 1), next, [next.length - 1]);
        const token = await context.sampleToken(place, sampler);
        tokens.push(token);
        // Kept as its last, as in kernels/generate.ts.
        if (ends.has(token)) break;
        next = [token];
      }
    } finally {
      sampler.dispose();
    }
    return { tokens };
  },

  /** As speed.ts times: the prompt at once, then a token after another to the end, and over again until decoding lasted `leastMs`. */
  async time({ model: id, tokens, promptTokens, warmUpTokens, leastMs }) {
    const { context } = await withContext(id, tokens.length, promptTokens);
    const prompt = tokens.slice(0, promptTokens);
    const [prefill, decode] = [stopwatch(), stopwatch()];
    clear(context);
    for (let position = 0; position < warmUpTokens; position++) await feed(context, position, [tokens[position]], [0]);
    do {
      clear(context);
      await prefill.step(promptTokens, () => feed(context, 0, prompt, [promptTokens - 1]));
      let position = promptTokens;
      do {
        const token = [tokens[position]];
        await decode.step(1, () => feed(context, position, token, [0]));
        position++;
      } while (position < tokens.length && decode.durationMs < leastMs);
    } while (decode.durationMs < leastMs);
    return { prefill: prefill.taken(), decode: decode.taken() };
  },
};

function loadedAs(id) {
  const loaded = models.get(id);
  if (loaded === undefined) throw new Failure('bad-input', `no model ${id} is loaded`);
  return loaded;
}

/** A model with a context of at least so many positions, and room for so many tokens at once; it keeps one. */
async function withContext(id, positions, batch) {
  const loaded = loadedAs(id);
  if (loaded.positions === positions && loaded.batch === batch) return loaded;
  await loaded.context?.dispose();
  loaded.context = undefined;
  const context = new addon.AddonContext(loaded.model, {
    contextSize: positions, batchSize: batch, sequences: 1, threads,
    ...(loaded.exactly ? { flashAttention: false, kvCacheKeyType: FP32, kvCacheValueType: FP32 } : { flashAttention: 'auto' }),
  });
  if (!await context.init()) throw new Failure('out-of-memory', `llama.cpp makes no context of ${positions} positions for ${loaded.format}: ${await reason()}`);
  return Object.assign(loaded, { context, positions, batch });
}

const clear = (context) => context.removeTokenCellsFromSequence(0, -1, -1);

/** Decodes tokens from a position on; those at `wanted` give logits. Places of these in the batch. */
async function feed(context, position, tokens, wanted) {
  context.initBatch(tokens.length);
  const places = context.addToBatch(0, position, Uint32Array.from(tokens), Uint32Array.from(wanted));
  await context.decodeBatch();
  return places;
}

function greedy(model) {
  const sampler = new addon.AddonSampler(model);
  sampler.applyConfig({ temperature: 0 });
  return sampler;
}

/** No top_p, min_p or penalty: what is not named here is not in the addon's chain of samplers. */
function drawing(model, { temperature, topK, seed }) {
  const sampler = new addon.AddonSampler(model);
  sampler.applyConfig({ temperature, topK, seed });
  return sampler;
}

/** Writes the logarithms of a row's probabilities. */
async function readRow(context, place, sampler, row) {
  const [, pairs] = await context.sampleToken(place, sampler, true);
  if (pairs?.length !== 2 * row.length) throw new Failure('not-available', `node-llama-cpp gives the probabilities of ${(pairs?.length ?? 0) / 2} of ${row.length} tokens`);
  let sum = 0;
  for (let i = 1; i < pairs.length; i += 2) sum += pairs[i];
  for (let i = 0; i < pairs.length; i += 2) row[pairs[i]] = Math.log(Math.max(pairs[i + 1], SMALLEST) / sum);
}

function stopwatch() {
  const stepsMs = [];
  let [tokens, durationMs] = [0, 0];
  return {
    get durationMs() { return durationMs; },
    async step(count, work) {
      const startedAt = performance.now();
      await work();
      const stepMs = performance.now() - startedAt;
      durationMs += stepMs;
      tokens += count;
      if (stepsMs.length < MOST_STEPS) stepsMs.push(Math.round(stepMs * 1000) / 1000);
    },
    taken: () => ({ tokens, durationMs, stepsMs }),
  };
}

function failed(error) {
  if (error instanceof Failure) return { code: error.code, sentence: error.message };
  const [first] = String(error?.message ?? error).split('\n');
  return { code: /alloc|memory/i.test(first) ? 'out-of-memory' : 'not-available', sentence: saidWrong === '' ? first : `${first} (${saidWrong})` };
}

/** The reader may be slower: what is not read yet does not pile up here. */
const written = (value) => new Promise((resolve) => process.stdout.write(`${JSON.stringify(value)}\n`, resolve));

for await (const line of createInterface({ input: process.stdin })) {
  const { id, ask, ...fields } = JSON.parse(line);
  saidWrong = '';
  try {
    if (!Object.hasOwn(questions, ask)) throw new Failure('bad-input', `the question ${JSON.stringify(ask)} is not known`);
    say({ id, done: await questions[ask](fields, (part) => written({ id, part })) });
  } catch (error) {
    say({ id, failed: failed(error) });
  }
}
// What native code would do at the end of Node is not waited for.
process.exit(0);
