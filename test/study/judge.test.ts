/** Texts rated together, beginnings shared, against each text scored alone from its first token. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openCheckpoint, openEngine, openSession, scoreWindow } from '../../kernels/index.ts';
import type { Session } from '../../kernels/index.ts';
import { expRow, logSumExp } from '../../kernels/statistics/softmax.ts';
import { judgeTexts } from '../../stages/quantization/judge-texts.ts';
import type { PromptedText } from '../../stages/quantization/judge-texts.ts';
import { fixture } from './score-task.ts';

async function openTiny(): Promise<Session> {
  const checkpoint = openCheckpoint({ config: fixture('llama', 'config.json'), weights: fixture('llama', 'model.safetensors') });
  const { instance } = await openEngine('reference');
  return openSession({ checkpoint, format: checkpoint.baseFormat, engine: instance });
}

const text = (promptIds: readonly number[], ids: readonly number[]): PromptedText => ({ promptIds, ids });
const [one, two] = [[5, 9, 2, 7], [11, 3]];
const texts = [
  text(one, [1, 2, 3, 4, 5]), text(two, [1, 2, 3]), text(one, [1, 2, 3]), text(one, []), text(one, [1, 2, 9, 9]), text(one, [1, 2, 3, 4, 5]), text(two, [8]), text(one, [60, 1]),
];

/** -log p of each new token, from one pass over this text alone. */
async function alone(session: Session, { promptIds, ids }: PromptedText): Promise<number[]> {
  if (ids.length === 0) return [];
  const { vocabulary } = session.shape;
  const logits = await scoreWindow(session, Int32Array.from([...promptIds, ...ids]).slice(0, -1));
  return ids.map((id, i) => {
    const row = logits.slice((promptIds.length - 1 + i) * vocabulary, (promptIds.length + i) * vocabulary);
    const max = Math.max(...row);
    return logSumExp(max, expRow(row, 0, vocabulary, max, 1, new Float64Array(vocabulary))) - row[id]!;
  });
}

test('each text is rated as if alone, bit for bit', async () => {
  const session = await openTiny();
  const done: number[] = [];
  const nll = await judgeTexts(session, texts, (count) => done.push(count));
  for (const each of texts) assert.equal(nll.get(each), await alone(session, each), each.ids.join(' '));
  assert.is(done.at(-1), texts.length);
  session.dispose();
});

test('what texts have in common is fed once', async () => {
  const session = await openTiny();
  const fed: string[] = [];
  const counting: Session = { ...session, step: (rows, wanted) => {
    fed.push(...Array.from(rows.token, (token, row) => `${rows.slot[row]}:${rows.position[row]}:${token}`));
    return session.step(rows, wanted);
  } };
  await judgeTexts(counting, [text(one, [1, 2, 3, 4, 5]), text(one, [1, 2, 3, 4, 6]), text(one, [1, 2, 3, 4, 6])], () => undefined);
  // The prompt and four new tokens; then the fourth again, whose logits rate what differs; then nothing.
  assert.is(fed.length, one.length + 4 + 1);
  session.dispose();
});

test('no texts, no steps', async () => {
  const session = await openTiny();
  assert.is((await judgeTexts(session, [], () => assert.unreachable('a step'))).size, 0);
  session.dispose();
});

test.run();
