import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const root = new URL('../../', import.meta.url);

test('the example in the doc comment of kernels/index.ts runs', () => {
  const source = readFileSync(new URL('kernels/index.ts', root), 'utf8');
  const comment = source.slice(0, source.indexOf('*/'));
  const example = [...comment.matchAll(/^ \* {3}(.*)$/gm)].map(([, line]) => line).join('\n');
  assert.match(example, /session\.dispose\(\)/);

  const folder = mkdtempSync(join(tmpdir(), 'bitwidth-example-'));
  try {
    const script = join(folder, 'example.mts');
    writeFileSync(script, example.replace("'./kernels/index.ts'", JSON.stringify(new URL('kernels/index.ts', root).href)));
    const run = spawnSync(process.execPath, ['--import', 'tsx', script], { cwd: fileURLToPath(root), encoding: 'utf8' });
    assert.is(run.status, 0, run.stderr);
    assert.match(run.stdout, /[a-z]+ [a-z]+/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.run();
