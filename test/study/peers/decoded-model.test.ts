/** What transformers is handed of a model that came in another kind of file: the same weights, in files that it reads. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openCheckpoint } from '../../../kernels/index.ts';
import { writeDecoded } from '../../../stages/quantization/peers/transformers/decoded-model.ts';
import { root } from '../in-process.ts';

test('every weight is there, widened and no other', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'bitwidth-decoded-'));
  try {
    const read = (folder: string) => openCheckpoint({ config: readFileSync(join(folder, 'config.json')), weights: readFileSync(join(folder, 'model.safetensors')) });
    const original = read(join(root, 'data/models/novel-1m'));
    const decoded = read(writeDecoded(original, join(scratch, 'decoded')));
    assert.equal([decoded.baseFormat, original.baseFormat], ['fp32', 'fp16']);
    assert.equal({ ...decoded.config, torch_dtype: original.config['torch_dtype'] }, original.config);
    assert.equal([...decoded.names].sort(), [...original.names].sort());
    for (const name of original.names) {
      assert.equal(decoded.shape(name), original.shape(name));
      const [a, b] = [decoded.tensor(name).values, original.tensor(name).values];
      assert.ok(a.length === b.length && a.every((value, i) => Object.is(value, b[i])), name);
    }
  } finally {
    rmSync(scratch, { recursive: true });
  }
});

test.run();
