/** Packages that call themselves node-llama-cpp, each good or broken in one way, in folders of their own. What they load is no llama.cpp; what drives them is the real program. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The next token is the likeliest: of `token`, token + 1. `mode` says in which way it is broken. */
const INSIDE = String.raw`
import { readFileSync } from 'node:fs';
const mode = MODE;
const described = (path) => JSON.parse(readFileSync(path.replace(/\.gguf$/, '.json'), 'utf8'));
export async function getLlama(options) {
  if (mode === 'downloads') throw new Error(options.skipDownload && options.build === 'never' ? 'kept from it' : 'downloading');
  if (mode === 'no-binary') throw new Error('Failed to find a prebuilt binary for linux x64 with cuda\nat somewhere');
  if (mode === 'fails-beside') { setTimeout(() => { throw new TypeError('again'); }, 20); throw new TypeError('onExit is not a function'); }
  if (mode === 'throws-later') setTimeout(() => { throw new TypeError('this._held is undefined'); }, 20);
  if (mode === 'dies-opening') process.kill(process.pid, 'SIGILL');
  if (mode === 'hangs-opening') await new Promise((resolve) => setTimeout(resolve, 1e6));
  class AddonModel {
    constructor(path) { this.path = path; }
    async init() {
      if (mode === 'throws-later') await new Promise((resolve) => setTimeout(resolve, 1000));
      if (mode === 'dies-loading') process.kill(process.pid, 'SIGSEGV');
      if (mode === 'hangs-loading') await new Promise((resolve) => setTimeout(resolve, 1e6));
      if (mode === 'greedy') { globalThis.held = []; for (;;) { globalThis.held.push(Buffer.alloc(1 << 24, 1)); await new Promise((resolve) => setTimeout(resolve, 5)); } }
      if (mode === 'refuses') options.logger('error', 'llama_model_load: error loading model: unknown model architecture: "llama"\n');
      if (mode === 'no-memory') options.logger('error', 'ggml_aligned_malloc: insufficient memory (attempted to allocate 9.00 MB)\n');
      return mode !== 'refuses' && mode !== 'no-memory';
    }
    async dispose() {}
    getTotalSize() { const { weights } = described(this.path); return weights.linearBytes + weights.otherBytes + (mode === 'other-bytes' ? 2 : 0); }
    getModelDescription() { return 'llama ?B fake'; }
  }
  class AddonContext {
    constructor(model, settings) { this.vocabulary = described(model.path).vocabulary; this.settings = settings; }
    async init() { return mode !== 'no-context'; }
    async dispose() {}
    initBatch() { this.rows = []; }
    addToBatch(sequence, first, tokens, wanted) { tokens.forEach((token, index) => this.rows.push((token + 1) % this.vocabulary)); return Uint32Array.from(wanted); }
    async decodeBatch() { if (mode === 'fails') throw new Error('Eval has failed'); if (mode === 'dies') process.kill(process.pid, 'SIGBUS'); }
    removeTokenCellsFromSequence() { return true; }
    async sampleToken(place, sampler, probabilities) {
      const next = (this.rows[place] + sampler.step) % this.vocabulary;
      if (!probabilities) return next;
      // Of all others together as much as of the likeliest; one is too unlikely for a number.
      const others = [...Array(this.vocabulary).keys()].filter((token) => token !== next);
      const pairs = [next, 0.5, ...others.flatMap((token, index) => [token, index === others.length - 1 ? 0 : 0.5 / (others.length - 1)])];
      return [next, mode === 'few' ? pairs.slice(0, 80) : pairs];
    }
  }
  // Drawn tokens are of the seed: what was asked of the sampler shows.
  class AddonSampler {
    applyConfig(config) { if (config.temperature > 0 && Object.keys(config).join() !== 'temperature,topK,seed') throw new Error('another configuration'); this.step = config.temperature > 0 ? config.seed + config.topK : 0; }
    dispose() {}
  }
  if (mode === 'another-inside') delete AddonContext.prototype.decodeBatch;
  return { _bindings: { AddonModel, AddonContext, AddonSampler, systemInfo: () => 'CPU : AVX2 = 1 | FMA = 0 |', getGpuDeviceInfo: () => ({ deviceNames: ['Fake 9000'] }) }, llamaCppRelease: { release: 'v0.4.0' }, buildType: 'prebuilt' };
}
`;

/** Path of the package in a new folder below `folder`. */
export function fakePackage(folder: string, mode: string, version = '3.21.1'): string {
  const own = join(folder, 'node_modules', 'node-llama-cpp');
  mkdirSync(join(own, 'dist'), { recursive: true });
  mkdirSync(join(own, 'llama'));
  writeFileSync(join(own, 'package.json'), JSON.stringify({ name: 'node-llama-cpp', version, type: 'module' }));
  writeFileSync(join(own, 'llama', 'binariesGithubRelease.json'), JSON.stringify({ release: 'v0.4.0' }));
  writeFileSync(join(own, 'dist', 'index.js'), INSIDE.replace('MODE', JSON.stringify(mode)));
  return own;
}
