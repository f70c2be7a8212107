/** The stages on the smallest bundled model, with the real kernels: what they commit, and what they refuse. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openCheckpoint, openEngine, openSession, openTokenizer, readArtifact, scoreWindow } from '../../kernels/index.ts';
import { readChoices } from '../../stages/quantization/choices-file.ts';
import type { AnsweredItem } from '../../stages/quantization/choose.ts';
import { readStudy } from '../../stages/quantization/config.ts';
import { placed } from '../../stages/quantization/openings.ts';
import type { ModelFiles } from '../../stages/quantization/config-model.ts';
import type { QuantizeReport } from '../../stages/quantization/quantize.ts';
import type { SpeedSamples } from '../../stages/quantization/speed.ts';
import { shuffled } from '../../stages/quantization/speed.ts';
import { study } from '../../stages/quantization/study.ts';
import type { JudgedText, TokenizedText, WrittenText } from '../../stages/quantization/task-values.ts';
import { root, runCells } from './in-process.ts';
import type { Finished } from './in-process.ts';

const quick = await readStudy(root, { quick: true });
const choiceLines = readFileSync(join(root, 'data/choices/cloze.jsonl'), 'utf8').split('\n').slice(0, 9).join('\n');
const fewChoices = { name: 'few', title: 'A few', origin: 'cloze', licence: 'public domain', redistribute: true, file: { path: 'few.jsonl', bytes: choiceLines.length, sha256: createHash('sha256').update(choiceLines).digest('hex') } };
const files = new Map([['few.jsonl', Buffer.from(choiceLines)]]);
const config = {
  ...quick, formats: ['fp32', 'bf16', 'nf4'], maxNewTokens: [4, 8], generate: { temperatures: [0, 0.9], topKs: [0, 3] }, temperatures: [0.7, 0.9], topKs: [0], windowsPerText: 1, choices: [fewChoices], windowTokens: 64,
  // The register knows no abacus: what an engine does that cannot run here.
  speed: { engines: ['auto', 'reference', 'abacus'], blocks: 2, seconds: 0.001, warmUpTokens: 2, promptTokens: 16, seed: 7 },
};
const { cells } = study(config, undefined, [{ number: 'kl_mean.novel-1m.nf4', wrong: 'a test has it', successor: null, date: '2026-01-31' }]);
const ids = (pattern: RegExp): string[] => cells.map(({ id }) => id).filter((id) => pattern.test(id));
const file = (name: string): Buffer => readFileSync(join(root, name));
const golden = JSON.parse(file('data/models/novel-1m/golden.json').toString()) as { golden: { [text: string]: { first_ids: number[] } } };

let done: Finished;
test.before(async () => {
  done = await runCells(cells, ids(/^(tokenize|quantize|judge|speed|speed-other|tabulate):/), { files });
  // What only helps to compare takes nothing with it. Whether there is an engine for the floor depends on what other tests have loaded.
  assert.equal([...done.failures.keys()].filter((id) => !id.startsWith('floor:')), ['speed-other:novel-1m/abacus']);
});

test('fetch commits the bytes of the bundled files, and refuses others', async () => {
  assert.equal(done.bytes('fetch:novel-1m', 'weights'), file('data/models/novel-1m/model.safetensors'));
  const damaged = new Map([['data/models/novel-1m/tokenizer.json', new Uint8Array(file('data/models/novel-1m/tokenizer.json').map((byte, at) => at === 1000 ? byte ^ 1 : byte))]]);
  const { failures } = await runCells(cells, ['tokenize:novel-1m/garden', 'quantize:novel-1m/nf4'], { files: damaged });
  const failure = failures.get('fetch:novel-1m');
  assert.is(failure?.code, 'bad-input');
  assert.match(failure?.sentence ?? '', /the file for tokenizer has the sha256 [0-9a-f]{64}; data\/sources\.yaml says 3a8210aa/);
  assert.is(failures.get('tokenize:novel-1m/garden')?.code, 'upstream-failed');
});

test('a text that is not the promised one is refused, and does not take the others with it', async () => {
  const other = new Map([['data/texts/hound.txt', Buffer.from('Mr. Sherlock Holmes')]]);
  const { failures, json } = await runCells(cells, ids(/^tokenize:/), { files: other });
  assert.match(failures.get('tokenize:novel-1m/hound')?.sentence ?? '', /the text has the sha256/);
  assert.ok(json<TokenizedText>('tokenize:novel-1m/garden', 'tokens').ids.length > 0);
});

test('tokens are those of the published tokenizer, and their bytes are the text', () => {
  for (const { name, file: { path } } of config.texts) {
    const { ids: tokens, bytes } = done.json<TokenizedText>(`tokenize:novel-1m/${name}`, 'tokens');
    const first = golden.golden[name]?.first_ids ?? [];
    assert.is(first.length, 12);
    assert.equal(tokens.slice(0, 12), first);
    assert.is(bytes.length, tokens.length);
    assert.is(bytes.reduce((sum, count) => sum + count, 0), file(path).length);
  }
});

test('the report of quantize counts every weight once, and an alias decodes to its base', () => {
  const report = (format: string): QuantizeReport => done.json(`quantize:novel-1m/${format}`, 'report');
  for (const format of ['fp16', 'fp32', 'bf16', 'nf4']) {
    const { linearWeights, otherWeights, tensors } = report(format);
    assert.is(linearWeights + otherWeights, 1_049_728);
    assert.is(tensors.reduce((sum, { weights }) => sum + weights, 0), linearWeights);
    assert.is(tensors.length, 4 * 7);
    assert.equal([...new Set(tensors.map(({ layer }) => layer))], [0, 1, 2, 3]);
  }
  assert.is(report('fp32').aliasOf, 'fp16');
  assert.is(report('fp32').lossless, true);
  assert.is(report('bf16').lossless, false);
  assert.is(done.bytes('quantize:novel-1m/fp32', 'artifact').length, 0);
  assert.is(report('nf4').linearBytes * 8 / report('nf4').linearWeights, 4.5);
  assert.ok(report('bf16').tensors.every(({ relativeRmsError }) => relativeRmsError > 0 && relativeRmsError < 2 ** -8));
});

test('texts are those of one prompt at a time; greedy is the same whatever top_k; a record names its engine', async () => {
  const texts = (path: string): WrittenText[] => done.json(`generate:novel-1m/${path}`, 'texts');
  assert.equal(ids(/^generate:novel-1m\/nf4/), ['generate:novel-1m/nf4/greedy', 'generate:novel-1m/nf4/T0.9/k0/s1', 'generate:novel-1m/nf4/T0.9/k3/s1']);
  const alone = study({ ...config, prompts: config.prompts.slice(1, 2) }).cells;
  for (const path of ['nf4/greedy', 'nf4/T0.9/k3/s1', 'fp16/T0.9/k0/s1']) {
    const together = texts(path);
    assert.equal(together.map(({ prompt }) => prompt), config.prompts.map(({ name }) => name));
    assert.ok(together.every(({ ids: tokens }) => tokens.length === 8));
    assert.ok(together.every(({ text, pieces }) => pieces.join('') === text));
    const single = await runCells(alone, [`generate:novel-1m/${path}`]);
    assert.equal(single.json(`generate:novel-1m/${path}`, 'texts'), [together[1]]);
  }
  const by = done.computedBy.get('generate:novel-1m/nf4/greedy');
  const { instance } = await openEngine('auto');
  instance.ops.dispose();
  assert.equal(by, { engine: instance.name, build: instance.build });
});

test('cells of a model and format share one task', () => {
  const batch = done.tasks.find((task) => task.includes('generate:novel-1m/nf4/greedy'));
  assert.equal(batch, ids(/^generate:novel-1m\/nf4/));
});

test("the judge's rating is the log-probability of each new token, computed another way", async () => {
  const checkpoint = openCheckpoint({ config: file('data/models/novel-1m/config.json'), weights: file('data/models/novel-1m/model.safetensors') });
  const { instance } = await openEngine('auto');
  const session = openSession({ checkpoint, format: 'fp16', engine: instance });
  try {
    const texts = done.json<WrittenText[]>('generate:novel-1m/nf4/T0.9/k0/s1', 'texts');
    const judged = done.json<JudgedText[]>('judge:novel-1m/nf4/T0.9/k0/s1', 'nll');
    for (const [index, { promptIds, ids: tokens }] of texts.entries()) {
      const logits = await scoreWindow(session, Int32Array.from([...promptIds, ...tokens]));
      for (const [place, token] of tokens.entries()) {
        const row = logits.subarray((promptIds.length + place - 1) * 2048, (promptIds.length + place) * 2048);
        const largest = Math.max(...row);
        const expected = largest + Math.log(row.reduce((sum, z) => sum + Math.exp(z - largest), 0)) - (row[token] as number);
        const actual = judged[index]?.nll[place] ?? NaN;
        assert.ok(Math.abs(actual - expected) < 1e-9, `${actual} ${expected}`);
      }
    }
  } finally {
    session.dispose();
  }
});

test('options are rated by their tokens after the context, computed another way; summaries count what follows', async () => {
  const items = readChoices(Buffer.from(choiceLines), 'few.jsonl');
  const answers = done.json<AnsweredItem[]>('choose:novel-1m/fp16/few', 'answers');
  assert.equal(answers.map(({ id, answer }) => [id, answer]), items.map(({ id, answer }) => [id, answer]));
  const tokenizer = await openTokenizer(file('data/models/novel-1m/tokenizer.json'));
  const { instance } = await openEngine('reference');
  const session = openSession({ checkpoint: openCheckpoint({ config: file('data/models/novel-1m/config.json'), weights: file('data/models/novel-1m/model.safetensors') }), format: 'fp16', engine: instance });
  const { vocabulary } = session.shape;
  for (const [place, { context, options }] of items.slice(0, 2).entries()) {
    const before = tokenizer.encode(context).length;
    for (const [index, option] of options.entries()) {
      const all = tokenizer.encode(`${context} ${option}`);
      const logits = await scoreWindow(session, all);
      let nll = 0;
      for (let at = before; at < all.length; at++) {
        const row = Array.from(logits.subarray((at - 1) * vocabulary, at * vocabulary));
        const most = Math.max(...row);
        nll += most + Math.log(row.reduce((sum, each) => sum + Math.exp(each - most), 0)) - row[all[at]!]!;
      }
      const rated = answers[place]!.options[index]!;
      assert.equal([rated.tokens, rated.bytes], [all.length - before, Buffer.byteLength(option)]);
      assert.ok(Math.abs(rated.nll - nll) < 1e-9, `${rated.nll}, not ${nll}`);
    }
  }
  session.dispose();
  const chosen = (format: string) => done.json<AnsweredItem[]>(`choose:novel-1m/${format}/few`, 'answers')
    .map(({ options, answer }) => ({ place: options.findIndex(({ nll }) => nll === Math.min(...options.map((option) => option.nll))), answer }));
  const rows = done.bytes('tabulate:metrics', 'rows').toString().trim().split('\n').map((line) => JSON.parse(line) as { quantity: string; format: string; text: string; value: number; n: number });
  const metric = (quantity: string, format: string) => rows.find((row) => row.quantity === quantity && row.format === format && row.text === 'few')?.value;
  for (const format of ['fp16', 'nf4']) assert.is(metric('accuracy', format), chosen(format).filter(({ place, answer }) => place === answer).length / 9);
  assert.is(metric('answer_flips', 'nf4'), chosen('nf4').filter(({ place }, i) => place !== chosen('fp16')[i]!.place).length / 9);
  assert.is(metric('answer_flips', 'fp16'), undefined, 'the base changes no answer of its own');
});

test('items that cannot be read or fit fail their cells, with the line', async () => {
  const failed = async (line: string, context?: number): Promise<string> => {
    const bytes = Buffer.from(`${choiceLines}\n${line}\n`);
    const set = { ...fewChoices, file: { path: 'few.jsonl', bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') } };
    const { failures } = await runCells(study({ ...config, choices: [set] }).cells, ['choose:novel-1m/fp16/few'], { files: new Map([['few.jsonl', bytes]]) });
    return failures.get('choose:novel-1m/fp16/few')?.sentence ?? `no failure ${String(context)}`;
  };
  assert.match(await failed('{"context": "a", "options": ["b", "c"], "answer": 2}'), /few\.jsonl:10 answer is 2; it is the place of the right option, 0 to 1/);
  assert.match(await failed(JSON.stringify({ context: 'word '.repeat(3000), options: ['b', 'c'], answer: 0 })), /item 10 has \d+ tokens; the model's context has 512/);
  assert.match(await failed(JSON.stringify({ context: '', options: ['b', 'c'], answer: 0 })), /item 10 has an empty context, and this model has no token that begins a text/);
  const { failures } = await runCells(cells, ['choose:novel-1m/fp16/few'], { files: new Map([['few.jsonl', Buffer.from('{}')]]) });
  assert.match(failures.get('choose:novel-1m/fp16/few')?.sentence ?? '', /few\.jsonl has the sha256 [0-9a-f]{64}; data\/sources\.yaml says/);
});

test('a prompt that leaves the context fails its cells with what to do', async () => {
  const long = { ...config, prompts: [{ name: 'long', from: 'garden', text: 'word '.repeat(600) }] };
  const { failures } = await runCells(study(long).cells, ['generate:novel-1m/nf4/greedy', 'judge:novel-1m/nf4/greedy']);
  assert.match(failures.get('generate:novel-1m/nf4/greedy')?.sentence ?? '', /the prompt long has \d+ tokens; with 8 new ones it leaves the model's context of 512/);
});

test('an opening begins as a text does, a question as the chat template puts it; a model without one gets it as it stands', async () => {
  const [own] = config.models;
  const tokenizerConfig = { path: 'tokenizer_config.json' };
  const question = { name: 'question', text: 'Who knocked?', ask: true } as const;
  const asked = { ...config, models: [{ ...own!, files: { ...own!.files as ModelFiles, tokenizerConfig } }], prompts: [config.prompts[0]!, question] };
  const begin = { add_bos_token: true, bos_token: '<|endoftext|>' };
  const written = async (settings: object): Promise<WrittenText[]> => {
    const { json, failures } = await runCells(study(asked).cells, ['generate:novel-1m/fp16/greedy'], { files: new Map([['tokenizer_config.json', Buffer.from(JSON.stringify(settings))]]) });
    assert.equal([...failures], []);
    return json('generate:novel-1m/fp16/greedy', 'texts');
  };
  const tokenizer = await openTokenizer(file('data/models/novel-1m/tokenizer.json'));
  const texts = async (settings: object) => (await written(settings)).map(({ promptIds }) => tokenizer.decode(promptIds));
  const opening = config.prompts[0]!.text;
  assert.equal(await texts({}), [opening, 'Who knocked?']);
  assert.equal(await texts(begin), [`<|endoftext|>${opening}`, '<|endoftext|>Who knocked?']);
  const template = '{{ bos_token }}Q: {{ messages[0].content }} A:';
  assert.equal(await texts({ ...begin, chat_template: template }), [`<|endoftext|>${opening}`, '<|endoftext|>Q: Who knocked? A:']);
  const broken = await runCells(study(asked).cells, ['generate:novel-1m/fp16/greedy'], { files: new Map([['tokenizer_config.json', Buffer.from('{"chat_template":"{% for %}"}')]]) });
  assert.match(broken.failures.get('generate:novel-1m/fp16/greedy')?.sentence ?? '', /the question cannot be put: tokenizer_config\.json: the chat template cannot be used/);
});

test('an artifact is the whole of a format: a session opens from it', async () => {
  const artifact = readArtifact(done.bytes('quantize:novel-1m/nf4', 'artifact'));
  assert.is(artifact.size, 28);
});

test('speed times every format once a block, the base twice, in an order of its own', () => {
  const { samples, memory, conditions, machine, threads, promptTokens } = done.json<SpeedSamples>('speed:novel-1m/auto', 'samples');
  for (const block of [0, 1]) {
    for (const phase of ['prefill', 'decode']) {
      const own = samples.filter((sample) => sample.block === block && sample.phase === phase);
      assert.equal(own.map(({ format, pair }) => `${format} ${pair}`).sort(), ['bf16 A', 'fp16 A', 'fp16 A2', 'nf4 A']);
      assert.equal(own.map(({ place }) => place), [0, 1, 2, 3]);
      for (const { tokens, durationMs, stepsMs } of own) {
        assert.ok(durationMs >= (phase === 'decode' ? 1 : 0));
        assert.is(tokens, stepsMs.length * (phase === 'decode' ? 1 : 16));
        assert.ok(Math.abs(stepsMs.reduce((sum, ms) => sum + ms, 0) - durationMs) < 0.001 * stepsMs.length);
      }
    }
  }
  assert.is(conditions.length, 2);
  assert.ok(conditions.every(({ wallMs, cpuMs }) => wallMs > 0 && cpuMs > 0));
  assert.equal([threads, promptTokens], [1, 16]);
  assert.ok((memory['nf4']?.kvCache ?? 0) > 0);
  assert.equal(Object.keys(machine).sort(), ['cores', 'cpu', 'memoryBytes', 'node', 'os']);
  for (const block of [0, 1, 2]) assert.equal([...shuffled(9, 7, block)].sort((a, b) => a - b), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
  assert.is.not(shuffled(9, 7, 0).join(), shuffled(9, 7, 1).join());
  assert.equal(shuffled(9, 7, 1), shuffled(9, 7, 1));
});

test('every engine is timed by itself; one that cannot run leaves a reason, and takes nothing with it', () => {
  const { code, sentence } = done.failures.get('speed-other:novel-1m/abacus')!;
  assert.is(code, 'not-available');
  assert.match(sentence, /^unknown engine "abacus"/);
  assert.is(done.json<SpeedSamples>('speed-other:novel-1m/reference', 'samples').engine.name, 'reference');
  const own = done.computedBy.get('speed:novel-1m/auto')!['engine'];
  const rows = (table: string): { [column: string]: unknown }[] => done.bytes(`tabulate:${table}`, 'rows').toString().trim().split('\n').map((line) => JSON.parse(line) as { [column: string]: unknown });
  assert.equal(rows('speed_runs').map((row) => [row['engine'], row['own'], row['threads'], row['prompt_tokens'], row['blocks']]), [[own, true, 1, 16, 2], ['reference', false, 1, 16, 2]]);
  const held = rows('metrics').filter(({ quantity, format }) => quantity === 'held_bytes' && format === 'nf4');
  assert.equal(held.map(({ engine }) => engine), [own, 'reference']);
  assert.equal([...new Set(rows('metrics').filter(({ exact }) => exact === true).map(({ engine }) => engine))], [null]);
});

test('rows have the columns of data/schema.sql, in its order, and name the cell that computed them', () => {
  const schema = file('data/schema.sql').toString();
  const known = new Set(cells.map(({ id }) => id));
  for (const [, table, body] of schema.matchAll(/^CREATE TABLE (\w+) \(([\s\S]*?)^\);/gm)) {
    const columns = [...(body ?? '').replace(/--.*$/gm, '').matchAll(/(?:^|,)\s*"?(\w+)"? (VARCHAR|BIGINT|INTEGER|DOUBLE|BOOLEAN)(\[\])?( PRIMARY KEY| NOT NULL)?/gm)];
    // Those of peers have a stage of their own; test/study/peers looks at their rows.
    if (table!.startsWith('peer')) continue;
    const rows = done.bytes(`tabulate:${table}`, 'rows').toString().split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as { [column: string]: unknown });
    assert.ok(rows.length > 0 || ['claims', 'claim_effects', 'kernel_rates', 'claimed', 'floor_windows', 'machine_caches'].includes(table!), `${table} has rows`);
    for (const row of rows) {
      assert.equal(Object.keys(row), columns.map(([, name]) => name), table);
      assert.ok(known.has(String(row['cell'])), `${table}: ${String(row['cell'])}`);
      for (const [, name, type, list, constraint] of columns) {
        const value = row[name as string];
        if (value === null) assert.ok(constraint === undefined, `${table}.${name} is null`);
        else if (list !== undefined) assert.ok(Array.isArray(value), `${table}.${name}`);
        else assert.type(value, type === 'VARCHAR' ? 'string' : type === 'BOOLEAN' ? 'boolean' : 'number', `${table}.${name}`);
        if (type === 'BIGINT' || type === 'INTEGER') assert.ok(value === null || Number.isSafeInteger(value), `${table}.${name} ${String(value)}`);
      }
    }
  }
});

test('of a text that may not be passed on no table holds its tokens, their ids or its openings', async () => {
  const [garden, ...others] = config.texts;
  const texts = [{ ...garden!, redistribute: false }, ...others];
  const kept = study({ ...config, texts, prompts: placed(config.prompts, texts, root) });
  const opening = config.prompts.find(({ from }) => from === garden!.name)!.text;
  for (const { id, params } of kept.cells) assert.not.ok(JSON.stringify(params).includes(opening.split(' ').slice(0, 4).join(' ')), id);
  const { bytes, failures } = await runCells(kept.cells, kept.cells.map(({ id }) => id).filter((id) => /^tabulate:(token_scores|worst_tokens|generations|sources|windows)$/.test(id)), { files });
  assert.equal([...failures.keys()], []);
  const rows = (table: string) => bytes(`tabulate:${table}`, 'rows').toString().trim().split('\n').map((line) => JSON.parse(line) as { [column: string]: unknown });
  for (const table of ['token_scores', 'worst_tokens']) assert.equal([...new Set(rows(table).map(({ text }) => text))].sort(), ['hound', 'treasure'], table);
  assert.ok(rows('windows').some(({ text }) => text === garden!.name), 'sums tell nothing of the text');
  for (const { prompt, prompt_text: opening } of rows('generations')) assert.is(opening === '', config.prompts.find(({ name }) => name === prompt)!.from === garden!.name, String(prompt));
  const written = ({ cells: all }: typeof kept) => all.find(({ stage }) => stage.name === 'generate')!.id;
  assert.is(bytes(written(kept), 'texts').toString(), (await runCells(study(config).cells, [written(study(config))], { files })).bytes(written(study(config)), 'texts').toString(), 'the same texts');
  assert.throws(() => placed([{ name: 'x', from: garden!.name, text: 'not in it' }], texts, root), /prompt x does not stand in data\/texts\/garden\.txt word for word/);
  assert.equal(rows('sources').filter(({ redistribute }) => redistribute !== true).map(({ path }) => path), ['data/texts/garden.txt']);
});

test('tables survive what failed, and say less', async () => {
  const other = new Map([['data/texts/hound.txt', Buffer.from('too short')]]);
  const { bytes, failures } = await runCells(cells, ['tabulate:windows', 'tabulate:sources'], { files: other });
  assert.is(failures.get('tokenize:novel-1m/hound')?.code, 'bad-input');
  const texts = bytes('tabulate:windows', 'rows').toString().trim().split('\n').map((line) => (JSON.parse(line) as { text: string }).text);
  assert.equal([...new Set(texts)].sort(), ['garden', 'treasure']);
});

test.run();
