/** The checked-in kernels.wasm is what its sources build, and what an engine says of itself. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openEngine } from '../../kernels/index.ts';
import { notRun } from '../not-run.ts';

const folder = fileURLToPath(new URL('../../kernels/wasm/', import.meta.url));
const binary = readFileSync(join(folder, 'kernels.wasm'));

test('a build gives the checked-in bytes', () => {
  if (!existsSync(join(folder, 'node_modules/assemblyscript'))) return notRun('build of kernels.wasm', 'AssemblyScript is not installed; npm ci in kernels/wasm installs it');
  const scratch = mkdtempSync(join(tmpdir(), 'bitwidth-wasm-'));
  try {
    const built = join(scratch, 'kernels.wasm');
    const { status, stderr } = spawnSync(process.execPath, [join(folder, 'build.mjs'), built], { encoding: 'utf8' });
    assert.is(status, 0, stderr);
    assert.ok(readFileSync(built).equals(binary), 'kernels.wasm differs from a build of its sources; npm run build in kernels/wasm makes it anew');
  } finally {
    rmSync(scratch, { recursive: true });
  }
});

test('the build in records names the bytes', async () => {
  const { instance } = await openEngine('wasm');
  assert.is(instance.build, `wasm-${createHash('sha256').update(binary).digest('hex').slice(0, 12)}`);
  instance.ops.dispose();
});

test.run();
