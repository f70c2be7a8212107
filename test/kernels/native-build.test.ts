/** Building and loading the native library where something is wrong: a sentence, and another engine, never a crash. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildFlags, buildNative, findCompiler, instructionSetsHere, NativeBuildError, SOURCES } from '../../kernels/native-build.ts';
import { notRun } from '../not-run.ts';
import { nativeForTests } from './native-library.ts';
import { has, runProgram } from './native/replay-program.ts';

const scratch = mkdtempSync(join(tmpdir(), 'bitwidth-build-'));
test.after(() => rmSync(scratch, { recursive: true }));

const OPEN_AUTO = fileURLToPath(new URL('native/open-auto.ts', import.meta.url));
const library = await nativeForTests();

/** What happens with `change` to the environment. */
async function withEnvironment<T>(change: { readonly [name: string]: string | undefined }, work: () => Promise<T>): Promise<T> {
  const before = Object.fromEntries(Object.keys(change).map((name) => [name, process.env[name]]));
  const set = (values: { readonly [name: string]: string | undefined }): void => {
    for (const [name, value] of Object.entries(values)) if (value === undefined) delete process.env[name]; else process.env[name] = value;
  };
  set(change);
  try {
    return await work();
  } finally {
    set(before);
  }
}

/** Sources with the names of ours and nothing in them: where it is not about the kernels, a build need not take seconds. */
const hollow = join(scratch, 'hollow');
mkdirSync(hollow);
for (const name of readdirSync(SOURCES)) writeFileSync(join(hollow, name), 'extern int nothing;\n');

/** A build must fail with a message and a hint that match, and leave nothing behind. */
async function refused(environment: { readonly [name: string]: string | undefined }, message: RegExp, hint: RegExp, out = join(scratch, 'out.node'), sources = hollow): Promise<void> {
  await withEnvironment(environment, () => buildNative(out, { sources }).then(() => assert.unreachable('it was built'), (error: unknown) => {
    assert.instance(error, NativeBuildError);
    assert.match((error as NativeBuildError).message, message);
    assert.not.match((error as NativeBuildError).message, /\n/);
    assert.not.match((error as NativeBuildError).message, /bitwidth-native-/, 'the same sentence each time');
    assert.match((error as NativeBuildError).hint, hint);
  }));
  assert.equal(readdirSync(scratch).filter((name) => name.startsWith('out.node')), []);
}

/** A program that prints and ends as it is told. */
function script(name: string, text: string): string {
  const file = join(scratch, name);
  writeFileSync(file, `#!/bin/sh\n${text}\n`);
  chmodSync(file, 0o755);
  return file;
}

/** Opens `auto` in a process of its own, whose library is that file: which engine it took and why. */
async function openedWith(file: string, environment: { readonly [name: string]: string } = {}): Promise<{ readonly engine: string; readonly build: string; readonly why: string }> {
  const { status, output } = await runProgram(process.execPath, ['--import', 'tsx', OPEN_AUTO], { BITWIDTH_NATIVE_LIBRARY: file, ...environment });
  assert.is(status, 0, output);
  return JSON.parse(output);
}

test('no compiler', async () => {
  const empty = join(scratch, 'empty');
  mkdirSync(empty);
  await withEnvironment({ PATH: empty, CC: undefined }, async () => assert.is(await findCompiler(), undefined));
  await refused({ PATH: empty, CC: undefined }, /there is no C compiler/, /Install a C compiler/);
});

test('a compiler that is not there, that fails, or that prints nonsense', async () => {
  await refused({ CC: '/nowhere/cc' }, /the C compiler "cc" of the variable CC does not run$/, /Correct CC/);
  await refused({ CC: '/bin/false' }, /the C compiler "false" of the variable CC does not run$/, /Correct CC/);
  const nonsense = script('nonsense', 'echo "\u0007 \\033[31m <b>?</b>"; [ "$1" = --version ]');
  await refused({ CC: nonsense }, /^nonsense .* cannot compile (node|device|pool|memory|weights|plain)\.c/, /name another compiler with the variable CC/);
  const idle = script('idle', 'echo "idle 1.0"');
  await refused({ CC: idle }, /^idle \(idle 1\.0\) cannot compile (plain|node)\.c: it reported success and made no \1\.c\.o$/, /name another compiler/);
  await refused({ CC: 'gcc -m64' }, /"gcc -m64" of the variable CC does not run/, /CC must name one program, without arguments/);
});

test('the hint is about what the compiler complains of', async () => {
  const complaints: readonly (readonly [string, RegExp])[] = [
    ['node.c:1: fatal error: error writing to /tmp/cc.s: No space left on device', /free some space .*TMPDIR/],
    ['Cannot create temporary file in /tmp/: Read-only file system', /folder for temporary files/],
    ['fatal error: stdlib.h: No such file or directory', /Install a C compiler/],
    ["fatal error: 'stdlib.h' file not found", /Install a C compiler/],
    ['gcc: fatal error: Killed signal terminated program cc1', /whether memory is free/],
  ];
  for (const [words, hint] of complaints) {
    const complaining = script('complaining', `[ "$1" = --version ] && exit 0; echo "${words}" >&2; exit 1`);
    await refused({ CC: complaining }, /cannot compile (plain|node)\.c: /, hint);
  }
  const gone = { command: join(scratch, 'gone'), version: '1.0' };
  await buildNative(join(scratch, 'out.node'), { sources: hollow, compiler: gone }).then(() => assert.unreachable('it was built'), ({ message, hint }: NativeBuildError) => {
    assert.match(message, /cannot compile (plain|node)\.c: spawn .*gone ENOENT/);
    assert.match(hint, /Install a C compiler/);
  });
});

if (typeof library === 'string') notRun('building and loading the native library', library);
else {
  test('a folder that is not there or cannot be written', async () => {
    await refused({}, /cannot be written to .*: ENOENT/, /writable/, join(scratch, 'absent', 'native.node'));
    const folder = join(scratch, 'a-folder.node');
    mkdirSync(folder);
    await refused({}, /cannot be written to .*: (EISDIR|ENOTEMPTY)/, /writable/, folder);
    await refused({ TMPDIR: join(scratch, 'absent') }, /cannot be built: .*ENOENT/, /temporary files/);
  });

  test('an instruction set that the compiler does not know is left out; anything else is an error', async () => {
    const sets = Object.keys(buildFlags()).filter((name) => name !== '*');
    for (const set of sets) {
      writeFileSync(join(hollow, `${set}.c`), '#error no such instructions\n');
      const build = await buildNative(join(scratch, 'without.node'), { sources: hollow });
      assert.equal(build.instructionSets, [...sets.filter((name) => name !== set), 'plain']);
      assert.is(build.leftOut.length, 1);
      assert.match(build.leftOut[0]!.why, /no such instructions/);
      writeFileSync(join(hollow, `${set}.c`), '');
    }
    const [chosen] = sets;
    assert.equal((await buildNative(join(scratch, 'chosen.node'), { sources: hollow, instructionSets: [chosen!] })).instructionSets, [chosen, 'plain']);
    writeFileSync(join(hollow, 'pool.c'), 'int broken(\n');
    await refused({}, /cannot compile pool\.c: .*error/, /./);
    writeFileSync(join(hollow, 'pool.c'), '');

    const sources = join(scratch, 'sources');
    mkdirSync(sources);
    for (const name of readdirSync(SOURCES)) copyFileSync(join(SOURCES, name), join(sources, name));
    for (const set of sets) writeFileSync(join(sources, `${set}.c`), '#error no such instructions\n');
    const plain = join(scratch, 'plain.node');
    await buildNative(plain, { sources });
    assert.match((await openedWith(plain, { BITWIDTH_INSTRUCTION_SET: 'plain' })).build, /^native-[0-9a-f]{12}-plain$/);
    const { engine, why } = await openedWith(plain);
    assert.equal([engine, why], ['wasm', 'wasm is the fastest exact engine that works here'], 'plain C is slower');
  });

  test('what is made on the way lies where it is told, and is gone afterwards', async () => {
    const { command, version } = (await findCompiler())!;
    const log = join(scratch, 'places');
    const own = join(scratch, 'own');
    mkdirSync(own);
    const compiler = script('placing', `echo "$*" >> ${log}\nexec ${command} "$@"`);
    await buildNative(join(scratch, 'placed.node'), { sources: hollow, compiler: { command: compiler, version }, instructionSets: [], scratch: own });
    assert.ok(readFileSync(log, 'utf8').trim().split('\n').every((call) => call.includes(` -o ${own}/`)));
    assert.equal(readdirSync(own), []);
  });

  test('where files lay is not told, and so a compiler that fails does so with the same words each time', async () => {
    const { command } = (await findCompiler())!;
    const compiler = (text: string): string => script('silent', `case "$*" in *--version*) exec ${command} "$@";; esac\n${text}`);
    await refused({ CC: compiler('exit 1') }, /cannot compile \S+\.c: it ended with exit code 1 and said nothing$/, /./);
    await refused({ CC: compiler('kill -9 $$') }, /cannot compile \S+\.c: it was ended by SIGKILL$/, /./);
    await refused({ CC: compiler('echo "/tmp/ccQ3xY7z.s:12: Error: no such instruction: vdpbf16ps" >&2; exit 1') }, /cannot compile \S+\.c: temporary\.s:12: Error: no such instruction: vdpbf16ps$/, /./);
    await refused({ CC: compiler('for last in "$@"; do :; done; echo "cc: error: $last: No space left on device" >&2; exit 1') }, /cannot compile (\S+\.c): cc: error: \1\.o: No space left on device$/, /./);
  });

  test('a linker that makes nothing or is killed is no unwritable folder', async () => {
    const { command } = (await findCompiler())!;
    const linker = (text: string): string => script('linker', `[ "$1" = -shared ] || exec ${command} "$@"; ${text}`);
    await refused({ CC: linker('exit 0') }, /cannot link the library: it reported success and made no native\.node$/, /name another compiler/);
    await refused({ CC: linker('echo "collect2: fatal error: ld terminated with signal 9 [Killed]" >&2; exit 1') }, /cannot link the library: .*Killed/, /whether memory is free/);
    await refused({ CC: linker('echo "ld: cannot find crti.o: No such file or directory" >&2; exit 1') }, /cannot link the library: .*crti/, /Install a C compiler/);
  });

  test('in place of a wanted set that does not compile, the next best of its kind; in place of all exact ones, plain at full speed', async () => {
    const wanted = await instructionSetsHere();
    const { command, version } = (await findCompiler())!;
    const log = join(scratch, 'calls');
    /** A build with a compiler that refuses options like that, and how it compiled plain.c. */
    const buildWithout = async (options: string): Promise<{ readonly present: readonly string[]; readonly leftOut: readonly string[]; readonly plain: readonly boolean[] }> => {
      writeFileSync(log, '');
      const old = script('old', `echo "$*" >> ${log}\nfor option in "$@"; do case "$option" in ${options}) echo "error: unrecognized command-line option $option" >&2; exit 1; esac; done\nexec ${command} "$@"`);
      const build = await buildNative(join(scratch, 'old.node'), { sources: hollow, compiler: { command: old, version }, instructionSets: wanted });
      for (const { why } of build.leftOut) assert.match(why, /unrecognized command-line option -m/);
      const calls = readFileSync(log, 'utf8').split('\n');
      for (const set of build.instructionSets) assert.ok(calls.some((call) => call.includes(`/${set}.c `)), set);
      return { present: build.instructionSets, leftOut: build.leftOut.map(({ name }) => name), plain: calls.filter((call) => call.includes('/plain.c ')).map((call) => call.includes('-O1')) };
    };
    assert.equal(await buildWithout('-none'), { present: [...wanted, 'plain'], leftOut: [], plain: [wanted.some((name) => !name.startsWith('fast-'))] });
    if (!wanted.includes('avx512')) return notRun('an instruction set in place of another', `this processor's best are ${wanted.join(', ') || 'plain'}`);
    const noAvx512 = await buildWithout('-mavx512*');
    assert.equal(noAvx512.present, ['avx2', 'fast-avx2', 'plain']);
    assert.equal(noAvx512.plain, [true]);
    assert.equal(noAvx512.leftOut.filter((name) => wanted.includes(name)), wanted);
    assert.ok(noAvx512.leftOut.includes('fast-avx512'));
    const noBf16 = await buildWithout('-mavx512bf16');
    assert.equal(noBf16.present, ['avx512', 'fast-avx512', 'plain']);
    const onlyPlain = await buildWithout('-mavx2');
    assert.equal(onlyPlain.present, ['plain']);
    // The second time without -O1.
    assert.equal(onlyPlain.plain, [true, false]);
    assert.equal(onlyPlain.leftOut.filter((name) => !/^fast-/.test(name)), ['avx512', 'avx2']);
  });

  test('a library that cannot be loaded is named, and another engine is taken', async () => {
    const bytes = readFileSync(library.file);
    const broken = {
      'truncated.node': bytes.subarray(0, 5000), 'shorter.node': bytes.subarray(0, bytes.length / 2), 'empty.node': Buffer.alloc(0),
      'text.node': Buffer.from('This is no library.\n'),
    };
    for (const [name, content] of Object.entries(broken)) {
      const file = join(scratch, name);
      writeFileSync(file, content);
      const { engine, why } = await openedWith(file);
      assert.is(engine, 'wasm', name);
      assert.match(why, /native is not available: its library cannot be loaded: /, name);
    }
    const { engine, why } = await openedWith(join(scratch, 'nothing.node'));
    assert.is(engine, 'wasm');
    assert.match(why, /cannot be loaded: ENOENT/);
    assert.is((await openedWith(library.file)).engine, 'native');
  });

  test('a library for another processor, or one that is none of ours', async () => {
    const foreign = join(scratch, 'foreign.node');
    const source = join(scratch, 'other.c');
    writeFileSync(source, 'int other(void) { return 1; }\n');
    const compiler = (await findCompiler())!;
    assert.is((await runProgram(compiler.command, ['-shared', '-fPIC', source, '-o', foreign])).status, 0);
    const strange = await openedWith(foreign);
    assert.is(strange.engine, 'wasm');
    assert.match(strange.why, /cannot be loaded/);
    const cross = process.arch === 'arm64' ? 'x86_64-linux-gnu-gcc' : 'aarch64-linux-gnu-gcc';
    if (!await has(cross)) return notRun('a library for another processor', `there is no ${cross}`);
    const args = ['-std=c11', '-fPIC', '-shared', '-I', SOURCES, ...['memory.c', 'weights.c'].map((name) => join(SOURCES, name)), '-o', foreign];
    assert.is((await runProgram(cross, args)).status, 0);
    const { engine, why } = await openedWith(foreign);
    assert.is(engine, 'wasm');
    assert.match(why, /cannot be loaded/);
  });

  test('an instruction set that is not here is refused with those that are', async () => {
    const { status, output } = await runProgram(process.execPath, ['--import', 'tsx', OPEN_AUTO], { BITWIDTH_NATIVE_LIBRARY: library.file, BITWIDTH_INSTRUCTION_SET: 'sse9' });
    assert.is(status, 0, output);
    assert.match(JSON.parse(output).why, /asks for "sse9"; this processor and this library have .*plain/);
  });
}

test.run();
