/**
 * This project's own kernels on a GPU, through WebGPU. They are engines of ours (docs/engines.md) and no exact ones: the language lets an adapter round, fuse and flush as it likes.
 * So what a GPU computes is a fact of its adapter and driver, keyed by both, and stands beside the exact results as what another program computes does: whole sweeps of it, scored,
 * written and timed. Unlike other programs it is given the study's artifacts and draws by the study's sampler, so what it writes can be held against ours token by token.
 *
 * It computes in the process of the task. A lost device, or one without room, fails the format at work; the next opens it anew.
 */
import { generateAll } from '../../../kernels/generate.ts';
import { architectureNamed, tensorsOf } from '../../../kernels/models.ts';
import { engines, forcedRounding, openEngine } from '../../../kernels/engines.ts';
import { encodedBytes, formatNamed, formats } from '../../../kernels/formats.ts';
import { promptKeyOf } from '../../../kernels/sampler.ts';
import { openSession } from '../../../kernels/session.ts';
import type { Artifact, Checkpoint, EngineInstance, GenerateOptions, Session } from '../../../kernels/index.ts';
import { StageFailure } from '../../dag/index.ts';
import { GPU_HINT, gpuFailed } from '../gpu-failure.ts';
import { surveyGpus } from '../gpu-survey.ts';
import type { SeenGpu } from '../gpu-survey.ts';
import type { EncodedSource, Peer, PeerIdentity, PeerModel, PeerRequest, PeerRows, PeerTextRequest, PeerWeights } from '../peers.ts';
import { endTokensOf } from '../end-tokens.ts';
import { otherTensors } from '../other-tensors.ts';
import { SEQUENCES } from '../sequences.ts';
import { timeOnce } from '../speed-once.ts';

/** Engines that compute there, the default first: the exact order of sums is another's than a GPU's speed. */
const COMPUTES = ['webgpu-fast', 'webgpu-fast-f16', 'webgpu'];
/** The one that writes products and sums in the first of several ways that agrees, or in one that is forced. */
export const ROUNDED = 'webgpu';
/** Logits that are read at once. */
const LOGITS_BYTES = 1 << 26;

export const gpu: Peer = {
  name: 'gpu',
  title: "this project's own kernels on a GPU, through WebGPU",
  ownKernels: true,
  formats: formats.map(({ name, title }) => ({ name, title, sameCodes: false })),
  devices: ['gpu'],
  gpuDevices: ['gpu'],
  computeTypes: COMPUTES,
  files: ['safetensors', 'gguf'],
  programs: {},
  ownFormats: [],
  uses: ({ compute }) => [`kernels/engines/${compute}.ts`],

  async find({ compute }) {
    const { here } = await surveyGpus();
    if (typeof here === 'string') return { missing: here, hint: GPU_HINT };
    return isEnough(here, compute) ? identityOf(here, compute) : { missing: `the adapter ${here.words} has no ${engineNamed(compute).gpuFeature}`, hint: GPU_HINT };
  },

  async findEach({ compute }) {
    const { shared: { cards } } = await surveyGpus();
    return cards.filter((seen) => isEnough(seen, compute)).map((seen) => ({ card: seen.card, identity: identityOf(seen, compute) }));
  },

  async start({ device, compute, files, signal }: PeerRequest) {
    const found = await this.find({ device, compute });
    if ('missing' in found) throw new StageFailure({ code: 'not-available', sentence: found.missing, hint: found.hint });
    // Tests itself, once in a process; and says what it is.
    const { build, computes, ops } = await opened(compute);
    ops.dispose();
    const identity: PeerIdentity = { ...found, settings: { compute, kernels: build.replace(/ \(.*\)$/, '') } };
    const checkpoint = await files.checkpoint();
    const models = new Set<GpuModel>();
    return {
      identity,
      async load(format, encoded) {
        const model = new GpuModel(compute, checkpoint, format, encoded, computes, signal);
        models.add(model);
        await model.open();
        return model.model(() => models.delete(model));
      },
      async close() {
        for (const model of models) model.close();
        models.clear();
      },
    };
  },

  async doctor() {
    const { here } = await surveyGpus();
    return typeof here === 'string' ? { name: 'gpu', state: 'missing', what: here, hint: 'only the peer gpu needs it' } : { name: 'gpu', state: 'ok', what: identityOf(here).device };
  },
};

/** Whether it has what an engine asks of a GPU. */
function isEnough({ features }: SeenGpu, compute: string): boolean {
  const { gpuFeature } = engineNamed(compute);
  return gpuFeature === undefined || features.includes(gpuFeature);
}

/** `compute`: by which engine. */
function identityOf({ name, fallback, words }: SeenGpu, compute?: string): PeerIdentity {
  const [dawn, version] = name.split(' ');
  const rounding = compute === ROUNDED ? forcedRounding() : undefined;
  return { packages: { [dawn!]: version ?? '' }, device: `${fallback ? 'a processor that plays a GPU' : 'gpu'}: ${words}`, settings: {}, ...(rounding === undefined ? {} : { forced: { rounding } }) };
}

function engineNamed(name: string): (typeof engines)[number] {
  return engines.find((engine) => engine.name === name)!;
}

async function opened(compute: string): Promise<EngineInstance> {
  return (await openEngine(compute).catch(gpuFailed)).instance;
}

const isFull = (error: unknown): boolean => error instanceof Error && error.name === 'GpuFull';

/** A model in one format, on the device. */
class GpuModel {
  readonly #compute: string;
  readonly #checkpoint: Checkpoint;
  readonly #format: string;
  readonly #encoded: EncodedSource | undefined;
  readonly #computes: string | undefined;
  readonly #signal: AbortSignal;
  #engine: EngineInstance | undefined;
  #session: Session | undefined;
  #linearBytes = 0;

  /** `encoded`: undefined for the checkpoint's own type, and for what is decoded to its values. */
  constructor(compute: string, checkpoint: Checkpoint, format: string, encoded: EncodedSource | undefined, computes: string | undefined, signal: AbortSignal) {
    this.#compute = compute;
    this.#checkpoint = checkpoint;
    this.#format = format;
    this.#encoded = encoded;
    this.#computes = computes;
    this.#signal = signal;
  }

  async open(): Promise<void> {
    this.close();
    const engine = this.#engine = await opened(this.#compute);
    const checkpoint = this.#checkpoint;
    const linear = architectureNamed(checkpoint.architecture).linearNames(checkpoint.config);
    const from = (artifact?: Artifact): Session => {
      this.#linearBytes = linear.reduce((sum, name) => sum + bytesThere(name, checkpoint, artifact), 0);
      return openSession({ checkpoint, format: artifact === undefined ? checkpoint.baseFormat : this.#format, engine, ...(artifact === undefined ? {} : { artifact }) });
    };
    try {
      this.#session = this.#encoded === undefined ? from() : await this.#encoded(from);
    } catch (error) {
      this.close();
      gpuFailed(error);
    }
  }

  close(): void {
    this.#engine?.ops.dispose();
    this.#engine = this.#session = undefined;
  }

  model(closed: () => void): PeerModel {
    const checkpoint = this.#checkpoint;
    const stored = this.#encoded === undefined ? checkpoint.baseFormat : this.#format;
    const note = stored === this.#format ? undefined : `the weights are ${stored}, whose values ${this.#format} holds as they are`;
    return {
      vocabulary: this.#session!.shape.vocabulary,
      computes: {
        weights: formatNamed(stored).title, activations: this.#computes ?? 'fp32', head: checkpoint.baseFormat,
        ...(note === undefined ? {} : { note }),
      },
      weights: this.#weights(),
      storedSha256: {},
      logits: (tokens) => this.#logits(tokens),
      generateAll: (requests) => this.#generateAll(requests),
      time: async ({ tokens, promptTokens, warmUpTokens, leastMs }) => {
        const timed = { session: this.#session!, workedMs: () => this.#engine!.workedMs?.() };
        const { prefill, decode } = await timeOnce(timed, tokens, promptTokens, warmUpTokens, leastMs).catch(gpuFailed);
        return { prefill: prefill.taken(), decode: decode.taken() };
      },
      memory: () => this.#session!.memory(),
      close: async () => {
        this.close();
        closed();
      },
    };
  }

  #weights(): PeerWeights {
    const checkpoint = this.#checkpoint;
    const architecture = architectureNamed(checkpoint.architecture);
    const linear = architecture.linearNames(checkpoint.config);
    const linearWeights = linear.reduce((sum, name) => sum + checkpoint.shape(name).reduce((product, size) => product * size, 1), 0);
    return { linearWeights, linearBytes: this.#linearBytes, ...otherTensors(checkpoint, tensorsOf(architecture, checkpoint).names, new Set(linear)) };
  }

  async *#logits(tokens: Int32Array): AsyncGenerator<PeerRows> {
    const session = this.#session!;
    const rowsAtOnce = Math.max(1, Math.floor(LOGITS_BYTES / (4 * session.shape.vocabulary)));
    try {
      session.reset(1, tokens.length);
    } catch (error) {
      gpuFailed(error);
    }
    for (let first = 0; first < tokens.length; first += rowsAtOnce) {
      this.#signal.throwIfAborted();
      const token = tokens.slice(first, first + rowsAtOnce);
      const rows = { slot: new Int32Array(token.length), position: Int32Array.from(token, (_, row) => first + row), token };
      yield { first, count: token.length, logits: await session.step(rows).catch(gpuFailed) };
    }
  }

  /** As many together as the device has room for: that is found by asking. */
  async #generateAll(requests: readonly PeerTextRequest[]): Promise<Int32Array[]> {
    const endTokens = endTokensOf(this.#checkpoint.config);
    const written: Int32Array[] = [];
    let most = SEQUENCES;
    while (written.length < requests.length) {
      this.#signal.throwIfAborted();
      const together = requests.slice(written.length, written.length + most).map(({ prompt, newTokens, sampling = GREEDY }): GenerateOptions => ({
        prompts: [{ ids: prompt, key: promptKeyOf(prompt) }], maxNewTokens: newTokens, ...sampling, endTokens,
      }));
      try {
        for (const [ids] of await generateAll(this.#session!, together)) written.push(ids!);
      } catch (error) {
        if (!isFull(error) || together.length === 1) gpuFailed(error);
        most = Math.ceil(together.length / 2);
        console.error(`the GPU has no room for ${together.length} sequences at once; ${most} are tried`);
        // What ran into the limit is spent.
        await this.open();
      }
    }
    return written;
  }
}

const GREEDY = { temperature: 0, topK: 0, seed: 0 } as const;

/** That a linear layer takes on the device: codes, and scales as they are used. */
function bytesThere(name: string, checkpoint: Checkpoint, artifact: Artifact | undefined): number {
  const encoded = artifact?.get(name);
  if (encoded === undefined) return checkpoint.storedBytes(name);
  const table = formatNamed(encoded.format).tableCodes?.(encoded);
  return table === undefined ? encodedBytes(encoded) : table.codes.byteLength + table.scales.byteLength;
}
