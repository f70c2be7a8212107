/**
 * Every peer of the register, the real one, held to the study. They take gigabytes to install and are no part of `npm test` or `.ci/run`. Those that are not installed are
 * named, and make it fail: it is run to know that they work.
 */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { join } from 'node:path';
import { openCheckpoint, openEngine, openSession } from '../../kernels/index.ts';
import { readFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { readStudy } from '../../stages/quantization/config.ts';
import { peerLimits } from '../../stages/quantization/peer-host.ts';
import type { PeerAbout } from '../../stages/quantization/peer-score.ts';
import type { PeerModel } from '../../stages/quantization/peers.ts';
import { peers } from '../../stages/quantization/peers.ts';
import { readFidelity } from '../../stages/quantization/score-output.ts';
import { studyPeers } from '../../stages/quantization/study-peers.ts';
import { study } from '../../stages/quantization/study.ts';
import { root, runCells } from '../study/in-process.ts';

/** Two right programs in fp32 part by sums in another order; in a packed format of 16-bit products by those as well. */
const MOST_KL = { whole: 1e-5, packed: 2e-3 };

const whole = await readStudy(root, {});

for (const peer of peers) {
  const settings = { device: peer.devices[0]!, compute: peer.computeTypes[0]! };

  test(`${peer.name} is installed, and says what it is`, async () => {
    const { state, what } = await peer.doctor();
    assert.is(state, 'ok', `${peer.name}: ${what}`);
    const found = await peer.find(settings);
    assert.ok('packages' in found && !/\/|\\/.test(Object.values(found.packages).join()), 'versions and no paths');
  });

  if (peer.without?.includes('logits') !== true) {
    for (const model of whole.models) {
      test(`${peer.name} computes ${model.name} as we do: the same in fp32, the same codes, near in every format`, async () => {
        const config = { ...whole, models: [model], judge: model.name, windowsPerText: 1, windowTokens: 128, peers: [{ name: peer.name, ...settings }] };
        const { cells } = study(config, undefined, [], await studyPeers(config));
        const wanted = cells.map(({ id }) => id).filter((id) => id.startsWith('peer-score:'));
        const done = await runCells(cells, wanted);
        assert.equal([...done.failures.entries()].filter(([id]) => id.startsWith('peer-')).map(([id, { sentence }]) => `${id}: ${sentence}`), []);
        for (const id of wanted) {
          const own = done.bytes(id, 'own');
          if (own.length === 0) continue;
          const { kl } = readFidelity(new Uint8Array(own));
          const mean = kl.reduce((sum, value) => sum + value, 0) / kl.length;
          const { format, codes } = done.json<PeerAbout>(id, 'about');
          assert.ok(mean <= (format === 'fp32' ? MOST_KL.whole : MOST_KL.packed), `${id}: mean KL ${mean}`);
          assert.is(codes.equal, codes.compared, `${id}: codes`);
          if (peer.formats.find(({ name }) => name === format)!.sameCodes && settings.compute === 'fp32') assert.ok(codes.compared > 0, `${id}: no codes were compared`);
        }
      });
    }
  }

  test(`${peer.name} goes on as we do, and can be timed`, async () => {
    const folder = join(root, 'data/models/novel-1m');
    const scratch = mkdtempSync(join(tmpdir(), 'bitwidth-peer-'));
    const programs = Object.fromEntries(Object.entries(peer.programs).map(([name, path]) => [name, readFileSync(join(root, path))]));
    const checkpoint = openCheckpoint({ config: readFileSync(join(folder, 'config.json')), weights: readFileSync(join(folder, 'model.safetensors')) });
    const run = await peer.start({ ...settings, threads: 1, scratch, programs, limits: peerLimits(), signal: new AbortController().signal, files: { kind: 'safetensors', path: folder, checkpoint: async () => checkpoint } });
    try {
      const model: PeerModel = await run.load(peer.formats[0]!.name);
      const prompt = Int32Array.from({ length: 12 }, (_, i) => (i * 37 + 5) % 2048);
      if (model.generate !== undefined && peer.formats[0]!.name === 'fp32') assert.equal([...await model.generate(prompt, 16)], await greedy(prompt, 16));
      if (model.time !== undefined) {
        const { prefill, decode } = await model.time({ tokens: Int32Array.from({ length: 80 }, (_, i) => i), promptTokens: 64, warmUpTokens: 2, leastMs: 20 });
        assert.is(prefill.tokens % 64, 0);
        assert.ok(decode.durationMs >= 20 && decode.tokens >= 1 && prefill.durationMs > 0);
        assert.ok(Math.abs(decode.stepsMs.reduce((sum, ms) => sum + ms, 0) - decode.durationMs) < 0.01 * decode.durationMs + 1);
      }
    } finally {
      await run.close();
      rmSync(scratch, { recursive: true, force: true });
    }

    async function greedy(from: Int32Array, count: number): Promise<number[]> {
      const session = openSession({ checkpoint, format: checkpoint.baseFormat, engine: (await openEngine('reference')).instance });
      const written: number[] = [];
      session.reset(1, from.length + count);
      let rows = { slot: new Int32Array(from.length), position: Int32Array.from(from, (_, i) => i), token: from };
      for (let position = from.length; written.length < count; position++) {
        const logits = await session.step(rows, Int32Array.of(rows.token.length - 1));
        const token = logits.reduce((best, value, i) => (value > logits[best]! ? i : best), 0);
        written.push(token);
        rows = { slot: new Int32Array(1), position: Int32Array.of(position), token: Int32Array.of(token) };
        if (token === checkpoint.config['eos_token_id']) break;
      }
      session.dispose();
      return written;
    }
  });
}

test.run();
