/**
 * llama.cpp on the processor, by npm node-llama-cpp: the random model as GGUF files, read and decoded with the same tokens as ours.
 *
 * node-llama-cpp's own sequences queue, batch and sample in JavaScript; its addon beneath them has llama_decode as it is. We drive the
 * addon (dist/bindings/AddonTypes.d.ts describes it; it is internal, which is why the version is pinned): a call builds a batch,
 * runs llama_decode on another thread of Node's pool and waits for the logits of the rows that ours gives logits for. It copies no
 * logits out, which ours does. Everything else is llama.cpp's default: automatic flash attention, keys and values in fp16, weights
 * repacked for this processor when loaded. `gpu: false`, `build: 'never'` and `skipDownload` keep it from looking for anything else.
 *
 * Files: `Q4_0`, `Q8_0` and `F16` throughout; and `Q4_0, F16 head`, whose head is of the type that our engines keep it in.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tensorEncoderNamed } from '../../../kernels/gguf/encoders.ts';
import { ggufOfCheckpoint, writeGguf } from '../../../kernels/gguf-writer.ts';
import type { Checkpoint } from '../../../kernels/index.ts';
import { ACTIVATIONS } from '../../../stages/quantization/peers/llama-cpp/model-file.ts';
import type { Contender } from '../contest.ts';
import { THREADS } from '../engines.ts';
import { byTheClock } from '../measure.ts';
import { installed, peerFile } from './installed.ts';

const PACKAGE = 'node-llama-cpp';
const FILES: readonly { readonly format: string; readonly linear: string; readonly head: string }[] = [
  { format: 'F16', linear: 'F16', head: 'F16' },
  { format: 'Q8_0', linear: 'Q8_0', head: 'Q8_0' },
  { format: 'Q4_0', linear: 'Q4_0', head: 'Q4_0' },
  { format: 'Q4_0, F16 head', linear: 'Q4_0', head: 'F16' },
];
const QUICK: ReadonlySet<string> = new Set(['Q4_0']);

interface AddonContext {
  init(): Promise<boolean>;
  dispose(): Promise<void>;
  initBatch(size: number): void;
  /** Of `tokens` from position `first` of a sequence, those at `logits` give logits. Places of these in the batch are returned. */
  addToBatch(sequence: number, first: number, tokens: Uint32Array, logits: Uint32Array): Uint32Array;
  decodeBatch(): Promise<void>;
  removeTokenCellsFromSequence(sequence: number, from: number, to: number): boolean;
  sampleToken(place: number, sampler: AddonSampler, probabilities: true): Promise<readonly [token: number, probabilities: readonly number[]]>;
}
interface AddonSampler { applyConfig(config: { readonly temperature: number }): void; dispose(): void }
interface AddonModel { init(): Promise<boolean>; dispose(): Promise<void> }
interface Addon {
  readonly AddonModel: new (path: string, params: object) => AddonModel;
  readonly AddonContext: new (model: AddonModel, params: object) => AddonContext;
  readonly AddonSampler: new (model: AddonModel) => AddonSampler;
}

export interface ModelPeers {
  /** Fed with the first of `tokens` from position 0, each time anew. */
  prefill(tokens: Int32Array): Contender[];
  /** One more token of each of so many sequences that hold `context` already. */
  decode(sequences: number, context: Int32Array): Promise<Contender[]>;
  /** Probabilities of the likeliest tokens after these, from the F16 file; undefined where there is none. */
  likeliest(tokens: Int32Array): Promise<ReadonlyMap<number, number> | undefined>;
  close(): Promise<void>;
}

const NONE: ModelPeers = { prefill: () => [], decode: async () => [], likeliest: async () => undefined, close: async () => {} };

/** Writes the files to a temporary folder and loads them, each for every number of threads. Without the package: nothing. */
export async function openModels(checkpoint: Checkpoint, most: { readonly sequences: number; readonly positions: number }, quick: boolean): Promise<ModelPeers> {
  const peer = installed(PACKAGE);
  if (peer === undefined) return NONE;
  const { getLlama } = (await import(peerFile(PACKAGE, 'dist/index.js'))) as { getLlama(options: object): Promise<{ readonly _bindings: Addon; dispose(): Promise<void> }> };
  const llama = await getLlama({ gpu: false, build: 'never', skipDownload: true, progressLogs: false, logLevel: 'error' });
  const addon = llama._bindings;
  const folder = mkdtempSync(join(tmpdir(), 'bitwidth-bench-'));
  const loaded: { readonly format: string; readonly linear: string; readonly bytes: number; readonly threads: number; readonly model: AddonModel; readonly context: AddonContext }[] = [];
  const models: AddonModel[] = [];
  for (const { format, linear, head } of FILES) {
    if (quick && !QUICK.has(format)) continue;
    const path = join(folder, `${linear}-${head}.gguf`);
    const file = ggufOfCheckpoint(checkpoint, { linear, head });
    await writeGguf(path, file);
    const bytes = file.weightBytes;
    const model = new addon.AddonModel(path, { addonExports: addon, gpuLayers: 0 });
    if (!await model.init()) throw new Error(`${PACKAGE} ${peer.version} does not load our ${format} file`);
    models.push(model);
    for (const threads of THREADS) {
      // Positions are divided among the sequences.
      const context = new addon.AddonContext(model, { contextSize: most.sequences * most.positions, batchSize: most.positions, sequences: most.sequences, threads, flashAttention: 'auto' });
      if (!await context.init()) throw new Error(`${PACKAGE} ${peer.version} makes no context for our ${format} file`);
      loaded.push({ format, linear, bytes, threads, model, context });
    }
  }
  const contender = ({ format, linear, bytes, threads }: (typeof loaded)[number], call: () => Promise<unknown>): Contender => {
    const { blockBytes, blockElements } = tensorEncoderNamed(linear).type;
    return { who: PACKAGE, version: peer.version, peer: true, format, bitsPerWeight: 8 * blockBytes / blockElements, activations: ACTIVATIONS[linear]!, threads, bytes, ...byTheClock(call) };
  };
  const feed = async (context: AddonContext, sequences: number, from: number, tokens: Uint32Array): Promise<void> => {
    context.initBatch(sequences * tokens.length);
    for (let sequence = 0; sequence < sequences; sequence++) {
      context.removeTokenCellsFromSequence(sequence, from, -1);
      context.addToBatch(sequence, from, tokens, Uint32Array.of(tokens.length - 1));
    }
    await context.decodeBatch();
  };
  return {
    prefill: (tokens) => loaded.map((each) => contender(each, () => feed(each.context, 1, 0, Uint32Array.from(tokens)))),
    async decode(sequences, context) {
      for (const each of loaded) await feed(each.context, sequences, 0, Uint32Array.from(context));
      return loaded.map((each) => contender(each, () => feed(each.context, sequences, context.length, Uint32Array.of(context[0]!))));
    },
    async likeliest(tokens) {
      const whole = loaded.find(({ format }) => format === 'F16');
      if (whole === undefined) return undefined;
      const { context, model } = whole;
      context.removeTokenCellsFromSequence(0, 0, -1);
      context.initBatch(tokens.length);
      const [place] = context.addToBatch(0, 0, Uint32Array.from(tokens), Uint32Array.of(tokens.length - 1));
      await context.decodeBatch();
      const sampler = new addon.AddonSampler(model);
      sampler.applyConfig({ temperature: 0 });
      const [, pairs] = await context.sampleToken(place!, sampler, true);
      sampler.dispose();
      return new Map(Array.from({ length: 10 }, (_, index) => [pairs[2 * index]!, pairs[2 * index + 1]!] as const));
    },
    async close() {
      for (const { context } of loaded) await context.dispose();
      for (const model of models) await model.dispose();
      await llama.dispose();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
