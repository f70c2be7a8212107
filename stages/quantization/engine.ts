/**
 * Which engine computes. Canonical engines give the same bytes, so the choice is not part of an exact cell's key: it
 * reaches the stages' processes through the environment, and the record says who computed (`computedBy`).
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hasNativeLibrary, MOST_THREADS, noNativeLibrary, openEngine, THREADS_VARIABLE, useNativeEncoder, useNativeLibrary } from '../../kernels/engines.ts';
import type { EngineInstance } from '../../kernels/index.ts';
import { output, StageFailure } from '../dag/index.ts';
import type { Cell, TaskCell, TaskIo } from '../dag/index.ts';
import { engineHere, revokedHere } from './environment.ts';

/** The native library, as the tool of a cell that computes with an engine. */
const LIBRARY = 'native';
export function engineTools(native: Cell | undefined): Pick<Cell, 'tools'> {
  return native === undefined ? {} : { tools: { [LIBRARY]: output(native, 'library') } };
}

const USE_AUTO = 'Write engine: auto in data/study.yaml: it takes the fastest exact engine that works here.';

/** What this process has said of its engines: once is enough. */
const said = new Set<string>();

/**
 * Opens the engine for a task: every call a new instance, with memory of its own, on the task's share of processors. `exact` demands a
 * canonical one. Why an engine was chosen goes to the task's log. `name`: an engine's, or 'auto'; by default the study's.
 */
export async function studyEngine(io: TaskIo, cell: TaskCell, options: { readonly exact: boolean; readonly name?: string }): Promise<EngineInstance> {
  await takeLibrary(io, cell);
  process.env[THREADS_VARIABLE] = String(Math.min(io.cpus, MOST_THREADS));
  const name = options.name ?? engineHere();
  const { instance, why } = await openEngine(name, undefined, revokedHere).catch((error: unknown) => {
    throw new StageFailure({ code: 'not-available', sentence: error instanceof Error ? error.message : String(error), ...(options.exact && name !== 'auto' ? { hint: USE_AUTO } : {}) });
  });
  if (options.exact && !instance.canonical) {
    instance.ops.dispose();
    throw new StageFailure({
      code: 'not-available',
      sentence: `the engine ${instance.name} does not give the reference's bits, so no exact result may come from it`,
      hint: USE_AUTO,
    });
  }
  const reason = `engine ${instance.name} (${instance.build}): ${why}`;
  if (!said.has(reason)) console.error(reason);
  said.add(reason);
  return instance;
}

/**
 * Has weights encoded by compiled code where the task brings some and the study's engine is one that would use it; what it makes are the bytes of the
 * TypeScript encoder. Answers what a record keeps of it: undefined where that one encodes.
 */
export async function studyEncoder(io: TaskIo, cell: TaskCell): Promise<{ readonly engine: string; readonly build: string } | undefined> {
  if (!['auto', 'native'].includes(engineHere())) return undefined;
  await takeLibrary(io, cell);
  const build = useNativeEncoder(io.cpus, revokedHere);
  return build === undefined ? undefined : { engine: 'native', build };
}

/** Loads the library that the cell brings; a process has one for all its tasks. */
async function takeLibrary(io: TaskIo, { tools }: TaskCell): Promise<void> {
  const tool = tools?.[LIBRARY];
  if (tool === undefined) return;
  if (tool.kind === 'missing') return noNativeLibrary(tool.failure.sentence);
  if (hasNativeLibrary()) return;
  const path = join(io.scratch, 'native.node');
  await writeFile(path, await io.read(tool.handle));
  useNativeLibrary(path);
}

/** What a record keeps of the engine. */
export function computedBy(engine: EngineInstance): { readonly engine: string; readonly build: string } {
  return { engine: engine.name, build: engine.build };
}
