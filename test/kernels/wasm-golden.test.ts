import { test } from 'uvu';
import { agreesOnGreedyText, agreesOnPerplexity, goldenSession } from './golden.ts';

for (const [model, texts] of [['novel-1m', ['hound', 'treasure', 'garden']], ['novel-4m', ['treasure']]] as const) {
  test(`wasm ${model}: perplexity and greedy text are the golden ones`, async () => {
    const session = await goldenSession(model, 'wasm');
    for (const text of texts) await agreesOnPerplexity(session, model, text);
    await agreesOnGreedyText(session, model);
    session.dispose();
  });
}

test.run();
