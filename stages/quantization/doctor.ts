/** What `doctor` shows of the study: the compiler and what it builds, every engine of the register, and which one `auto` takes. Runs their self-tests. */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { engines, noNativeLibrary, openEngine, useNativeLibrary } from '../../kernels/engines.ts';
import type { Engine } from '../../kernels/engines.ts';
import { buildNative, findCompiler, NativeBuildError } from '../../kernels/native-build.ts';
import { libraryTrial } from '../../kernels/native-trial.ts';
import type { DoctorItem, DoctorSection } from '../dag/index.ts';
import { HubError } from './hub/errors.ts';
import { DEFAULT_ENDPOINT, hubSettings } from './hub/settings.ts';
import { WITHOUT_NATIVE } from './native.ts';

/** Builds the native library for this process alone, so that what is said of it is seen now and not remembered. */
export async function compilerChecks(): Promise<DoctorSection> {
  const compiler = await findCompiler();
  const items: DoctorItem[] = [];
  if (compiler !== undefined) items.push({ name: 'C compiler', state: 'ok', what: `${compiler.command}: ${compiler.version}` });
  const folder = await mkdtemp(join(tmpdir(), 'bitwidth-doctor-'));
  try {
    const file = join(folder, 'native.node');
    const startedMs = performance.now();
    const { instructionSets, leftOut } = await buildNative(file);
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
    items.push({ name: 'native library', state: 'ok', what: `built in ${seconds} s with ${instructionSets.join(', ')}` });
    for (const { name, why } of leftOut) items.push({ name: `instruction set ${name}`, state: 'missing', what: `this compiler cannot compile it: ${why}`, hint: 'a newer compiler can' });
    const unusable = await libraryTrial(file) ?? useNativeLibrary(file);
    if (unusable !== undefined) {
      noNativeLibrary(unusable);
      items.push({ name: 'native library', state: 'broken', what: unusable, hint: WITHOUT_NATIVE });
    }
  } catch (error) {
    if (!(error instanceof NativeBuildError)) throw error;
    noNativeLibrary(error.message);
    items.push({ name: compiler === undefined ? 'C compiler' : 'native library', state: 'missing', what: error.message, hint: `${WITHOUT_NATIVE} ${error.hint}` });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return { section: 'compiler', items };
}

export async function engineChecks(register: readonly Engine[] = engines): Promise<DoctorSection> {
  const items: DoctorItem[] = [];
  for (const engine of register) items.push(await engineCheck(engine));
  return { section: 'engines', items: [...items, await autoCheck(register)] };
}

/** What is set up for the hub. Asks nobody: whether a hub answers is seen when it is needed. Neither addresses nor tokens are shown. */
export function hubChecks(env?: Parameters<typeof hubSettings>[0]): DoctorSection {
  const section = 'models of the Hugging Face hub';
  try {
    const { endpoint, token, offline, cache } = hubSettings(env);
    return { section, items: [
      { name: 'hub', state: 'ok', what: offline ? 'is not asked: HF_HUB_OFFLINE is set' : endpoint === DEFAULT_ENDPOINT ? 'huggingface.co' : 'the one that HF_ENDPOINT names' },
      token === undefined ? { name: 'token', state: 'missing', what: 'there is none; what is public needs none', hint: 'for gated models: HF_TOKEN' } : { name: 'token', state: 'ok', what: `from ${token.from}` },
      existsSync(cache) ? { name: 'cache', state: 'ok', what: "what Hugging Face's tools have downloaded is copied, not downloaded again" } : { name: 'cache', state: 'missing', what: "there are no downloads of Hugging Face's tools" },
    ] };
  } catch (error) {
    if (!(error instanceof HubError)) throw error;
    return { section, items: [{ name: 'settings', state: 'broken', what: error.message, ...(error.hint === undefined ? {} : { hint: error.hint }) }] };
  }
}

async function engineCheck(engine: Engine): Promise<DoctorItem> {
  const { name } = engine;
  try {
    const missing = await engine.unavailable();
    if (missing !== undefined) return { name, state: 'missing', what: missing };
    // What an engine computes may be known only once it is open: a GPU's is.
    const { build, ops, canonical, computes } = await engine.open();
    ops.dispose();
    return { name, state: 'ok', what: canonical ? `its self-test passes: the reference's bits (${build})` : `for speed only: ${computes ?? 'not the reference\'s bits'} (${build})` };
  } catch (error) {
    return { name, state: 'broken', what: sentenceOf(error), hint: engine.canonical ? 'another engine takes its place; please report this with the processor above' : 'cells that name it fail; please report this with the processor above' };
  }
}

async function autoCheck(register: readonly Engine[]): Promise<DoctorItem> {
  try {
    const { instance, why } = await openEngine('auto', register);
    instance.ops.dispose();
    return { name: 'auto', state: 'ok', what: `takes ${instance.name}: ${why}` };
  } catch (error) {
    return { name: 'auto', state: 'broken', what: sentenceOf(error) };
  }
}

function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
