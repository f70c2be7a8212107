/**
 * The register of engines, and the contract that each one keeps.
 *
 * A canonical engine computes exactly what docs/arithmetic.md says, bit for bit what the reference computes, and proves it by a
 * self-test on this machine before it may call itself so. Choosing is never silent: the caller is told which engine and why.
 */
import { reference } from './engines/reference.ts';
import { native } from './engines/native.ts';
import { fast } from './engines/fast.ts';
import { wasm } from './engines/wasm.ts';
import { webgpu } from './engines/webgpu.ts';
import { webgpuFast } from './engines/webgpu-fast.ts';
import { webgpuFastF16 } from './engines/webgpu-fast-f16.ts';
import { threadCount } from './threads.ts';
import type { Ops } from './ops.ts';
import type { Statistics } from './statistics.ts';

export { hasNativeLibrary, noNativeLibrary, useNativeLibrary } from './engines/native-library.ts';
export { useNativeEncoder } from './native-encoder.ts';
export { tryNativeLibrary } from './native-trial.ts';
export { EngineUnfit } from './selftest.ts';
export { gpuAdapters, gpuHere } from './webgpu/adapter.ts';
export { gpuCards } from './webgpu/cards.ts';
export { INSTALL_DAWN, loadDawn } from './webgpu/dawn.ts';
export type { FoundAdapters, FoundGpu } from './webgpu/adapter.ts';
export type { NoGpuSource } from './webgpu/dawn.ts';
export type { ListedGpu } from './webgpu/bound.ts';
export { GPU_VARIABLE } from './webgpu/bound.ts';
export { forcedRounding, ROUNDING_VARIABLE } from './webgpu/rounding.ts';
export { MOST_THREADS, THREADS_VARIABLE } from './threads.ts';

export interface EngineInstance {
  readonly name: string;
  readonly canonical: boolean;
  /** Identifies the code that computes: a hash of the binary and the CPU features it uses. Goes into records. */
  readonly build: string;
  /** What products are computed with, where that is not docs/arithmetic.md's fp32. */
  readonly computes?: string;
  readonly ops: Ops;
  /** Of the logits that `ops` computes. Instances of one engine may share them: nothing is kept between calls. */
  readonly statistics: Statistics;
  /** Milliseconds that a device other than the host worked since it was last asked, by its own clock; undefined where it has none. */
  workedMs?(): number | undefined;
}

export interface Engine {
  readonly name: string;
  readonly title: string;
  /** Higher is preferred by `auto` among canonical engines that pass their self-test. */
  readonly rank: number;
  readonly canonical: boolean;
  /** What a GPU must have for it. */
  readonly gpuFeature?: string;
  /** Undefined when it can run here; otherwise a sentence that says what is missing. */
  unavailable(): Promise<string | undefined>;
  /** A new instance with memory of its own. Runs the self-test on first use in this process; throws EngineUnfit with the op that disagreed. */
  open(): Promise<EngineInstance>;
}

export const engines: readonly Engine[] = [reference, wasm, native, fast, webgpu, webgpuFast, webgpuFastF16];

export interface OpenedEngine {
  readonly instance: EngineInstance;
  /** One sentence: why this engine, and why not those of higher rank. */
  readonly why: string;
}

/** An engine works here, and nothing may be computed by this build of it any more. */
export class BuildRevoked extends Error {
  constructor(build: string, why: string) {
    super(`its build ${build} was revoked: ${why}`);
    this.name = 'BuildRevoked';
  }
}

/** Why nothing may be computed by a build any more, or undefined. */
export type Revoked = (build: string) => string | undefined;

/**
 * Opens an engine by name, or `auto`: the canonical engine of highest rank that is available, passes its self-test and was not revoked.
 * A named engine that cannot run is an error: nothing takes its place. So is a number of threads that is none, for which no engine could take another's place.
 */
export async function openEngine(name: string = 'auto', register: readonly Engine[] = engines, revoked: Revoked = () => undefined): Promise<OpenedEngine> {
  threadCount();
  if (name !== 'auto') return openNamed(name, register, revoked);
  const passedOver: string[] = [];
  for (const engine of register.filter(({ canonical }) => canonical).sort((a, b) => b.rank - a.rank)) {
    const missing = await engine.unavailable();
    if (missing !== undefined) {
      passedOver.push(`${engine.name} is not available: ${missing}`);
      continue;
    }
    try {
      const instance = await opened(engine, revoked);
      return { instance, why: [`${engine.name} is the fastest exact engine that works here`, ...passedOver].join('; ') };
    } catch (error) {
      passedOver.push(`${engine.name} failed: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new Error(`no exact engine works here: ${passedOver.join('; ')}`);
}

async function openNamed(name: string, register: readonly Engine[], revoked: Revoked): Promise<OpenedEngine> {
  const engine = register.find((candidate) => candidate.name === name);
  if (engine === undefined) throw new Error(`unknown engine ${JSON.stringify(name)}; engines are auto, ${register.map((e) => e.name).join(', ')}`);
  const missing = await engine.unavailable();
  if (missing !== undefined) throw new Error(`the engine ${name} is not available here: ${missing}`);
  return { instance: await opened(engine, revoked), why: `${name} was asked for` };
}

async function opened(engine: Engine, revoked: Revoked): Promise<EngineInstance> {
  const instance = await engine.open();
  const why = revoked(instance.build);
  if (why === undefined) return instance;
  instance.ops.dispose();
  throw new BuildRevoked(instance.build, why);
}
