/**
 * Which engine computes. Canonical engines give the same bytes, so the choice is not part of an exact cell's key: it
 * reaches the stages' processes through the environment, and the record says who computed (`computedBy`).
 */
import { openEngine } from '../../kernels/engines.ts';
import type { EngineInstance } from '../../kernels/index.ts';
import { StageFailure } from '../dag/index.ts';

/** 'auto' or an engine's name; set by pipeline.ts from study.yaml. */
export const ENGINE_VARIABLE = 'BITWIDTH_ENGINE';

/** What this process has said of its engines: once is enough. */
const said = new Set<string>();

/**
 * Opens the study's engine: every call a new instance, with memory of its own. `exact` demands a canonical one. Why an
 * engine was chosen goes to the task's log.
 */
export async function studyEngine({ exact }: { readonly exact: boolean }): Promise<EngineInstance> {
  const { instance, why } = await openEngine(process.env[ENGINE_VARIABLE] ?? 'auto').catch((error: unknown) => {
    throw new StageFailure({ code: 'not-available', sentence: error instanceof Error ? error.message : String(error) });
  });
  if (exact && !instance.canonical) {
    instance.ops.dispose();
    throw new StageFailure({
      code: 'not-available',
      sentence: `the engine ${instance.name} does not give the reference's bits, so no exact result may come from it`,
      hint: 'Write engine: auto in data/study.yaml.',
    });
  }
  const reason = `engine ${instance.name} (${instance.build}): ${why}`;
  if (!said.has(reason)) console.error(reason);
  said.add(reason);
  return instance;
}

/** What a record keeps of the engine. */
export function computedBy(engine: EngineInstance): { readonly engine: string; readonly build: string } {
  return { engine: engine.name, build: engine.build };
}
