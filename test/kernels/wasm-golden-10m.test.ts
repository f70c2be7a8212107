import { test } from 'uvu';
import { agreesOnGreedyText, agreesOnPerplexity, goldenSession } from './golden.ts';

test('wasm novel-10m: perplexity and greedy text are the golden ones', async () => {
  const session = await goldenSession('novel-10m', 'wasm');
  await agreesOnPerplexity(session, 'novel-10m', 'garden');
  await agreesOnGreedyText(session, 'novel-10m');
  session.dispose();
});

test.run();
