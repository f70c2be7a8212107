/** The engines of the register that can run here, each with the numbers of threads that it is timed with. */
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { engines, formatNamed } from '../../kernels/index.ts';
import type { Engine, EngineInstance } from '../../kernels/index.ts';
import { buildNative } from '../../kernels/native-build.ts';
import { LIBRARY_VARIABLE, noNativeLibrary, useNativeLibrary } from '../../kernels/engines/native-library.ts';

export interface BenchEngine {
  readonly name: string;
  readonly build: string;
  readonly threads: number;
  /** Takes a second for what others do in milliseconds: only the smallest work is given to it. */
  readonly slow: boolean;
  /** Keeps weights as fp32, whatever their format: its rates say nothing of formats, and large sets of weights do not fit. */
  readonly decodes: boolean;
  /** What it multiplies with weights of that format, in words. */
  activations(format: string): string;
  open(): Promise<EngineInstance>;
}

/** 1 and 2, as far as there are so many processors: peers are timed with the same. */
export const THREADS: readonly number[] = [1, 2].filter((threads) => threads <= availableParallelism());

/** docs/arithmetic.md: the product of int8, of every engine. */
const LLM_INT8 = 'int8 by row, outliers fp16';

/** Engines without threads of their own. */
const SINGLE: ReadonlySet<string> = new Set(['reference']);

let found: Promise<readonly BenchEngine[]> | undefined;

/** Found once a process; the native library is built for it where none is named. */
export function benchEngines(): Promise<readonly BenchEngine[]> {
  return found ??= findEngines();
}

async function findEngines(): Promise<readonly BenchEngine[]> {
  if (!process.env[LIBRARY_VARIABLE]) await buildLibrary();
  const usable: BenchEngine[] = [];
  for (const engine of engines) {
    const facts = (await engine.unavailable()) ?? (await tried(engine));
    if (typeof facts === 'string') {
      console.log(`The engine ${engine.name} is left out: ${facts}`);
      continue;
    }
    for (const threads of SINGLE.has(engine.name) ? [1] : THREADS) {
      usable.push({ name: engine.name, ...facts, threads, slow: engine.name === 'reference', open: () => openWith(engine, threads) });
    }
  }
  return usable;
}

async function buildLibrary(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'bitwidth-bench-'));
  try {
    const file = join(folder, 'native.node');
    await buildNative(file);
    useNativeLibrary(file);
  } catch (error) {
    noNativeLibrary((error as Error).message);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Engines take the number of their threads from the environment when they are opened. */
async function openWith(engine: Engine, threads: number): Promise<EngineInstance> {
  const before = process.env['BITWIDTH_THREADS'];
  process.env['BITWIDTH_THREADS'] = String(threads);
  try {
    return await engine.open();
  } finally {
    if (before === undefined) delete process.env['BITWIDTH_THREADS'];
    else process.env['BITWIDTH_THREADS'] = before;
  }
}

/** What a weight shows of an engine; as text, why it does not open (its self-test may fail here). */
async function tried(engine: Engine): Promise<Pick<BenchEngine, 'build' | 'decodes' | 'activations'> | string> {
  try {
    const { build, computes = 'fp32', ops } = await openWith(engine, 1);
    const nf4 = formatNamed('nf4');
    ops.weight(nf4.encode({ name: 'weight', shape: [64, 64], values: new Float32Array(64 * 64).fill(0.5) }), nf4);
    const decodes = ops.memory().decodedCopies > 0;
    ops.dispose();
    return { build, decodes, activations: (format) => formatNamed(format).product === 'llm-int8' ? LLM_INT8 : computes };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
