/**
 * The native engine: canonical, C with the processor's own vectors (kernels/c). The library holds a file per instruction set and
 * takes the best that this processor has, by its features.
 */
import type { Engine, EngineInstance } from '../engines.ts';
import { INSTRUCTION_SET_VARIABLE } from '../instruction-sets.ts';
import { selfTest } from '../selftest.ts';
import { nativeStatistics } from '../statistics/native.ts';
import { statisticsSelfTest } from '../statistics/selftest.ts';
import { threadCount } from '../threads.ts';
import { NativeDevice } from './native-device.ts';
import { nativeLibrary } from './native-library.ts';
import { RecordedOps } from './recorded-ops.ts';

/** The self-test of this process, by instruction set, once it has begun. */
const tested = new Map<string, Promise<void>>();

/** Why the native engine cannot run here, or undefined. */
async function unavailable(): Promise<string | undefined> {
  const library = nativeLibrary();
  if (typeof library === 'string') return library;
  const wanted = process.env[INSTRUCTION_SET_VARIABLE] ?? '';
  const here = library.functions.instructionSets();
  if (wanted !== '' && !here.includes(wanted)) return `${INSTRUCTION_SET_VARIABLE} asks for ${JSON.stringify(wanted)}; this processor and this library have ${here.join(', ')}`;
  return undefined;
}

/** As the engine's open(), with a choice. Throws where it cannot run, and EngineUnfit where its bits are not the reference's. */
export async function openNative({ instructionSet, threads }: { readonly instructionSet?: string; readonly threads?: number } = {}): Promise<EngineInstance> {
  const library = nativeLibrary();
  if (typeof library === 'string') throw new Error(`the engine native is not available here: ${library}`);
  const { functions, sha256 } = library;
  const chosen = instructionSet ?? (process.env[INSTRUCTION_SET_VARIABLE] || functions.instructionSets()[0]!);
  const make = (count: number): RecordedOps => new RecordedOps(new NativeDevice(functions, chosen, count));
  const statistics = nativeStatistics(functions.statistics(chosen));
  let test = tested.get(chosen);
  // One thread: what is tested is arithmetic. That threads change nothing is a law of how work is cut, tested apart.
  if (test === undefined) tested.set(chosen, (test = selfTest(`native (${chosen})`, () => make(1)).then(() => statisticsSelfTest(`native (${chosen})`, statistics))));
  await test;
  return { name: 'native', canonical: true, build: `native-${sha256}-${chosen}`, ops: make(threads ?? threadCount()), statistics };
}

export const native: Engine = {
  name: 'native',
  title: 'C with vector instructions',
  /** Below wasm where there is nothing but plain C, which has 0.9 of wasm's speed at best and a quarter at worst; not where plain C is asked for. */
  get rank() {
    const library = nativeLibrary();
    const asked = process.env[INSTRUCTION_SET_VARIABLE];
    return !asked && typeof library !== 'string' && library.functions.instructionSets()[0] === 'plain' ? 5 : 20;
  },
  canonical: true,
  unavailable,
  open: () => openNative(),
};
