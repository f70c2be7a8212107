import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { generate, generateAll, promptKeyOf } from '../../kernels/index.ts';
import type { GenerateOptions, Prompt, Session } from '../../kernels/index.ts';
import { bundledCheckpoint, bundledJson, sessionOf, someTokens, tinyCheckpoint } from './test-models.ts';

const sampled = { temperature: 0.9, topK: 0, maxNewTokens: 20, seed: 3 };
const prompts: Prompt[] = [5, 31, 1, 12].map((length, i) => {
  const ids = someTokens(length, 128, i);
  return { ids, key: promptKeyOf(ids) };
});

async function texts(session: Session, options: Partial<GenerateOptions> = {}): Promise<string[]> {
  return (await generate(session, { prompts, ...sampled, ...options })).map((ids) => ids.join(' '));
}

test('a batch gives what each prompt gives alone, in any order', async () => {
  const session = sessionOf(tinyCheckpoint('llama'), 'nf4');
  const batch = await texts(session);
  for (const [i, prompt] of prompts.entries()) assert.is((await texts(session, { prompts: [prompt] }))[0], batch[i]);
  assert.equal(await texts(session, { prompts: [...prompts].reverse() }), [...batch].reverse());
  assert.is(new Set(batch).size, 4);
  session.dispose();
});

test('a prompt twice, and many prompts that take more than one step to read', async () => {
  const session = sessionOf(tinyCheckpoint('llama_tied'), 'fp32');
  const long = Array.from({ length: 5 }, (_, i) => ({ ids: someTokens(i === 2 ? 1 : 230, 128, i), key: i }));
  const batch = await texts(session, { prompts: [...long, long[1]!], maxNewTokens: 6 });
  assert.is(batch[5], batch[1]);
  for (const [i, prompt] of long.entries()) assert.is((await texts(session, { prompts: [prompt], maxNewTokens: 6 }))[0], batch[i]);
  session.dispose();
});

test('requests that decode together give what each gives alone', async () => {
  const session = sessionOf(tinyCheckpoint('llama'), 'nf4');
  const requests: GenerateOptions[] = [
    { prompts, ...sampled }, { prompts: prompts.slice(1, 3), ...sampled, temperature: 0, maxNewTokens: 31 }, { prompts, ...sampled, topK: 5, seed: 8 },
    { prompts, ...sampled, maxNewTokens: 0 }, { prompts: [], ...sampled },
  ];
  const together = await generateAll(session, requests);
  for (const [i, request] of requests.entries()) assert.equal(together[i], await generate(session, request));
  assert.equal(together.map((own) => own.map((ids) => ids.length)), [[20, 20, 20, 20], [31, 31], [20, 20, 20, 20], [0, 0, 0, 0], []]);
  session.dispose();
});

test('a prompt that many sequences begin with is read once', async () => {
  const session = sessionOf(tinyCheckpoint('llama'), 'int8');
  let read = 0;
  const counting: Session = { ...session, draw: (rows, ...rest) => { read += rows.token.length; return session.draw(rows, ...rest); } };
  const requests: GenerateOptions[] = [1, 2, 3].map((seed) => ({ prompts, ...sampled, maxNewTokens: 1, seed }));
  const together = await generateAll(counting, requests);
  assert.is(read, 5 + 31 + 1 + 12);
  for (const [i, request] of requests.entries()) assert.equal(together[i], await generate(session, request));
  session.dispose();
});

test('a shorter text is a prefix of a longer one', async () => {
  const session = sessionOf(tinyCheckpoint('llama'), 'fp32');
  const long = await generate(session, { prompts, ...sampled });
  for (const maxNewTokens of [0, 1, 7]) {
    const short = await generate(session, { prompts, ...sampled, maxNewTokens });
    short.forEach((ids, i) => assert.equal(ids, long[i]!.slice(0, maxNewTokens)));
  }
  session.dispose();
});

test('a text ends after its end token, the others go on', async () => {
  const session = sessionOf(tinyCheckpoint('llama'), 'fp32');
  const whole = await generate(session, { prompts, ...sampled });
  const endToken = whole[1]![4]!;
  const ended = await generate(session, { prompts, ...sampled, endTokens: [endToken] });
  ended.forEach((ids, i) => {
    const at = whole[i]!.indexOf(endToken);
    assert.equal(ids, at < 0 ? whole[i]! : whole[i]!.slice(0, at + 1));
  });
  assert.ok(ended[1]!.length <= 5 && ended.some((ids) => ids.length > 5));
  session.dispose();
});

test('seed, temperature and top_k matter; greedy ignores the seed', async () => {
  const session = sessionOf(tinyCheckpoint('llama'), 'fp32');
  const base = await texts(session);
  assert.equal(await texts(session), base);
  for (const change of [{ seed: 4 }, { temperature: 3 }, { topK: 2 }]) assert.not.equal(await texts(session, change), base);
  const greedy = await texts(session, { temperature: 0 });
  assert.equal(await texts(session, { temperature: 0, seed: 9, topK: 5 }), greedy);
  assert.equal(await texts(session, { topK: 1 }), greedy);
  session.dispose();
});

test('mistakes are refused', async () => {
  const session = sessionOf(tinyCheckpoint('llama'), 'fp32');
  const refused = (change: Partial<GenerateOptions>, message: RegExp) => texts(session, change).then(() => assert.unreachable(), (error: Error) => assert.match(error.message, message));
  await refused({ prompts: [{ ids: new Int32Array(), key: 1 }] }, /at least one token/);
  await refused({ maxNewTokens: 1.5 }, /max_new_tokens/);
  await refused({ temperature: -1 }, /temperature/);
  await refused({ maxNewTokens: 300 }, /330 positions; this session allows 1 to 256/);
  await refused({ prompts: [{ ids: Int32Array.of(128), key: 1 }] }, /token 128/);
  assert.equal(await texts(session, { prompts: [] }), []);
  session.dispose();
});

test('novel-1m writes the greedy text of its golden.json', async () => {
  const { prompt_ids: promptIds, ids } = bundledJson('novel-1m/golden.json').golden.greedy;
  const session = sessionOf(bundledCheckpoint('novel-1m'), 'fp16');
  const [text] = await generate(session, { prompts: [{ ids: Int32Array.from(promptIds), key: 0 }], temperature: 0, topK: 0, seed: 0, maxNewTokens: ids.length - promptIds.length });
  assert.equal([...promptIds, ...text!], ids);
  session.dispose();
});

test.run();
