/** For `reproduce`: a result is computed once more by another canonical engine, which must give the same bits. */
import { engines } from '../../kernels/engines.ts';
import type { Engine } from '../../kernels/engines.ts';
import { findCompiler } from '../../kernels/native-build.ts';
import type { CellRecord, Variation } from '../dag/index.ts';
import { ENGINE_VARIABLE } from './environment.ts';

/**
 * The canonical engines here that are not the one of the record, the fastest first: one that seems to be there may still fail, as a native library
 * that does not build. None for what no engine computed, and where there is no other: then it is computed in the same way again.
 */
export async function otherEngine(computedBy: CellRecord['computedBy'], register: readonly Engine[] = engines): Promise<readonly Variation[]> {
  const before = computedBy?.['engine'];
  if (before === undefined) return [];
  const others: Variation[] = [];
  for (const { name, unavailable } of register.filter(({ canonical }) => canonical).sort((a, b) => b.rank - a.rank)) {
    if (name === before) continue;
    // The native library is a tool that the task brings; here it is not loaded.
    if (name === 'native' ? await compiles() : await unavailable() === undefined) others.push({ environment: { [ENGINE_VARIABLE]: name }, label: `engine ${name}` });
  }
  return others;
}

let compiler: Promise<boolean> | undefined;

/** Whether there is a compiler to build the native library with; asked once. */
function compiles(): Promise<boolean> {
  return (compiler ??= findCompiler().then((found) => found !== undefined));
}
