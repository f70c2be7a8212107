/** What `doctor` shows of the study: the compiler and what it builds, GPUs, every engine of the register with its self-test and which one `auto` takes, the hub, peers. */
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { engines } from '../../kernels/engines.ts';
import type { Engine } from '../../kernels/engines.ts';
import { buildNative, findCompiler, NativeBuildError } from '../../kernels/native-build.ts';
import type { DoctorItem, DoctorSection, StoredOutputs } from '../dag/index.ts';
import { gpuChecks } from './doctor-gpu.ts';
import { peerChecks } from './doctor-peers.ts';
import { HubError } from './hub/errors.ts';
import { DEFAULT_ENDPOINT, hubSettings } from './hub/settings.ts';
import { nativeStage, WITHOUT_NATIVE } from './native.ts';
import { toldIfSlow } from './slow.ts';
import { tryEngine } from './try-engine.ts';
import type { EngineTrial, Library } from './try-engine.ts';

type Say = ((sentence: string) => void) | undefined;

/** Each as soon as it is known. `say`: what is waited for, where it takes long. */
export async function* machineSections(stored: StoredOutputs, say: Say): AsyncGenerator<DoctorSection> {
  const folder = await mkdtemp(join(tmpdir(), 'bitwidth-doctor-'));
  try {
    const { items, library } = await compilerChecks(join(folder, 'native.node'), stored, say);
    yield { section: 'compiler', items };
    yield await gpuChecks(undefined, undefined, undefined, say);
    yield await engineChecks(library, engines, (name, of) => toldIfSlow(tryEngine(name, of), say, `Trying the engine ${name}: its self-test goes on.`));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  yield hubChecks();
  yield await peerChecks();
}

/** What a run has built of these sources with this compiler is taken; else it is built now. */
async function compilerChecks(file: string, stored: StoredOutputs, say: Say): Promise<{ readonly items: readonly DoctorItem[]; readonly library: Library }> {
  const compiler = await findCompiler();
  const items: DoctorItem[] = compiler === undefined ? [] : [{ name: 'C compiler', state: 'ok', what: `${compiler.command}: ${compiler.version}` }];
  const startedMs = performance.now();
  const built = await stored(`${nativeStage.name}:${process.arch}`);
  try {
    if (built !== undefined) await writeFile(file, built['library']!);
    const { instructionSets, leftOut } = built === undefined ? await toldIfSlow(buildNative(file), say, 'Building the native library: the compiler is at work.')
      : JSON.parse(new TextDecoder().decode(built['report'])) as Awaited<ReturnType<typeof buildNative>>;
    const how = built === undefined ? `built in ${((performance.now() - startedMs) / 1000).toFixed(1)} s` : 'built by an earlier run with this compiler, and taken from the store,';
    items.push({ name: 'native library', state: 'ok', what: `${how} with ${instructionSets.join(', ')}` });
    for (const { name, why } of leftOut) items.push({ name: `instruction set ${name}`, state: 'missing', what: `this compiler cannot compile it: ${why}`, hint: 'a newer compiler can' });
    return { items, library: { file } };
  } catch (error) {
    if (!(error instanceof NativeBuildError)) throw error;
    items.push({ name: compiler === undefined ? 'C compiler' : 'native library', state: 'missing', what: error.message, hint: `${WITHOUT_NATIVE} ${error.hint}` });
    return { items, library: { missing: error.message } };
  }
}

/** `attempt` gives an engine the library. */
export async function engineChecks(library: Library, register: readonly Engine[] = engines, attempt: typeof tryEngine = tryEngine): Promise<DoctorSection> {
  const items: DoctorItem[] = [];
  let usable = library;
  for (const { name, canonical } of register) {
    const trial = await attempt(name, library);
    if (name === 'native' && trial.kind === 'failed') usable = { missing: trial.sentence };
    items.push(itemOf(name, canonical, trial));
  }
  const auto = await attempt('auto', usable);
  return { section: 'engines', items: [...items, auto.kind === 'passed' ? { name: 'auto', state: 'ok', what: `takes ${auto.name}: ${auto.why}` } : { name: 'auto', state: 'broken', what: auto.sentence }] };
}

/** `canonical`: as the register says; what a GPU computes is known only once it is open. */
function itemOf(name: string, canonical: boolean, trial: EngineTrial): DoctorItem {
  switch (trial.kind) {
    case 'missing': return { name, state: 'missing', what: trial.sentence };
    case 'failed': return { name, state: 'broken', what: trial.sentence, hint: `${canonical ? 'another engine takes its place' : 'cells that name it fail'}${trial.revoked === true ? '' : '; please report this with the processor above'}` };
    case 'passed': return { name, state: 'ok', what: trial.canonical ? `its self-test passes: the reference's bits (${trial.build})` : `for speed only: ${trial.computes ?? 'not the reference\'s bits'} (${trial.build})` };
  }
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
