/** All that the loaded native library will be asked for, once: the engine on one thread and on several, statistics, the encoder of weights. */
import { openNative } from './engines/native.ts';
import { useNativeEncoder } from './native-encoder.ts';
import { selfTest } from './selftest.ts';
import { useWeightEncoder } from './weight-encoder.ts';

/** Threads that share work out as any number does. */
const THREADS = 2;

/** Throws EngineUnfit where something differs from the reference, an Error where there is no library. A library that is damaged may end the process. */
export async function tryNativeLibrary(): Promise<void> {
  // Opening tests one thread.
  const { ops } = await openNative();
  ops.dispose();
  await selfTest(`native (${THREADS} threads)`, async () => (await openNative({ threads: THREADS })).ops);
  useNativeEncoder(THREADS);
  useWeightEncoder(undefined);
}
