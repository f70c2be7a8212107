/**
 * The engine `fast`: not exact. Kernels of the native library that fuse multiply and add, and multiply in bf16 where the processor gains by
 * it; for cells that measure speed. Its results are held to a bound, not to bits: they depend on the processor, and rows computed together
 * may differ from rows computed alone. Never chosen by `auto`.
 */
import type { Engine, EngineInstance } from '../engines.ts';
import { FAST_INSTRUCTION_SET_VARIABLE } from '../instruction-sets.ts';
import { nativeStatistics } from '../statistics/native.ts';
import { statisticsSelfTest } from '../statistics/selftest.ts';
import { threadCount } from '../threads.ts';
import { BF16_DOTS, BF16_TILES, FUSED_FP32, toleranceTest } from './fast-selftest.ts';
import type { Computes } from './fast-selftest.ts';
import { NativeDevice } from './native-device.ts';
import { nativeLibrary } from './native-library.ts';
import { openNative } from './native.ts';
import { RecordedOps } from './recorded-ops.ts';

/** The self-test of this process, by instruction set, once it has begun. */
const tested = new Map<string, Promise<void>>();

async function unavailable(): Promise<string | undefined> {
  const library = nativeLibrary();
  if (typeof library === 'string') return library;
  const wanted = process.env[FAST_INSTRUCTION_SET_VARIABLE] ?? '';
  const here = library.functions.fastInstructionSets();
  if (wanted !== '' && !here.includes(wanted)) {
    return `${FAST_INSTRUCTION_SET_VARIABLE} asks for ${JSON.stringify(wanted)}; this processor and this library have ${here.join(', ') || 'none'}`;
  }
  return undefined;
}

/** What an instruction set computes with. */
export function computesOf(instructionSet: string): Computes {
  return instructionSet === 'fast-amx' ? BF16_TILES : instructionSet === 'fast-avx512-bf16' ? BF16_DOTS : FUSED_FP32;
}

/**
 * As the engine's open(), with a choice. On a processor for which the library has no fast kernels the exact ones run, and the build says
 * so. Throws where it cannot run, and EngineUnfit where a result is out of its bound.
 */
export async function openFast({ instructionSet, threads }: { readonly instructionSet?: string; readonly threads?: number } = {}): Promise<EngineInstance> {
  const library = nativeLibrary();
  if (typeof library === 'string') throw new Error(`the engine fast is not available here: ${library}`);
  const { functions, sha256 } = library;
  const chosen = instructionSet ?? (process.env[FAST_INSTRUCTION_SET_VARIABLE] || functions.fastInstructionSets()[0]);
  if (chosen === undefined) {
    const exact = await openNative(threads === undefined ? {} : { threads });
    return { ...exact, name: 'fast', canonical: false, build: exact.build.replace(/^native-/, 'fast-exact-'), computes: 'fp32, exact: this processor has no fast kernels' };
  }
  const make = (count: number): RecordedOps => new RecordedOps(new NativeDevice(functions, chosen, count));
  const computes = computesOf(chosen);
  // Sums over logits are in float64 and exact in every engine.
  const statistics = nativeStatistics(functions.statistics(''));
  let test = tested.get(chosen);
  // One thread: what is tested is arithmetic.
  if (test === undefined) tested.set(chosen, (test = toleranceTest(chosen, computes, () => make(1)).then(() => statisticsSelfTest(chosen, statistics))));
  await test;
  return { name: 'fast', canonical: false, build: `fast-${sha256}-${chosen.replace('fast-', '')}`, computes: computes.words, ops: make(threads ?? threadCount()), statistics };
}

export const fast: Engine = {
  name: 'fast',
  title: 'C with fused multiply-add, bf16 products where the processor gains by them; not exact',
  rank: 0,
  canonical: false,
  unavailable,
  open: () => openFast(),
};
