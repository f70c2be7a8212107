/** A library is tried in a process of its own: whatever it does to it, the answer is a sentence. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { libraryTrial } from '../../kernels/native-trial.ts';
import { notRun } from '../not-run.ts';
import { nativeForTests } from './native-library.ts';

const library = await nativeForTests();
if (typeof library === 'string') notRun('a library that is tried', library);
else {
  const scratch = mkdtempSync(join(tmpdir(), 'bitwidth-trial-'));
  test.after(() => rmSync(scratch, { recursive: true }));
  const good = readFileSync(library.file);
  /** What is said of the library with some of its bytes changed. */
  const changed = (change: (bytes: Buffer) => void): Promise<string | undefined> => {
    const bytes = Buffer.from(good);
    change(bytes);
    const file = join(scratch, 'changed.node');
    writeFileSync(file, bytes);
    return libraryTrial(file);
  };

  test('one that is well', async () => assert.is(await libraryTrial(library.file), undefined));

  if (process.platform === 'linux') {
    test('one whose code is damaged ends the process that loads it, and no other', async () => {
      // Traps in place of all code: of the segment that may be executed.
      const said = await changed((bytes) => {
        const at = Number(bytes.readBigUInt64LE(0x20));
        for (let i = 0; i < bytes.readUInt16LE(0x38); i++) {
          const header = at + i * bytes.readUInt16LE(0x36);
          if (bytes.readUInt32LE(header) !== 1 || (bytes.readUInt32LE(header + 4) & 1) === 0) continue;
          const from = Number(bytes.readBigUInt64LE(header + 8));
          bytes.fill(0, from, from + Number(bytes.readBigUInt64LE(header + 32)));
        }
      });
      assert.match(said!, /^a process that loads the native library is ended by SIG/);
    });

    test('one for another processor', async () => {
      const said = await changed((bytes) => bytes.writeUInt16LE(process.arch === 'x64' ? 0xb7 : 0x3e, 0x12));
      assert.match(said!, /^the native library cannot be loaded: it was built for another processor \((arm64|x64); this one is/);
    });
  }

  test('what is no library', async () => assert.match((await changed((bytes) => bytes.fill(7)))!, /^the native library cannot be loaded: ./));
}

test.run();
