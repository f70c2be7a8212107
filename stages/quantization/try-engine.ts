/**
 * Opens an engine with its self-test in a process of its own: a library that a damaged compiler made, or a driver, may end the process that uses it, and
 * that must be neither a task's nor the command's.
 */
import { BuildRevoked, engines, noNativeLibrary, openEngine, THREADS_VARIABLE, tryNativeLibrary, useNativeLibrary } from '../../kernels/engines.ts';
import type { Engine } from '../../kernels/engines.ts';
import { runApart } from './apart.ts';
import { revokedHere } from './environment.ts';

/** The native library: a file, or why there is none. */
export type Library = { readonly file: string } | { readonly missing: string };

export type EngineTrial =
  | { readonly kind: 'passed'; readonly name: string; readonly canonical: boolean; readonly build: string; readonly computes?: string; /** Why this one, of 'auto'. */ readonly why: string }
  /** What it needs is not here. */
  | { readonly kind: 'missing'; readonly sentence: string }
  | { readonly kind: 'failed'; readonly sentence: string; /** It works, and must not. */ readonly revoked?: true };

/** Far more than the slowest self-test takes on a busy machine: that of a GPU which a processor plays. */
const LIMIT_MS = 300_000;

/** `name`: an engine's, or 'auto'. Never rejects. */
export async function tryEngine(name: string, library: Library): Promise<EngineTrial> {
  const end = await runApart({
    module: 'stages/quantization/try-engine.ts', args: [name, library], timeoutMs: LIMIT_MS,
    // A task has its share of threads whatever this says, so what it says is no mistake of an engine.
    environment: { [THREADS_VARIABLE]: undefined },
  });
  switch (end.kind) {
    case 'answered': return end.answer as EngineTrial;
    case 'threw': return { kind: 'failed', sentence: end.message };
    case 'died': return { kind: 'failed', sentence: `a process that tried the engine ${name} ${end.how}` };
  }
}

/** In that process. */
export async function run(name: string, library: Library): Promise<EngineTrial> {
  if ('missing' in library) noNativeLibrary(library.missing);
  else useNativeLibrary(library.file);
  return await tryHere(name);
}

/** The same in this process, with the library that it has loaded. */
export async function tryHere(name: string, register: readonly Engine[] = engines): Promise<EngineTrial> {
  const missing = await register.find((engine) => engine.name === name)?.unavailable();
  if (missing !== undefined) return { kind: 'missing', sentence: missing };
  try {
    if (name === 'native') await tryNativeLibrary();
    const { instance: { ops, name: opened, canonical, build, computes }, why } = await openEngine(name, register, revokedHere);
    ops.dispose();
    return { kind: 'passed', name: opened, canonical, build, ...(computes === undefined ? {} : { computes }), why };
  } catch (error) {
    return { kind: 'failed', sentence: error instanceof Error ? error.message : String(error), ...(error instanceof BuildRevoked ? { revoked: true } : {}) };
  }
}
