/** transformers with bitsandbytes itself, as `peers install` made it or as BITWIDTH_PEER_PYTHON names it. Without it: said to be not run. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openCheckpoint, openEngine, openSession } from '../../kernels/index.ts';
import type { Checkpoint } from '../../kernels/index.ts';
import { readStudy } from '../../stages/quantization/config.ts';
import { peerLimits } from '../../stages/quantization/peer-host.ts';
import type { PeerAbout } from '../../stages/quantization/peer-score.ts';
import { transformers as peer } from '../../stages/quantization/peers/transformers.ts';
import { readFidelity } from '../../stages/quantization/score-output.ts';
import { studyPeers } from '../../stages/quantization/study-peers.ts';
import { study } from '../../stages/quantization/study.ts';
import { notRun } from '../not-run.ts';
import { root, runCells } from '../study/in-process.ts';

/** Two right programs in fp32 part by sums in another order; in a packed or 16-bit format by 16-bit products as well, and by int8's other choice of outliers. */
const MOST_KL = { whole: 1e-5, others: 2e-3 };
const SETTINGS = { device: 'cpu', compute: 'fp32' };

const there = await peer.find(SETTINGS);
const whole = await readStudy(root, {});
/** A test of the real thing, or the word that it was not run. */
const real = (name: string, work: () => Promise<void>): void => {
  test(name, 'missing' in there ? () => notRun(name, `${there.missing}; ${there.hint}`) : work);
};

real('transformers says what it is, in versions and no paths', async () => {
  const { state, what } = await peer.doctor();
  assert.is(state, 'ok', what);
  assert.match(what, /^transformers \d[\w.+]*, torch \d[\w.+]*, bitsandbytes \d[\w.+]*, python 3\.\d+\.\d+; cpu: /);
  assert.ok('packages' in there && !/[/\\]/.test(Object.values(there.packages).join()));
});

for (const model of whole.models) {
  real(`transformers computes ${model.name} as we do: the same in fp32, the same codes, near in every format`, async () => {
    const config = { ...whole, models: [model], judge: model.name, windowsPerText: 1, windowTokens: 128, peers: [{ name: peer.name, ...SETTINGS }] };
    const { cells } = study(config, undefined, [], await studyPeers(config));
    const wanted = cells.map(({ id }) => id).filter((id) => id.startsWith('peer-score:'));
    assert.is(wanted.length, 8 * config.texts.length);
    const done = await runCells(cells, wanted);
    assert.equal([...done.failures.entries()].filter(([id]) => id.startsWith('peer-')).map(([id, { sentence }]) => `${id}: ${sentence}`), []);
    for (const id of wanted) {
      const { kl } = readFidelity(new Uint8Array(done.bytes(id, 'own')));
      const mean = kl.reduce((sum, value) => sum + value, 0) / kl.length;
      const { format, codes } = done.json<PeerAbout>(id, 'about');
      assert.ok(mean <= (format === 'fp32' ? MOST_KL.whole : MOST_KL.others), `${id}: mean KL ${mean}`);
      assert.is(codes.equal, codes.compared, `${id}: codes`);
      assert.is(codes.compared > 0, peer.formats.find(({ name }) => name === format)!.sameCodes, `${id}: ${codes.compared} layers compared`);
    }
  });
}

real('transformers goes on as we do, and is timed by its own clock', async () => {
  const folder = join(root, 'data/models/novel-1m');
  const scratch = mkdtempSync(join(tmpdir(), 'bitwidth-peer-'));
  const programs = Object.fromEntries(Object.entries(peer.programs).map(([name, path]) => [name, readFileSync(join(root, path))]));
  const checkpoint = openCheckpoint({ config: readFileSync(join(folder, 'config.json')), weights: readFileSync(join(folder, 'model.safetensors')) });
  const run = await peer.start({ ...SETTINGS, threads: 1, scratch, programs, limits: peerLimits(), signal: new AbortController().signal, files: { kind: 'safetensors', path: folder, checkpoint: async () => checkpoint } });
  try {
    const model = await run.load('fp32');
    const prompt = Int32Array.from({ length: 12 }, (_, i) => (i * 37 + 5) % 2048);
    const ours = await greedy(checkpoint, prompt, 16);
    assert.equal([...await model.generate!(prompt, 16)], ours);
    const drawn = async (topK: number, seed: number): Promise<number[]> => [...await model.generate!(prompt, 16, { temperature: 1, topK, seed })];
    assert.equal(await drawn(0, 7), await drawn(0, 7), 'a seed gives its text again');
    assert.not.equal(await drawn(0, 7), await drawn(0, 8), 'another gives another');
    assert.equal(await drawn(1, 7), ours, 'top_k 1 leaves the likeliest');
    const { prefill, decode } = await model.time!({ tokens: Int32Array.from({ length: 80 }, (_, i) => i), promptTokens: 64, warmUpTokens: 2, leastMs: 20 });
    assert.is(prefill.tokens % 64, 0);
    assert.ok(decode.durationMs >= 20 && prefill.durationMs > 0);
    assert.is(decode.stepsMs.length, decode.tokens);
    assert.ok(await run.cpuMs!() > 0);
  } finally {
    await run.close();
    rmSync(scratch, { recursive: true, force: true });
  }
});

/** Our own continuation; ends where the model ends its text, as generate() does. */
async function greedy(checkpoint: Checkpoint, prompt: Int32Array, count: number): Promise<number[]> {
  const session = openSession({ checkpoint, format: checkpoint.baseFormat, engine: (await openEngine('reference')).instance });
  const written: number[] = [];
  session.reset(1, prompt.length + count);
  let rows = { slot: new Int32Array(prompt.length), position: Int32Array.from(prompt, (_, i) => i), token: prompt };
  for (let position = prompt.length; written.length < count; position++) {
    const logits = await session.step(rows, Int32Array.of(rows.token.length - 1));
    const token = logits.reduce((best, value, i) => (value > logits[best]! ? i : best), 0);
    written.push(token);
    if (token === checkpoint.config['eos_token_id']) break;
    rows = { slot: new Int32Array(1), position: Int32Array.of(position), token: Int32Array.of(token) };
  }
  session.dispose();
  return written;
}

test.run();
