/**
 * The register of peers, and the contract that each one keeps. A peer computes the same models, and not by our exact arithmetic: another program in its own way, or our own kernels
 * where they promise no bits. Its results are facts of its versions and its machine; they stand beside the exact ones and never in their place.
 * Adding a peer is one file in peers/ and one line here.
 *
 *   const run = await peer.start({ ...settings, model, scratch, limits, signal });
 *   const model = await run.load('nf4');
 *   for await (const { logits } of model.logits!(tokens)) ...
 *   await run.close();
 */
import type { Artifact, Checkpoint, MemoryUse } from '../../kernels/index.ts';
import type { DoctorItem } from '../dag/index.ts';
import { gpu } from './peers/gpu.ts';
import { llamaCpp } from './peers/llama-cpp.ts';
import { transformers } from './peers/transformers.ts';

/** What the study asks of a peer (`peers:` in study.yaml). */
export interface PeerSettings {
  /** One of the peer's `devices`. */
  readonly device: string;
  /** Type of activations, where the peer leaves a choice: one of its `computeTypes`. */
  readonly compute: string;
}

/** What there is of a peer: versions, device and settings, and nothing else. No path, no name of a person or a host: it is published. */
export interface PeerIdentity {
  /** Of every package that may change a result: 'torch' -> '2.15.0+cu132'. */
  readonly packages: { readonly [name: string]: string };
  /** What computes, in words: 'cpu: AMD EPYC, avx512_bf16', 'cuda: NVIDIA H100 80GB'. */
  readonly device: string;
  /** Whatever else of it was set: 'compute' -> 'fp32'. */
  readonly settings: { readonly [name: string]: string };
  /** What a variable of the environment forces of its results, where one does: part of its cells' keys. */
  readonly forced?: { readonly [name: string]: string };
}

export interface PeerOnGpu { readonly identity: PeerIdentity; /** Its name, as BITWIDTH_GPU takes it. */ readonly card: string }

export interface PeerFormat {
  /** One of kernels/formats.ts where it stores the same codes and scales; else the peer's own name, such as Q4_0. */
  readonly name: string;
  /** For people, with the peer's own spelling. */
  readonly title: string;
  /** Whether linear layers' packed codes are to be ours bit for bit, which `storedSha256` then shows. */
  readonly sameCodes: boolean;
  /** Of a format of the peer's own: those of ours that store about as many bits a weight. Their speed stands beside its. */
  readonly beside?: readonly string[];
}

/** A model's files, as a peer finds them. */
export interface PeerFiles {
  /** safetensors: a folder with config.json and the weights, as transformers reads it. gguf: one file, as it was published. */
  readonly kind: 'safetensors' | 'gguf';
  /** Absolute path of that folder or file. To be read only. */
  readonly path: string;
  /** The same checkpoint, opened by us, for a peer whose files we write. */
  checkpoint(): Promise<Checkpoint>;
}

export interface PeerLimits {
  /** Resident memory of the peer's process; one in our process counts what it holds itself. */
  readonly memoryBytes: number;
  /** Until the program answers, and until a model is loaded. */
  readonly loadMs: number;
  /** Of one answer. */
  readonly answerMs: number;
}

export interface PeerRequest extends PeerSettings {
  readonly files: PeerFiles;
  readonly threads: number;
  /** An empty folder of the peer's own, removed afterwards. */
  readonly scratch: string;
  /** Files of the project that it named (`programs`): their bytes as they were hashed for the key. */
  readonly programs: { readonly [name: string]: Uint8Array };
  readonly limits: PeerLimits;
  readonly signal: AbortSignal;
}

/** What it really computes in, as the loaded model says of itself: never what was asked for. */
export interface PeerComputes {
  /** How the linear layers store a weight: 'nf4, blocks of 64, absmax in fp32'. */
  readonly weights: string;
  /** Type of what is multiplied with them: 'fp32', 'int8 (outliers fp16)'. */
  readonly activations: string;
  /** How the output head is stored: 'fp32', 'Q6_K'. */
  readonly head: string;
  /** What else a reader must know to compare. */
  readonly note?: string;
}

/** Counted by the peer before its first step. */
export interface PeerWeights {
  readonly linearWeights: number;
  /** With all scales. */
  readonly linearBytes: number;
  /** Embeddings, norms, biases and the head; tied ones once. */
  readonly otherWeights: number;
  readonly otherBytes: number;
}

/** Rows first .. first + count - 1 of a sequence: row-major [count, vocabulary], fp32, exact up to a constant per row (log-probabilities will do). */
export interface PeerRows { readonly first: number; readonly count: number; readonly logits: Float32Array }

/** As speed.ts times: the prompt read at once, then one token after another to the end, and over again until decoding lasted `leastMs`. */
export interface PeerTimingPlan {
  /** Prompt and what is decoded after it. */
  readonly tokens: Int32Array;
  readonly promptTokens: number;
  /** Decoded before, not timed. */
  readonly warmUpTokens: number;
  readonly leastMs: number;
}

/** The study's artifact of a format: what `use` makes of it, as often as it is asked for. */
export type EncodedSource = <T>(use: (artifact: Artifact) => T) => Promise<T>;

/** A prompt to be continued. */
export interface PeerTextRequest { readonly prompt: Int32Array; readonly newTokens: number; readonly sampling?: PeerSampling | undefined }

/** By the peer's own sampler and stream of random numbers, with nothing else that it knows to filter or to punish tokens with. */
export interface PeerSampling {
  /** Above 0. */
  readonly temperature: number;
  /** 0: all tokens. */
  readonly topK: number;
  /** Of the stream, from 0 to 2^31 - 1: the same text again with the same seed, versions, device and threads. Where the kernels are ours: the study's seed, as its own sampler takes it. */
  readonly seed: number;
}

/** Parts of a SpeedSample (speed.ts). By the peer's own clock, around its steps and nothing else. */
export interface PeerTime { readonly tokens: number; readonly durationMs: number; readonly gpuMs?: number; readonly stepsMs: readonly number[] }
export interface PeerTimed { readonly prefill: PeerTime; readonly decode: PeerTime }

/** A model in one format. Every call begins a new sequence. Throws StageFailure, as all of this contract does, for what is expected to go wrong. */
export interface PeerModel {
  readonly computes: PeerComputes;
  readonly weights: PeerWeights;
  readonly vocabulary: number;
  /** Tensor of the checkpoint -> sha256 of its packed codes, before the first step; empty where it keeps none that could be ours. */
  readonly storedSha256: { readonly [tensor: string]: string };
  /** Of all rows of a sequence read at once, in order, a bounded number at a time. Absent where its API gives none. */
  readonly logits?: (tokens: Int32Array) => AsyncIterable<PeerRows>;
  /** The likeliest token, again and again, or, with `sampling`, a drawn one; ends early where the model ends its text. */
  readonly generate?: (prompt: Int32Array, newTokens: number, sampling?: PeerSampling) => Promise<Int32Array>;
  /** The same for many prompts at once, in place of generate(). */
  readonly generateAll?: (requests: readonly PeerTextRequest[]) => Promise<Int32Array[]>;
  readonly time?: (plan: PeerTimingPlan) => Promise<PeerTimed>;
  /** Bytes that it holds by now, all of them counted, where it counts them as our engines do. */
  readonly memory?: () => MemoryUse;
  close(): Promise<void>;
}

/** A running peer. Holds as many models as are loaded. */
export interface PeerRun {
  /** As it says itself, now that it runs. */
  readonly identity: PeerIdentity;
  /** `encoded`: for kernels of ours, the study's artifact of that format where it has one. */
  load(format: string, encoded?: EncodedSource): Promise<PeerModel>;
  /** Processor time that it has taken so far, ms. Absent where it computes in this process, whose time is looked at then. */
  readonly cpuMs?: () => Promise<number>;
  /** Ends it, with whatever it still holds. Never throws. */
  close(): Promise<void>;
}

export interface Peer {
  /** [a-z][a-z0-9-]*, unlike any engine's: it is the `engine` of its rows. */
  readonly name: string;
  readonly title: string;
  readonly formats: readonly PeerFormat[];
  /** Kernels of this project's: they are given the study's artifacts, and what they draw is drawn by its sampler, so that it can be held against ours. */
  readonly ownKernels?: true;
  /** The first is the default. */
  readonly devices: readonly string[];
  /** Those among them of which a task takes one. */
  readonly gpuDevices: readonly string[];
  readonly computeTypes: readonly string[];
  /** Kinds of files that it takes. */
  readonly files: readonly PeerFiles['kind'][];
  /** Files of this project that it runs, from the root, by name: inputs of its cells, so an edited one is run again. */
  readonly programs: { readonly [name: string]: string };
  /** Code that its results depend on besides its own file: it becomes part of its cells' keys. */
  readonly uses?: (settings: PeerSettings) => readonly string[];
  /** Formats of its own that are computed whatever the study names; of ours those that the study has are. */
  readonly ownFormats: readonly string[];
  /** The format that is a GGUF file as it was published, for a model that came as one; absent where it takes none. */
  readonly publishedFormat?: string;
  /** What its API does not give: no such cells are declared. */
  readonly without?: readonly ('logits' | 'generate' | 'time')[];
  /**
   * What is installed, without loading it: some milliseconds, since every command that composes the study asks. A sentence with what to do where
   * it is missing or too old. Becomes `facts` of its cells.
   */
  find(settings: PeerSettings): Promise<PeerIdentity | { readonly missing: string; readonly hint: string }>;
  /**
   * The GPUs to which a process can be bound, each as find() would say it there: its cells are dealt out among them, so that their keys name the one that computes. Absent: its program takes
   * whichever it likes, and no task that takes a GPU runs beside it.
   */
  findEach?(settings: PeerSettings): Promise<readonly PeerOnGpu[]>;
  /** Throws StageFailure: not-available where it is missing, broken or too old. */
  start(request: PeerRequest): Promise<PeerRun>;
  /** Loads it and has it say what it is: for `doctor`. */
  doctor(): Promise<DoctorItem>;
  /** What `bitwidth peers install` does; absent where a package manager does all. */
  install?(options: { readonly print: (line: string) => void; readonly signal?: AbortSignal }): Promise<void>;
}

export const peers: readonly Peer[] = [transformers, llamaCpp, gpu];

export function peerNamed(name: string): Peer {
  const peer = peers.find((one) => one.name === name);
  if (peer === undefined) throw new Error(`unknown peer ${JSON.stringify(name)}; peers are ${peers.map((one) => one.name).join(', ')}`);
  return peer;
}
