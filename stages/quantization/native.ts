/**
 * Builds the native library, once for each compiler, processor family and state of its sources: a tool of the cells that compute
 * with an engine, and no part of what they compute. Without it (no compiler) they compute the same bytes in WebAssembly, more slowly.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { FAST_INSTRUCTION_SET_VARIABLE, INSTRUCTION_SET_VARIABLE } from '../../kernels/instruction-sets.ts';
import { buildFlags, buildNative, findCompiler, instructionSetNames, instructionSetsHere, NATIVE_SOURCES, NativeBuildError } from '../../kernels/native-build.ts';
import type { Compiler } from '../../kernels/native-build.ts';
import { cell, ConfigurationError, file, stage } from '../dag/index.ts';
import type { Cell, Run, TaskCell } from '../dag/index.ts';
import { engineHere } from './environment.ts';
import { listParam } from './task-values.ts';

export const nativeStage = stage({
  name: 'native',
  title: 'Build the native kernels',
  determinism: 'exact',
  module: 'stages/quantization/native.ts',
  outputs: ['library', 'report'],
  optional: true,
  timeoutMs: 600_000,
});

const FOLDER = 'kernels/c';

/** What it means that the library is not there, for people. */
export const WITHOUT_NATIVE = 'Exact results come from the engine wasm instead: the same bytes, several times more slowly.';

/** The same where data/study.yaml names this engine, so that nothing takes its place. */
const NATIVE_ONLY = 'data/study.yaml asks for engine: native, so nothing is computed; with engine: auto the engine wasm computes the same bytes.';

/** What it means for the study of this process. */
export const withoutNative = (): string => engineHere() === 'native' ? NATIVE_ONLY : WITHOUT_NATIVE;

/** native:x64. Asks the compiler for its version: it is in the key. Throws ConfigurationError where the environment forces an instruction set that there is not. */
export async function nativeCell(): Promise<Cell> {
  const forced = forcedInstructionSets();
  const compiler = await findCompiler();
  const instructionSets = [...new Set([...await instructionSetsHere(), ...forced])];
  return cell(nativeStage, process.arch, {
    params: { platform: process.platform, arch: process.arch, flags: buildFlags(), instructionSets, compiler: compiler?.command ?? null, version: compiler?.version ?? null },
    inputs: Object.fromEntries(NATIVE_SOURCES.map((name) => [name, file(`${FOLDER}/${name}`)])),
    // Some seconds on all processors, which everything that computes waits for: it goes first.
    work: 100,
  });
}

/** Instruction sets that engines of this process are told to take, and so must be in the library; 'plain' always is. */
function forcedInstructionSets(): string[] {
  const { exact, fast } = instructionSetNames();
  return ([[INSTRUCTION_SET_VARIABLE, [...exact, 'plain']], [FAST_INSTRUCTION_SET_VARIABLE, fast]] as const).flatMap(([variable, sets]) => {
    const wanted = process.env[variable];
    if (!wanted) return [];
    if (!sets.includes(wanted)) throw new ConfigurationError(`the variable ${variable} is ${JSON.stringify(wanted)}; on ${process.arch} it may be ${sets.join(', ') || 'nothing'}: correct it, or unset it`);
    return wanted === 'plain' ? [] : [wanted];
  });
}

export const run: Run = async (cells, io) => {
  for (const task of cells) {
    // What was hashed is what is compiled, whoever edits meanwhile.
    const sources = `${io.scratch}/c`;
    await mkdir(sources, { recursive: true });
    for (const name of NATIVE_SOURCES) await writeFile(`${sources}/${name}`, await io.input(task, name));
    const library = `${io.scratch}/native.node`;
    try {
      const build = await buildNative(library, { sources, compiler: compilerOf(task), instructionSets: listParam(task, 'instructionSets') as readonly string[], scratch: io.scratch });
      const [first] = build.leftOut;
      if (first !== undefined) io.warn(`this compiler cannot compile ${build.leftOut.map(({ name }) => name).join(', ')} (${first.why}): a newer one would make what this processor computes faster`);
      await io.commit(task.id, { library: await readFile(library), report: JSON.stringify(build) });
    } catch (error) {
      if (!(error instanceof NativeBuildError)) throw error;
      await io.fail(task.id, {
        code: 'not-available',
        // What is recorded holds no path.
        sentence: error.message.replaceAll(`${io.scratch}/`, ''),
        hint: `${withoutNative()} ${error.hint}`,
      });
    }
  }
};

/** The one in the key: a worker's PATH may lead to another. */
function compilerOf({ params }: TaskCell): Compiler | null {
  const { compiler, version } = params;
  return typeof compiler === 'string' && typeof version === 'string' ? { command: compiler, version } : null;
}
