/**
 * The native library for tests: built once for its sources and compiler, kept in the folder for temporary files, loaded in this process.
 * Other processes are told of it by the variable BITWIDTH_NATIVE_LIBRARY, where a test wants them to be.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildFlags, buildNative, findCompiler, SOURCES } from '../../kernels/native-build.ts';
import { nativeLibrary, useNativeLibrary } from '../../kernels/engines/native-library.ts';
import type { NativeLibrary } from '../../kernels/engines/native-library.ts';

export interface TestLibrary extends NativeLibrary {
  readonly file: string;
}

let made: Promise<TestLibrary | string> | undefined;

/** The library, loaded; or why there is none. A compiler that is there and fails is an error. */
export function nativeForTests(): Promise<TestLibrary | string> {
  return (made ??= make());
}

async function make(): Promise<TestLibrary | string> {
  const compiler = await findCompiler();
  if (compiler === undefined) return 'there is no C compiler (cc, gcc or clang)';
  const file = join(scratchFolder(keyOf(compiler.version, buildFlags())), 'native.node');
  if (!existsSync(file)) await buildNative(file);
  const why = useNativeLibrary(file);
  const library = nativeLibrary();
  if (typeof library === 'string') throw new Error(why ?? library);
  return { ...library, file };
}

/** First digits of the sha256 over the C sources and whatever else a build depends on. */
export function keyOf(...others: readonly unknown[]): string {
  const hash = createHash('sha256').update(JSON.stringify(others));
  for (const name of readdirSync(SOURCES).sort()) hash.update(name).update(readFileSync(join(SOURCES, name)));
  return hash.digest('hex').slice(0, 16);
}

/** A folder that outlives the process, for what costs seconds to build; nobody else may have made it. */
export function scratchFolder(key: string): string {
  const folder = join(tmpdir(), `bitwidth-test-${process.getuid?.() ?? 'user'}-${key}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { uid, mode } = statSync(folder);
  if (process.getuid && (uid !== process.getuid() || (mode & 0o022) !== 0)) throw new Error(`${folder} belongs to somebody else, or others may write there; remove it`);
  return folder;
}
