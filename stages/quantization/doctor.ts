/** What `doctor` shows of the study: every engine of the register, and which one `auto` takes. Runs their self-tests. */
import { engines, openEngine } from '../../kernels/engines.ts';
import type { Engine } from '../../kernels/engines.ts';
import type { DoctorItem, DoctorSection } from '../dag/index.ts';

export async function engineChecks(register: readonly Engine[] = engines): Promise<DoctorSection> {
  const items: DoctorItem[] = [];
  for (const engine of register) items.push(await engineCheck(engine));
  return { section: 'engines', items: [...items, await autoCheck(register)] };
}

async function engineCheck(engine: Engine): Promise<DoctorItem> {
  const { name, canonical } = engine;
  try {
    const missing = await engine.unavailable();
    if (missing !== undefined) return { name, state: 'missing', what: missing };
    const { build, ops } = await engine.open();
    ops.dispose();
    return { name, state: 'ok', what: canonical ? `its self-test passes: the reference's bits (${build})` : `for speed only: not the reference's bits (${build})` };
  } catch (error) {
    return { name, state: 'broken', what: sentenceOf(error), hint: 'another engine takes its place; please report this with the processor above' };
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
