/**
 * Building the native library: the C of kernels/c with the machine's own compiler, no build system. Each instruction set's file is compiled
 * with its flags; one that this compiler cannot compile is left out and named, and the next best takes its place; all others must compile.
 */
import { execFile } from 'node:child_process';
import type { ExecFileException } from 'node:child_process';
import { access, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { availableParallelism, tmpdir } from 'node:os';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What is in the library whatever the processor. The N-API glue, the device, the threads. */
const COMMON = ['node.c', 'device.c', 'pool.c', 'memory.c', 'weights.c', 'encode.c', 'statistics-node.c'];

const isFast = (set: string): boolean => set.startsWith('fast-');

/** Compiled for each instruction set, and once for any processor ('plain'). The engine `fast` uses the exact ones' statistics. */
const filesOf = (set: string): string[] => (isFast(set) ? [`${set}.c`] : [`${set}.c`, `statistics-${set}.c`]);

const AVX512 = ['-mavx512f', '-mavx512bw', '-mavx512dq', '-mavx512vl', '-mavx512vnni', '-mf16c', '-mavx2'];

/** What a processor must have for them, in the words of Linux's /proc/cpuinfo: its flags, or who makes it. */
const HAS_AVX512 = ['avx512f', 'avx512bw', 'avx512dq', 'avx512vl', 'avx512_vnni'];

interface InstructionSet { readonly name: string; readonly flags: readonly string[]; readonly needs: readonly string[] }

/** Files by instruction set, best first (fast-*: of the engine `fast`), and what a compiler must be told to compile them. */
const INSTRUCTION_SETS: { readonly [arch: string]: readonly InstructionSet[] } = {
  x64: [
    { name: 'avx512', flags: AVX512, needs: HAS_AVX512 },
    { name: 'avx2', flags: ['-mavx2', '-mf16c'], needs: ['avx2'] },
    { name: 'fast-amx', flags: [...AVX512, '-mavx512bf16', '-mamx-tile', '-mamx-bf16', '-mamx-int8'], needs: [...HAS_AVX512, 'avx512_bf16', 'amx_tile', 'amx_bf16', 'amx_int8'] },
    // With AMD the dot product of bf16 is as quick as a fused multiply-add, of half as many products; with Intel it gains nothing.
    { name: 'fast-avx512-bf16', flags: [...AVX512, '-mfma', '-mavx512bf16'], needs: [...HAS_AVX512, 'fma', 'avx512_bf16', 'AuthenticAMD'] },
    { name: 'fast-avx512', flags: AVX512, needs: HAS_AVX512 },
    { name: 'fast-avx2', flags: ['-mavx2', '-mf16c', '-mfma'], needs: ['avx2', 'fma'] },
  ],
  arm64: [{ name: 'neon', flags: [], needs: [] }],
};

/** Those that this processor has, best first; undefined where the system does not tell. */
async function usableHere(): Promise<readonly InstructionSet[] | undefined> {
  const text = await readFile('/proc/cpuinfo', 'utf8').catch(() => '');
  const field = (name: string): readonly string[] => new RegExp(`^${name}\\s*:(.*)$`, 'm').exec(text)?.[1]?.trim().split(/\s+/) ?? [];
  const flags = field('flags');
  if (flags.length === 0) return undefined;
  const has = new Set([...flags, ...field('vendor_id')]);
  return (INSTRUCTION_SETS[process.arch] ?? []).filter(({ needs }) => needs.every((need) => has.has(need)));
}

/**
 * The instruction sets worth building for this processor alone: the best exact one and the best fast one, since compiling all takes twice the
 * time. All of them where the system does not tell what it has. ('plain' is always built besides, so a library runs anywhere.)
 */
export async function instructionSetsHere(): Promise<readonly string[]> {
  const usable = (await usableHere())?.map(({ name }) => name);
  if (usable === undefined) return (INSTRUCTION_SETS[process.arch] ?? []).map(({ name }) => name);
  return [usable.find((name) => !isFast(name)), usable.find(isFast)].filter((name) => name !== undefined);
}

/**
 * -ffp-contract=off and no -ffast-math: every product and every sum is rounded by itself, in the order written (docs/arithmetic.md).
 * -z nodelete: helper threads outlive the environment of Node that loaded the library.
 */
const FLAGS = ['-std=c11', '-O3', '-fPIC', '-ffp-contract=off', '-fno-math-errno', '-fno-strict-aliasing', '-fvisibility=hidden', '-pthread'];

/**
 * Of the fallback for any processor, where the library has something better: compiled for the sake of the few machines that will need it, in
 * half the time. Not where it is the library's only exact one: every exact result would wait for it.
 */
const FALLBACK_FLAGS = ['-O1'];

/** A compiler, and what it says of itself. */
export interface Compiler { readonly command: string; readonly version: string }

export interface NativeBuild {
  readonly compiler: Compiler;
  /** Instruction sets in the library, best first; 'plain' is always there. */
  readonly instructionSets: readonly string[];
  /** Those left out, with the first line of what the compiler said. */
  readonly leftOut: readonly { readonly name: string; readonly why: string }[];
}

/** No library can be built here. The message says what happened; `hint` what would help. */
export class NativeBuildError extends Error {
  readonly hint: string;
  constructor(message: string, hint: string) {
    super(message);
    this.name = 'NativeBuildError';
    this.hint = hint;
  }
}

const INSTALL = 'Install a C compiler (Debian: apt-get install gcc libc6-dev; macOS: xcode-select --install).';

const TEMPORARY = 'Make the folder for temporary files writable, or free some space there (TMPDIR names it).';

const OTHER = 'See whether this compiler makes a program of a small C file and whether memory is free, or name another compiler with the variable CC.';

/** What would help, by the words of a compiler that failed, or of the system that could not run it. */
function hintFor(error: string): string {
  if (/No space left|Read-only|Permission denied/.test(error)) return TEMPORARY;
  // Headers, and the parts of a compiler or of the C library that it does not find.
  return /^spawn .* (ENOENT|EACCES)|No such file or directory|file not found|cannot find/.test(error) ? INSTALL : OTHER;
}

/** Every file of kernels/c that a build reads. */
export const NATIVE_SOURCES: readonly string[] = [
  ...COMMON, 'instruction-sets.c', ...['plain', 'avx512', 'avx2', 'neon', 'fast-amx', 'fast-avx512-bf16', 'fast-avx512', 'fast-avx2'].flatMap(filesOf),
  'bitwidth.h', 'device.h', 'encode.h', 'encode-avx2.inc.h', 'memory.h', 'pool.h', 'program.h', 'weights.h',
  'attention.inc.h', 'execute.inc.h', 'functions.inc.h', 'int8.inc.h', 'linear.inc.h', 'rows.inc.h', 'sample.inc.h', 'statistics.h', 'statistics-node.h', 'statistics.inc.h',
  'fast.inc.h', 'fast-amx.inc.h', 'fast-amx-attention.inc.h', 'fast-attention.inc.h', 'fast-avx512.inc.h', 'fast-avx512-bf16.inc.h', 'fast-bf16-linear.inc.h', 'fast-bf16-tiles.inc.h', 'fast-functions.inc.h', 'fast-linear.inc.h',
];

/** Folder of the C sources. */
export const SOURCES = join(dirname(fileURLToPath(import.meta.url)), 'c');

/** The compiler that would be used: $CC, or the first of cc, gcc and clang that answers. Undefined when there is none. */
export async function findCompiler(): Promise<Compiler | undefined> {
  const wanted = process.env['CC'];
  for (const command of wanted ? [wanted] : ['cc', 'gcc', 'clang']) {
    const { output, error } = await run(command, ['--version']);
    if (error === undefined) return { command, version: output.split('\n')[0]!.trim() };
  }
  return undefined;
}

/** Names of all instruction sets of a processor family that a build may be told of, best first: of exact engines, and of the engine `fast`. 'plain' is always built. */
export function instructionSetNames(arch: string = process.arch): { readonly exact: readonly string[]; readonly fast: readonly string[] } {
  const names = (INSTRUCTION_SETS[arch] ?? []).map(({ name }) => name);
  return { exact: names.filter((name) => !isFast(name)), fast: names.filter(isFast) };
}

/** What goes into a build besides the sources and the compiler, by instruction set; '*': into every file. */
export function buildFlags(arch: string = process.arch): { readonly [set: string]: readonly string[] } {
  return Object.fromEntries([['*', FLAGS], ...(INSTRUCTION_SETS[arch] ?? []).map(({ name, flags }) => [name, flags] as const)]);
}

export interface BuildOptions {
  /** Folder of the C sources. Default: SOURCES. */
  readonly sources?: string;
  /** Default: what findCompiler() finds. null: there is none. */
  readonly compiler?: Compiler | null;
  /** Names of instruction sets; for one that does not compile, the next best of its kind on this processor. Default: all of this processor family. */
  readonly instructionSets?: readonly string[];
  /** Where a folder is made, and removed, for what is needed on the way. Default: among temporary files. */
  readonly scratch?: string;
}

/** A file to compile; `set`: the instruction set that is left out when it cannot be. */
interface Job { readonly file: string; readonly flags: readonly string[]; readonly set?: string }

/** Builds the library as `outFile`. Throws NativeBuildError; leaves no half-written file. */
export async function buildNative(outFile: string, { sources = SOURCES, compiler: given, instructionSets: wanted, scratch = tmpdir() }: BuildOptions = {}): Promise<NativeBuild> {
  const compiler = given === undefined ? await findCompiler() : given ?? undefined;
  if (compiler === undefined) {
    const named = process.env['CC'];
    if (!named) throw new NativeBuildError('there is no C compiler (cc, gcc or clang)', INSTALL);
    throw new NativeBuildError(`the C compiler ${JSON.stringify(shown(named))} of the variable CC does not run`, /\s/.test(named) ? 'CC must name one program, without arguments; a script can add them.' : 'Correct CC, or unset it.');
  }
  if (process.platform !== 'linux' && process.platform !== 'darwin') throw new NativeBuildError(`native code is not built on ${process.platform}`, 'Use Linux or macOS; on Windows, WSL.');
  const headers = join(dirname(createRequire(import.meta.url).resolve('node-api-headers')), 'include');
  const folder = await mkdtemp(join(scratch, 'bitwidth-native-')).catch((error: Error) => {
    throw new NativeBuildError(`the native library cannot be built: ${reason(error)}`, TEMPORARY);
  });
  try {
    const failure = (what: string, error: string): NativeBuildError => new NativeBuildError(`${shown(compiler.command)} (${compiler.version}) cannot ${what}: ${firstLine(error)}`, hintFor(error));
    const make = async (args: readonly string[], product: string): Promise<string | undefined> => {
      const { error } = await run(compiler.command, [...args, '-o', product]);
      return error ?? await access(product).then(() => undefined, () => `it reported success and made no ${basename(product)}`);
    };
    /** What it said of the instruction sets that it cannot compile. */
    const said = new Map<string, string>();
    const compile = async (jobs: readonly Job[]): Promise<void> => {
      const errors = await inTurns(jobs, availableParallelism(), ({ file, flags }) => make([...FLAGS, ...flags, '-I', headers, '-c', join(sources, file)], join(folder, `${file}.o`)));
      for (const [index, { file, set }] of jobs.entries()) {
        const error = errors[index];
        if (error === undefined) continue;
        if (set === undefined) throw failure(`compile ${file}`, error);
        if (!said.has(set)) said.set(set, error);
      }
    };
    const all = INSTRUCTION_SETS[process.arch] ?? [];
    const tried = new Set(all.filter(({ name }) => wanted === undefined || wanted.includes(name)));
    const jobsOf = (sets: Iterable<InstructionSet>): Job[] => [...sets].flatMap(({ name, flags }) => filesOf(name).map((file) => ({ file, flags, set: name })));
    const plain = (flags: readonly string[]): Job[] => filesOf('plain').map((file) => ({ file, flags }));
    const hasExact = (): boolean => [...tried].some(({ name }) => !isFast(name) && !said.has(name));
    const hoped = hasExact();
    // The engine fast's take longest, and begin first: the processors' last seconds are then shared out evenly.
    const longestFirst = [...tried].sort((a, b) => Number(isFast(b.name)) - Number(isFast(a.name)));
    await compile([...jobsOf(longestFirst), ...plain(hoped ? FALLBACK_FLAGS : []), ...COMMON.map((file) => ({ file, flags: [] }))]);
    if (wanted !== undefined && said.size > 0) {
      const usable = (await usableHere()) ?? all;
      const nextBest = (set: InstructionSet): InstructionSet | undefined =>
        usable.find((other) => all.indexOf(other) > all.indexOf(set) && isFast(other.name) === isFast(set.name) && !tried.has(other));
      for (let round = new Set(tried); round.size > 0;) {
        round = new Set([...round].filter(({ name }) => said.has(name)).map(nextBest).filter((set) => set !== undefined));
        for (const set of round) tried.add(set);
        await compile(jobsOf(round));
      }
    }
    const present = all.filter((set) => tried.has(set) && !said.has(set.name));
    const without = all.filter((set) => !present.includes(set)).map(({ name }) => `-DBW_WITHOUT_${name.toUpperCase().replaceAll('-', '_')}`);
    await compile([{ file: 'instruction-sets.c', flags: without }, ...(hoped && !hasExact() ? plain([]) : [])]);
    const objects = [...COMMON, ...filesOf('plain'), 'instruction-sets.c', ...present.flatMap(({ name }) => filesOf(name))].sort();
    const library = join(folder, 'native.node');
    const platform = process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : ['-Wl,-z,nodelete', '-Wl,--build-id=none'];
    const error = await make(['-shared', '-pthread', ...platform, ...objects.map((name) => join(folder, `${name}.o`))], library);
    if (error !== undefined) throw failure('link the library', error);
    await moveTo(library, outFile);
    return {
      compiler,
      instructionSets: [...present.map(({ name }) => name), 'plain'],
      leftOut: all.flatMap(({ name }) => said.has(name) ? [{ name, why: firstLine(said.get(name)!) }] : []),
    };
  } catch (error) {
    if (error instanceof NativeBuildError) throw error;
    throw new NativeBuildError(`the native library cannot be built: ${reason(error)}`, TEMPORARY);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Works at so many at once, beginning in their order. */
async function inTurns<T, R>(jobs: readonly T[], atOnce: number, work: (job: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const left = jobs.entries();
  await Promise.all(Array.from({ length: atOnce }, async () => {
    for (const [index, job] of left) results[index] = await work(job);
  }));
  return results;
}

/** Of an error of the system: 'ENOSPC: no space left on device', without the files. */
const reason = (error: unknown): string => (error as Error).message.split(',')[0]!;

async function moveTo(from: string, to: string): Promise<void> {
  const { copyFile } = await import('node:fs/promises');
  const beside = `${to}.${process.pid}`;
  try {
    await copyFile(from, beside);
    await rename(beside, to);
  } catch (error) {
    await rm(beside, { force: true });
    throw new NativeBuildError(`the native library cannot be written to ${to}: ${reason(error)}`, 'Make that folder writable, or free some space.');
  }
}

/** The first line that names an error; compilers begin with where they are. */
function firstLine(text: string): string {
  const lines = text.split('\n').map((line) => line.trim()).filter((line) => line !== '');
  return withoutFolders(lines.find((line) => /error|not found|cannot/i.test(line)) ?? lines[0] ?? 'it said nothing').slice(0, 300);
}

/** Files by their names alone, and those that a compiler makes and removes without: where they lay is nobody's business, and is another place each time. */
const withoutFolders = (text: string): string => text.replace(/(?<![\w.])(?:\/[^\s/:;,'"`()]+)+\/(?=[^\s/:;,'"`()])/g, '').replace(/\bcc\w{6}\.([so])\b/g, 'temporary.$1');

/** A compiler by its name alone, where CC gives a path: in somebody's home folder, say. */
const shown = (command: string): string => (isAbsolute(command) ? basename(command) : command);

/** Runs a program without a shell. `error`: what went wrong, undefined when nothing did. */
function run(command: string, args: readonly string[]): Promise<{ readonly output: string; readonly error: string | undefined }> {
  return new Promise((resolve) => {
    execFile(command, args, { timeout: 300_000, maxBuffer: 1 << 24, env: { ...process.env, LC_ALL: 'C' } }, (error, stdout, stderr) => {
      resolve({ output: stdout, error: error === null ? undefined : stderr.trim() || wordsFor(error) });
    });
  });
}

/** How a program ended that said nothing. */
function wordsFor({ signal, code, message }: ExecFileException): string {
  return signal ? `it was ended by ${signal}` : typeof code === 'number' ? `it ended with exit code ${code} and said nothing` : message;
}
