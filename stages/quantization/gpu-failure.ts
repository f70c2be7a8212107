/** What becomes of an error of what a GPU does: it was lost, has no room, its driver refuses. None of that is a fault of the study's, and each may pass, so the next run tries again. */
import { DamagedObject, StageFailure } from '../dag/index.ts';

export const GPU_HINT = 'npx bitwidth doctor shows package, driver and adapters';

/** By name: importing the kernels' classes would make their code part of every stage's. */
const OTHERS: ReadonlySet<string> = new Set(['NotFinite', 'EngineUnfit', 'AbortError']);

/** Throws a GPU's error as the failure that it is to the cells at work; as it is what says something else: of the model, the engine, an input, the system, the run. */
export function gpuFailed(error: unknown): never {
  const other = !(error instanceof Error) || error instanceof StageFailure || error instanceof DamagedObject || OTHERS.has(error.name) || typeof (error as NodeJS.ErrnoException).code === 'string';
  throw other ? error : new StageFailure({ code: 'not-available', sentence: error.message, hint: GPU_HINT });
}
