/** A library is tried before anything computes with it, in a process of its own: whatever it does there, the answer is a sentence. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { engines } from '../../kernels/engines.ts';
import { buildNative, findCompiler, instructionSetsHere } from '../../kernels/native-build.ts';
import { file } from '../../stages/dag/index.ts';
import type { Failure } from '../../stages/dag/index.ts';
import { engineChecks } from '../../stages/quantization/doctor.ts';
import { studyEnvironment } from '../../stages/quantization/environment.ts';
import { nativeCell, withoutNative } from '../../stages/quantization/native.ts';
import { nativeCheckCell } from '../../stages/quantization/native-check.ts';
import { tryEngine } from '../../stages/quantization/try-engine.ts';
import { nativeForTests } from '../kernels/native-library.ts';
import { notRun } from '../not-run.ts';
import { runCells } from './in-process.ts';

const library = await nativeForTests();
if (typeof library === 'string') notRun('a library that is tried', library);
else {
  const scratch = mkdtempSync(join(tmpdir(), 'bitwidth-check-'));
  test.after(() => rmSync(scratch, { recursive: true }));
  const good = readFileSync(library.file);
  const cell = { ...nativeCheckCell(await nativeCell()), inputs: { library: file('native.node') } };
  /** What the stage says of a library; undefined where it passes it on. */
  const said = async (bytes: Buffer): Promise<Failure | undefined> => {
    const { failures, bytes: output } = await runCells([cell], [cell.id], { files: new Map([['native.node', bytes]]) });
    if (failures.size === 0) assert.equal(output(cell.id, 'library'), bytes);
    return failures.get(cell.id);
  };

  test('one that is well is passed on as it is', async () => assert.is(await said(good), undefined));

  test('the trial says who computes, and which it is', async () => {
    const trial = await tryEngine('native', { file: library.file });
    assert.is(trial.kind, 'passed');
    if (trial.kind === 'passed') assert.match(trial.build, new RegExp(`^native-${library.sha256}-`));
    assert.equal(await tryEngine('native', { missing: 'nobody built it' }), { kind: 'missing', sentence: 'nobody built it' });
    const other = await tryEngine('nativ', { missing: 'nobody built it' });
    assert.match(other.kind === 'failed' ? other.sentence : '', /unknown engine "nativ"; engines are auto, /);
  });

  test('threads that a variable asks for in vain are not held against the library', async () => {
    const before = process.env['BITWIDTH_THREADS'];
    process.env['BITWIDTH_THREADS'] = 'many';
    try {
      assert.is(await said(good), undefined);
    } finally {
      if (before === undefined) delete process.env['BITWIDTH_THREADS'];
      else process.env['BITWIDTH_THREADS'] = before;
    }
  });

  test('one whose build was revoked goes no further, and its compiler is not to blame', async () => {
    const { build } = await tryEngine('native', { file: library.file }) as { readonly build: string };
    const before = { ...process.env };
    Object.assign(process.env, studyEnvironment('auto', [{ computedBy: { build }, reason: 'rounding' }]));
    try {
      assert.equal(await said(good), { code: 'not-available', sentence: `its build ${build} was revoked: rounding`, hint: withoutNative() });
      const { items } = await engineChecks({ file: library.file }, engines.filter(({ name }) => name === 'native'));
      assert.equal(items.map(({ state, hint }) => `${state}, ${hint}`), ['broken, another engine takes its place', 'ok, undefined']);
    } finally {
      for (const name of Object.keys(studyEnvironment('auto', []))) if (before[name] === undefined) delete process.env[name]; else process.env[name] = before[name];
    }
  });

  test('what is no library, in words without a folder, which are the same whenever it is tried', async () => {
    for (const bytes of ['', 'This is no library.\n']) {
      const { sentence } = (await said(Buffer.from(bytes)))!;
      assert.match(sentence, /library cannot be loaded: ./);
      assert.not.match(sentence, /\//);
      assert.is((await said(Buffer.from(bytes)))!.sentence, sentence);
    }
  });

  if (process.platform === 'linux') {
    test('one whose code is damaged ends the process that loads it, and no other', async () => {
      const bytes = Buffer.from(good);
      // Traps in place of all code: of the segment that may be executed.
      const at = Number(bytes.readBigUInt64LE(0x20));
      for (let i = 0; i < bytes.readUInt16LE(0x38); i++) {
        const header = at + i * bytes.readUInt16LE(0x36);
        if (bytes.readUInt32LE(header) !== 1 || (bytes.readUInt32LE(header + 4) & 1) === 0) continue;
        const from = Number(bytes.readBigUInt64LE(header + 8));
        bytes.fill(0, from, from + Number(bytes.readBigUInt64LE(header + 32)));
      }
      assert.match((await said(bytes))!.sentence, /^a process that tried the engine native was ended by SIG/);
    });

    test('one for another processor', async () => {
      const bytes = Buffer.from(good);
      bytes.writeUInt16LE(process.arch === 'x64' ? 0xb7 : 0x3e, 0x12);
      assert.match((await said(bytes))!.sentence, /library cannot be loaded: it was built for another processor \((arm64|x64); this one is/);
    });
  }

  /** A library of the real sources by a compiler that takes one instruction of vectors for another thing. */
  const mistaken = async (name: string, product: string): Promise<Buffer> => {
    const { command, version } = (await findCompiler())!;
    const header = join(scratch, `${name}.h`);
    writeFileSync(header, `
#if defined __AVX__
#include <immintrin.h>
#define _mm512_mul_ps(a, b) (${product}_mm512_add_ps(a, b))
#define _mm256_mul_ps(a, b) (${product}_mm256_add_ps(a, b))
#elif defined __ARM_NEON
#include <arm_neon.h>
#define vmulq_f32(a, b) (${product}vaddq_f32(a, b))
#endif
`);
    const compiler = join(scratch, name);
    writeFileSync(compiler, `#!/bin/sh\n[ "$1" = -shared ] && exec ${command} "$@"\nexec ${command} -include ${header} "$@"\n`);
    chmodSync(compiler, 0o755);
    const out = join(scratch, `${name}.node`);
    const [best] = (await instructionSetsHere()).filter((set) => !set.startsWith('fast-'));
    await buildNative(out, { compiler: { command: compiler, version }, instructionSets: best === undefined ? [] : [best] });
    return readFileSync(out);
  };

  if ((await instructionSetsHere()).length === 0) notRun('a library that computes wrongly', 'this processor has no vectors that the kernels use');
  else {
    test('one that computes something else, and one that crashes when it computes', async () => {
      const wrong = (await said(await mistaken('adding', '')))!;
      assert.is(wrong.code, 'not-available');
      assert.match(wrong.sentence, /^the engine native \(\w+\) disagrees with the reference on this machine: /);
      assert.match(wrong.hint!, /^Exact results come from the engine wasm instead: .* Another compiler may do better: name it in the variable CC\.$/);
      assert.match((await said(await mistaken('trapping', '__builtin_trap(), ')))!.sentence, /^a process that tried the engine native was ended by SIG(ILL|TRAP)$/);
    });
  }
}

test.run();
