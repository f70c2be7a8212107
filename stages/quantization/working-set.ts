/** Where the weights of a timed model lie: in a cache of the processor, or beyond; of what a GPU computed that is not told, and its caches are not the processor's. */
import { computesOnGpu } from '../../kernels/gpu-engines.ts';
import type { BenchCache, BenchRow } from './bench-file.ts';
import { levelOf } from './caches.ts';

interface Computing { readonly name: string; readonly peer?: { readonly device: string } }

/** Whether a GPU computed, or a processor that played one: an engine of ours by its name, a peer by its device. */
function onGpu({ name, peer }: Computing): boolean {
  return peer === undefined ? computesOnGpu(name) : !peer.device.startsWith('cpu');
}

/** Undefined: of a GPU. */
export function weightsLie(bytes: number, { engine, threads, caches }: { readonly engine: Computing; readonly threads: number; readonly caches: readonly BenchCache[] }): BenchRow['level'] | undefined {
  return onGpu(engine) ? undefined : levelOf(bytes, threads, caches);
}
