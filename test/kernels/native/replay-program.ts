/** Building replay.c with a compiler and flags of choice, and running it. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildFlags, SOURCES } from '../../../kernels/native-build.ts';
import { keyOf, scratchFolder } from '../native-library.ts';

const PROGRAM = fileURLToPath(new URL('replay.c', import.meta.url));
const COMMON = ['device.c', 'pool.c', 'memory.c', 'weights.c', 'plain.c', 'instruction-sets.c'];

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
  const files = [PROGRAM, ...COMMON.map((name) => join(SOURCES, name)), ...Object.keys(sets).map((name) => join(SOURCES, `${name}.c`))];
  const objects = await Promise.all(files.map(async (file, index) => {
    const object = join(scratch, `${index}.o`);
    const own = Object.entries(sets).find(([name]) => file.endsWith(`/${name}.c`))?.[1] ?? [];
    await must(compiler, [...common!, ...own, ...flags, '-I', SOURCES, '-c', file, '-o', object]);
    return object;
  }));
  await must(compiler, [...flags, '-pthread', ...objects, '-o', join(scratch, 'replay')]);
  renameSync(join(scratch, 'replay'), program);
  return program;
}

async function must(command: string, args: readonly string[]): Promise<void> {
  const { status, output } = await runProgram(command, args);
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}\n${output}`);
}
