/**
 * Tries the built library before anything computes with it: what a compiler has made may be wrong, or end the process that uses it. A stage of its own,
 * and no part of the one that builds it, because what judges is TypeScript, and an edit of that must not compile C again.
 */
import { writeFile } from 'node:fs/promises';
import { INSTRUCTION_SET_VARIABLE } from '../../kernels/instruction-sets.ts';
import { cell, output, stage } from '../dag/index.ts';
import type { Cell, Run } from '../dag/index.ts';
import { revokedBuilds } from './environment.ts';
import { withoutNative } from './native.ts';
import { tryEngine } from './try-engine.ts';

export const nativeCheckStage = stage({
  name: 'native-check',
  title: 'Hold the native kernels to the reference',
  determinism: 'exact',
  module: 'stages/quantization/native-check.ts',
  outputs: ['library'],
  optional: true,
});

/** native-check:x64. Its output is the library itself, for those who compute: who has it has one that was tried. */
export function nativeCheckCell(native: Cell): Cell {
  return cell(nativeCheckStage, native.id.slice(native.id.indexOf(':') + 1), {
    params: { instructionSet: process.env[INSTRUCTION_SET_VARIABLE] || null, revoked: Object.keys(revokedBuilds()).filter((build) => build.startsWith('native-')).sort() },
    inputs: { library: output(native, 'library') },
    // Everything that computes waits for it.
    work: 100,
  });
}

export const run: Run = async (cells, io) => {
  for (const task of cells) {
    const library = await io.input(task, 'library');
    const file = `${io.scratch}/native.node`;
    await writeFile(file, library);
    const trial = await tryEngine('native', { file });
    if (trial.kind === 'passed') await io.commit(task.id, { library });
    else await io.fail(task.id, { code: 'not-available', sentence: trial.sentence, hint: trial.kind === 'failed' && trial.revoked === true ? withoutNative() : `${withoutNative()} Another compiler may do better: name it in the variable CC.` });
  }
};
