/** Building replay.c with a compiler and flags of choice, and running it. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildFlags, NATIVE_SOURCES, SOURCES } from '../../../kernels/native-build.ts';
import { keyOf, scratchFolder } from '../native-library.ts';

const PROGRAM = fileURLToPath(new URL('replay.c', import.meta.url));

/** The set that a source is of: avx2.c and statistics-avx2.c. */
const setOf = (name: string): string => name.replace(/^statistics-/, '').replace(/\.c$/, '');
const EVERY_SET = (['x64', 'arm64'] as const).flatMap((arch) => Object.keys(buildFlags(arch))).filter((name) => name !== '*');

export interface Ran { readonly status: number; readonly output: string }

/** Runs a program without a shell; what it printed, on both streams. A signal is status -1. */
export function runProgram(command: string, args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(command, args, { maxBuffer: 1 << 26, timeout: 600_000, env: { ...process.env, LC_ALL: 'C', ...environment } }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ status: code, output: `${stdout}${stderr}${code === -1 ? `\n${error!.message.slice(0, 200)}` : ''}` });
    });
  });
}

/** Whether a tool answers. */
export async function has(command: string): Promise<boolean> {
  return (await runProgram(command, ['--version'])).status === 0;
}

/** Builds the program for `arch` with `compiler`; `flags` for every file, after those that the library is built with. */
export async function buildReplay(compiler: string, arch: 'x64' | 'arm64', flags: readonly string[]): Promise<string> {
  const { '*': common, ...sets } = buildFlags(arch);
  const folder = scratchFolder(keyOf(compiler, arch, flags, buildFlags(arch), readFileSync(PROGRAM, 'utf8')));
  const program = join(folder, 'replay');
  if (existsSync(program)) return program;
  const scratch = join(folder, String(process.pid));
  mkdirSync(scratch, { recursive: true });
  // All but what needs Node, and other processors' files.
  const names = NATIVE_SOURCES.filter((name) => name.endsWith('.c') && !name.endsWith('node.c') && !(EVERY_SET.includes(setOf(name)) && !(setOf(name) in sets)));
  const files = [PROGRAM, ...names.map((name) => join(SOURCES, name))];
  const objects = await Promise.all(files.map(async (file, index) => {
    const object = join(scratch, `${index}.o`);
    await must(compiler, [...common!, ...(sets[setOf(basename(file))] ?? []), ...flags, '-I', SOURCES, '-c', file, '-o', object]);
    return object;
  }));
  await must(compiler, [...flags, '-pthread', ...objects, '-o', join(scratch, 'replay')]);
  renameSync(join(scratch, 'replay'), program);
  rmSync(scratch, { recursive: true });
  return program;
}

async function must(command: string, args: readonly string[]): Promise<void> {
  const { status, output } = await runProgram(command, args);
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}\n${output}`);
}
