/** A checkpoint larger than the memory that quantizing it takes: read in ranges from its shards, written as it is made. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { architectureOf, formatNamed, openCheckpoint, quantizeModel } from '../../kernels/index.ts';

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const node = (script: string, ...args: readonly string[]): string => execFileSync(process.execPath, ['--import', 'tsx', path(script), ...args], { encoding: 'utf8' });

test('a checkpoint of 180 MB is quantized in a fraction of that, to the bytes that it gives in memory', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bitwidth-memory-'));
  try {
    node('../bench/sharded-checkpoint.ts', folder, '--layers', '14', '--hidden', '768', '--feed-forward', '1792', '--shards', '3');
    const shards = readdirSync(folder).filter((name) => name.endsWith('.safetensors')).map((name) => join(folder, name));
    const bytes = shards.reduce((sum, shard) => sum + statSync(shard).size, 0);
    assert.is(shards.length, 3);
    assert.ok(bytes > 170e6, `${bytes}`);
    const { during, sha256, errors } = JSON.parse(node('./quantize-files.ts', 'nf4', join(folder, 'artifact'), join(folder, 'config.json'), ...shards)) as { during: number; sha256: string; errors: unknown };
    // The largest tensor has 1.4 M weights, 5.5 MB in fp32; what the garbage collector leaves lying for a while is many times that.
    assert.ok(during < bytes / 2, `${Math.round(during / 1e6)} MB for ${Math.round(bytes / 1e6)} MB of weights`);

    const checkpoint = openCheckpoint({ config: readFileSync(join(folder, 'config.json')), weights: shards.map((shard) => readFileSync(shard)) });
    const whole = quantizeModel(checkpoint, architectureOf(checkpoint).linearNames, formatNamed('nf4'));
    assert.is(createHash('sha256').update(whole.bytes).digest('hex'), sha256);
    assert.equal(whole.errors, errors);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test.run();
