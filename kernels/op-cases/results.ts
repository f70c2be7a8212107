/** What leaves a program: rows that are taken and read, tokens that are drawn, values that are refused. */
import type { Ops } from '../ops.ts';
import { input, joined, table, testValues } from './case.ts';
import type { OpCase } from './case.ts';

export function takeCase(): OpCase {
  return {
    name: 'take',
    async run(ops) {
      const x = input(ops, 7, 13, testValues(60, 91));
      const some = ops.take(x, Int32Array.of(0, 3, 6));
      const none = ops.linear(ops.rmsNorm(ops.take(x, new Int32Array()), ops.vector(testValues(61, 13)), 1e-5), table(ops, 'fp32', 3, 13, testValues(62, 39)));
      return joined([await ops.read(some, 'take'), await ops.read(none, 'take')]);
    },
  };
}

/** Read into a place that does not begin where its memory does. */
export function takeTwiceCase(): OpCase {
  return {
    name: 'take a row twice',
    run: (ops) => ops.read(ops.take(input(ops, 7, 13, testValues(63, 91)), Int32Array.of(0, 3, 3, 6)), 'take', new Float32Array(4 * 13 + 1).subarray(1)),
  };
}

/** Greedy, all candidates and few, with ties, zeros of both signs and more rows than threads. */
export function sampleCase(): OpCase {
  return {
    name: 'sample',
    async run(ops) {
      const [rows, vocabulary] = [12, 201];
      const values = testValues(80, rows * vocabulary).map((value, i) => (i % 3 === 0 ? Math.round(value * 4) / 4 : value));
      values.fill(0, 3 * vocabulary, 4 * vocabulary);
      const logits = input(ops, rows, vocabulary, values);
      const tokens = await ops.sample(logits, {
        temperature: Float32Array.from({ length: rows }, (_, row) => [0, 0.7, 1, 1.3, 0.1, 2][row % 6]!),
        topK: Int32Array.from({ length: rows }, (_, row) => [0, 0, 1, 40, 7, vocabulary][row % 6]!),
        promptKey: Int32Array.from({ length: rows }, (_, row) => Math.imul(row + 1, 0x9e3779b1)),
        seed: Int32Array.from({ length: rows }, (_, row) => row >> 1),
        position: Int32Array.from({ length: rows }, (_, row) => 3 * row),
      }, 'sample');
      return Float32Array.from(tokens);
    },
  };
}

/** More tokens than a GPU's workgroup has threads, and equal ones. */
export function tiesCase(): OpCase {
  const vocabulary = 700;
  const ones = (...tokens: number[]): Float32Array => Float32Array.from({ length: vocabulary }, (_, token) => (tokens.includes(token) ? 1 : 0));
  const from = (first: number, count: number): number[] => Array.from({ length: count }, (_, i) => first + i);
  // Logits, temperature and top_k.
  const plain: Row[] = [[testValues(414, vocabulary), 0.7, 0], [testValues(415, vocabulary), 1, 40]];
  // Of equal ones the lowest id, 100: of 256 threads one before its own has 300, and its own has 356 too.
  const greedy: Row = [ones(100, 150, 300, 356), 0, 0];
  // top_k parts tokens of one logit, before and behind the first 256 and 512. It is so hot that a token that is wrongly no candidate, or wrongly one, changes some row.
  const cut = Array.from({ length: 5 }, (): Row[] => [[ones(), 50, 2], [ones(...from(260, 40)), 50, 42], [ones(...from(520, 180)), 50, 100]]).flat();
  const rows = [...plain, greedy, ...cut];
  return {
    name: `sample of ${vocabulary} with ties`,
    async run(ops) {
      const logits = input(ops, rows.length, vocabulary, joined(rows.map(([values]) => values)));
      const draws = {
        temperature: Float32Array.from(rows, ([, temperature]) => temperature), topK: Int32Array.from(rows, ([, , topK]) => topK),
        promptKey: Int32Array.from(rows.keys(), (row) => row + 1), seed: Int32Array.from(rows.keys()), position: Int32Array.from(rows.keys(), (row) => 3 * row),
      };
      return Float32Array.from(await ops.sample(logits, draws, 'sample'));
    },
  };
}

type Row = readonly [logits: Float32Array, temperature: number, topK: number];

/** read() must notice an infinity and a NaN anywhere, and int8 an activation beyond fp16: 1 where it does. */
export function notFiniteCases(): OpCase[] {
  const large = 3e38;
  const refused = (compute: () => Promise<unknown>) => compute().then(() => 0, (error: unknown) => (error instanceof Error && error.name === 'NotFinite' ? 1 : 0));
  const cases = [0, 36, 38].map((at) => ({
    name: `read refuses what is not finite at ${at}`,
    async run(ops: Ops) {
      const values = testValues(70, 39);
      values[at] = large;
      const x = input(ops, 3, 13, values);
      const infinite = ops.add(x, x);
      const invalid = ops.siluMul(ops.linear(x, table(ops, 'fp32', 13, 13, new Float32Array(169).fill(-large))), infinite);
      const answers = [];
      for (const activation of [x, infinite, invalid]) answers.push(await refused(() => ops.read(activation, 'test')));
      const draws = { temperature: new Float32Array(3).fill(1), topK: new Int32Array(3), promptKey: new Int32Array(3), seed: new Int32Array(3), position: new Int32Array(3) };
      answers.push(await refused(() => ops.sample(infinite, draws, 'test')));
      return Float32Array.from(answers);
    },
  }));
  return [...cases, {
    name: 'int8 refuses activations beyond fp16',
    async run(ops: Ops) {
      const answers = [];
      for (const largest of [65504, 65519, 65520, 1e9]) {
        const values = testValues(71, 39);
        values[20] = -largest;
        const x = input(ops, 3, 13, values);
        const w = table(ops, 'int8', 4, 13, testValues(72, 52, 0.1));
        answers.push(await refused(async () => ops.read(ops.linear(x, w), 'test')));
      }
      return Float32Array.from(answers);
    },
  }];
}
