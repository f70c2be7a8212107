/**
 * The C of every instruction set without Node around it (native/replay.c): the recorded bits under address, undefined-behaviour and thread
 * sanitizers, under valgrind, and for 64-bit ARM in an emulator; and programs with words changed at random, which may be refused or run
 * and may do no harm.
 */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findCompiler } from '../../kernels/native-build.ts';
import { NativeDevice } from '../../kernels/engines/native-device.ts';
import { RecordedOps } from '../../kernels/engines/recorded-ops.ts';
import { opCases } from '../../kernels/selftest.ts';
import { notRun } from '../not-run.ts';
import { nativeForTests } from './native-library.ts';
import { record } from './native/record.ts';
import { Recording, RecordingDevice } from './native/recording.ts';
import { buildReplay, has, runProgram } from './native/replay-program.ts';

const CROSS_COMPILER = 'aarch64-linux-gnu-gcc';
const ADDRESS = ['-O1', '-g1', '-fsanitize=address,undefined', '-fno-sanitize-recover=all', '-fno-omit-frame-pointer'];
const THREAD = ['-O1', '-g1', '-fsanitize=thread'];
/** A different one each run; it is printed, and can be given. */
const seed = Number(process.env['BITWIDTH_TEST_SEED'] ?? Date.now() % 1_000_000);

const library = await nativeForTests();
const compiler = await findCompiler();
if (typeof library === 'string' || compiler === undefined) {
  notRun('the native kernels under sanitizers and emulators', typeof library === 'string' ? library : 'there is no compiler');
} else {
  const scratch = mkdtempSync(join(tmpdir(), 'bitwidth-replay-'));
  const recording = join(scratch, 'full');
  // For what runs fifty times slower.
  const short = join(scratch, 'short');
  test.before(async () => {
    await record(library.functions, recording, 'full');
    await record(library.functions, short, 'start');
  });
  test.after(() => rmSync(scratch, { recursive: true }));
  const sets = library.functions.instructionSets();

  /** Runs it; the recorded bits, and nothing to complain of. Ends with what it counted. */
  const agrees = async (command: string, args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<void> => {
    const { status, output } = await runProgram(command, args, environment);
    assert.is(status, 0, `${command} ${args.join(' ')}\n${output}`);
    assert.match(output, /^[1-9]\d* (programs, [1-9]\d* values|changed programs, [1-9]\d* refused)\n$/);
  };

  if (process.arch === 'x64' || process.arch === 'arm64') {
    const arch = process.arch;
    const sanitized = async (what: string, flags: readonly string[]): Promise<string | undefined> => {
      try {
        return await buildReplay(compiler.command, arch, flags);
      } catch (error) {
        // A compiler may come without the sanitizers' libraries.
        if (!/cannot find .*san|unsupported option '-fsanitize/.test(String(error))) throw error;
        notRun(what, `${compiler.version} has no such sanitizer`);
        return undefined;
      }
    };

    test('address and undefined-behaviour sanitizers find nothing', async () => {
      const program = await sanitized('address sanitizer', ADDRESS);
      if (program === undefined) return;
      for (const set of sets) for (const threads of ['1', '3']) await agrees(program, [recording, set, threads, '1']);
    });

    test('changed programs are refused or run, and do no harm', async () => {
      const program = await sanitized('changed programs', ADDRESS);
      if (program === undefined) return;
      console.log(`changed programs: BITWIDTH_TEST_SEED=${seed}`);
      for (const [index, set] of sets.entries()) await agrees(program, [recording, set, 'fuzz', '10', String(seed + index)]);
    });

    test('the thread sanitizer finds nothing, with 1 to 4 threads and with several callers', async () => {
      const program = await sanitized('thread sanitizer', THREAD);
      if (program === undefined) return;
      const cases = [['1', '1'], ['2', '1'], ['3', '1'], ['4', '1'], ['2', '3']];
      for (const [threads, callers] of cases) await agrees(program, [short, sets[0]!, threads!, callers!], { TSAN_OPTIONS: 'halt_on_error=1' });
    });

    test('results are equal with 1 to 4 threads and several callers, over and over', async () => {
      const program = await buildReplay(compiler.command, arch, []);
      for (const set of sets) for (let time = 0; time < 10; time++) await agrees(program, [recording, set, String(1 + time % 4), String(1 + time % 3)]);
    });

    test('valgrind finds nothing', async () => {
      if (!await has('valgrind')) return notRun('valgrind', 'it is not installed');
      const program = await buildReplay(compiler.command, arch, []);
      // It has no AVX-512, and says so of itself to the program.
      for (const set of sets.filter((name) => name !== 'avx512')) await agrees('valgrind', ['-q', '--error-exitcode=9', '--leak-check=full', '--show-leak-kinds=definite', '--errors-for-leak-kinds=definite', program, short, set, '2', '1']);
    });
  }

  test('64-bit ARM: the same bits in an emulator, with and without its dot product of bytes', async () => {
    if (process.arch === 'arm64') return;
    if (!await has(CROSS_COMPILER)) return notRun('the kernels for 64-bit ARM', `there is no ${CROSS_COMPILER}`);
    if (!await has('qemu-aarch64')) return notRun('the kernels for 64-bit ARM', 'there is no qemu-aarch64');
    const program = await buildReplay(CROSS_COMPILER, 'arm64', ['-static']);
    await agrees('qemu-aarch64', [program, recording, 'neon', '1', '1']);
    for (const set of ['neon', 'plain']) await agrees('qemu-aarch64', [program, short, set, '3', '1']);
    const dotted = await buildReplay(CROSS_COMPILER, 'arm64', ['-static', '-march=armv8.2-a+dotprod']);
    await agrees('qemu-aarch64', [dotted, short, 'neon', '1', '1']);
  });

  test('one wrong bit is noticed', async () => {
    if (process.arch !== 'x64' && process.arch !== 'arm64') return;
    const program = await buildReplay(compiler.command, process.arch, []);
    const log = new Recording();
    const [first] = opCases('start');
    const ops = new RecordedOps(new RecordingDevice(new NativeDevice(library.functions, '', 1), log, first!.name));
    await first!.run(ops);
    ops.dispose();
    const bytes = log.bytes();
    const one = join(scratch, 'one');
    writeFileSync(one, bytes);
    await agrees(program, [one, 'plain', '1', '1']);
    // Before the words of `memory` and `close`: the last value that was read.
    bytes[bytes.length - 8 * 4]! ^= 1;
    writeFileSync(one, bytes);
    const { status, output } = await runProgram(program, [one, 'plain', '1', '1']);
    assert.is(status, 1);
    assert.match(output, /linear .*: element \d+ is [0-9a-f]{8}, not [0-9a-f]{8} \(plain, 1 threads\)/);
  });
}

test.run();
