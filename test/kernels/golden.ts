/** The bundled models against their golden.json, which transformers made in fp32 (data/models/README). */
import * as assert from 'uvu/assert';
import { readFileSync } from 'node:fs';
import { generate, openEngine, openTokenizer, promptKeyOf, scoreWindow } from '../../kernels/index.ts';
import type { Session } from '../../kernels/index.ts';
import { bundledCheckpoint, bundledJson, sessionOf } from './test-models.ts';

const data = new URL('../../data/', import.meta.url);

/** A session with the model in its own type. */
export async function goldenSession(model: string, engine: string): Promise<Session> {
  return sessionOf(bundledCheckpoint(model), 'fp16', (await openEngine(engine)).instance);
}

/** Perplexity of a text as golden.json took it: consecutive windows, all positions but the first. Within 1e-4, relative. */
export async function agreesOnPerplexity(session: Session, model: string, text: string): Promise<void> {
  const golden = bundledJson(`${model}/golden.json`).golden[text];
  const file = (name: string) => readFileSync(new URL(`models/${model}/${name}`, data));
  const tokenizer = await openTokenizer(file('tokenizer.json'), file('tokenizer_config.json'));
  const ids = tokenizer.encode(readFileSync(new URL(`texts/${text}.txt`, data), 'utf8').slice(0, golden.first_characters));
  assert.equal([...ids.subarray(0, golden.first_ids.length)], golden.first_ids);
  const { vocabulary } = session.shape;
  let sum = 0;
  let scored = 0;
  for (let window = 0; window < golden.windows; window++) {
    const tokens = ids.slice(window * golden.window_tokens, (window + 1) * golden.window_tokens);
    const logits = await scoreWindow(session, tokens);
    for (let t = 0; t + 1 < tokens.length; t++, scored++) sum += nll(logits.subarray(t * vocabulary, (t + 1) * vocabulary), tokens[t + 1]!);
  }
  assert.is(scored, golden.scored_tokens);
  const perplexity = Math.exp(sum / scored);
  const relative = Math.abs(perplexity / golden.perplexity - 1);
  assert.ok(relative <= 1e-4, `${model} ${text}: perplexity ${perplexity}, golden ${golden.perplexity}`);
}

function nll(logits: Float32Array, token: number): number {
  let max = -Infinity;
  for (const logit of logits) if (logit > max) max = logit;
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - max);
  return Math.log(sum) + max - logits[token]!;
}

/** The greedy continuation, token by token. */
export async function agreesOnGreedyText(session: Session, model: string): Promise<void> {
  const { prompt_ids: prompt, ids } = bundledJson(`${model}/golden.json`).golden.greedy as { prompt_ids: number[]; ids: number[] };
  const promptIds = Int32Array.from(prompt);
  const [continuation] = await generate(session, {
    prompts: [{ ids: promptIds, key: promptKeyOf(promptIds) }], temperature: 0, topK: 0, maxNewTokens: ids.length - prompt.length, seed: 1,
  });
  assert.equal([...prompt, ...continuation!], ids);
}
