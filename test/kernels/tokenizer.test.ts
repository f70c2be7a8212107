import { readFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openTokenizer } from '../../kernels/tokenizer.ts';

const read = (path: string): Buffer => readFileSync(new URL(`../../${path}`, import.meta.url));
const readJson = (path: string) => JSON.parse(read(path).toString('utf8'));
const open = (model: string) => openTokenizer(read(`data/models/${model}/tokenizer.json`), read(`data/models/${model}/tokenizer_config.json`));

interface PythonCase { readonly text: string; readonly ids: number[]; readonly prefixes: string[] }

test("ids and texts are those of Python's tokenizers, for every prefix too", async () => {
  const golden = readJson('test/fixtures/tokenizer/python.json');
  assert.is(createHash('sha256').update(read('data/models/novel-1m/tokenizer.json')).digest('hex'), golden.tokenizer_sha256);
  const tokenizer = await open('novel-1m');
  assert.is(tokenizer.vocabularySize, golden.vocabulary_size);
  for (const { text, ids, prefixes } of golden.cases as PythonCase[]) {
    assert.equal([...tokenizer.encode(text)], ids, JSON.stringify(text));
    prefixes.forEach((prefix, i) => assert.is(tokenizer.decode(ids.slice(0, i + 1)), prefix, `${JSON.stringify(text)}, ${i + 1} tokens`));
    assert.is(tokenizer.decode(ids), text);
  }
});

for (const model of ['novel-1m', 'novel-4m', 'novel-10m']) {
  test(`${model}: the ids of its golden.json`, async () => {
    const { golden } = readJson(`data/models/${model}/golden.json`);
    const tokenizer = await open(model);
    for (const text of ['hound', 'treasure', 'garden']) {
      const { first_ids: firstIds } = golden[text];
      const ids = tokenizer.encode(read(`data/texts/${text}.txt`).toString('utf8').slice(0, 2000));
      assert.equal([...ids.subarray(0, firstIds.length)], firstIds, text);
    }
    assert.equal([...tokenizer.encode(golden.greedy.prompt)], golden.greedy.prompt_ids);
    assert.is(tokenizer.decode(golden.greedy.ids), golden.greedy.text);
  });
}

test('pieces join to the text; a shared character stands with its last token; bytes add up', async () => {
  const tokenizer = await open('novel-1m');
  const text = 'An emoji \u{1f600} and 你好 <|endoftext|> end';
  const ids = tokenizer.encode(text);
  const pieces = tokenizer.pieces(ids);
  assert.is(pieces.length, ids.length);
  assert.is(pieces.join(''), text);
  assert.is(pieces.filter((piece) => piece.includes('\u{1f600}')).length, 1);
  assert.is(pieces.filter((piece) => piece === '').length > 0, true, 'the tokens before it are empty');
  const bytes = tokenizer.byteLengths(ids);
  assert.is(bytes.reduce((sum, length) => sum + length, 0), Buffer.byteLength(text));
  assert.is(bytes.every((length) => length > 0), true);
});

test('a character cut off by an added token or by the end is replaced where it stood', async () => {
  const tokenizer = await open('novel-1m');
  const [first] = tokenizer.encode('\u{1f600}');
  const [end] = tokenizer.encode('<|endoftext|>');
  assert.equal(tokenizer.pieces([first!, end!, first!]), ['\ufffd', '<|endoftext|>', '\ufffd']);
  assert.is(tokenizer.decode([]), '');
});

test('an id above the vocabulary is a row without a token; what can be no id is refused', async () => {
  const tokenizer = await open('novel-1m');
  assert.is(tokenizer.decode([2048]), '\ufffd');
  for (const id of [-1, 1.5, NaN]) assert.throws(() => tokenizer.decode([id]), /is no id of a token; ids are whole numbers from 0/);
});

/** The vocabulary of single bytes, of the bundled models. */
const singleBytes: Record<string, number> = Object.fromEntries(
  Object.keys(readJson('data/models/novel-1m/tokenizer.json').model.vocab).filter((token) => [...token].length === 1).map((token, id) => [token, id]),
);

const tiny = (changes: Record<string, unknown> = {}, model: Record<string, unknown> = {}): Buffer =>
  Buffer.from(JSON.stringify({
    added_tokens: [], normalizer: null, pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, use_regex: true }, post_processor: null,
    decoder: { type: 'ByteLevel' }, model: { type: 'BPE', vocab: { ...singleBytes, ab: 256 }, merges: [['a', 'b']], ...model }, ...changes,
  }));

test('a small tokenizer works without a config', async () => {
  const tokenizer = await openTokenizer(tiny());
  assert.is(tokenizer.vocabularySize, 257);
  assert.equal([...tokenizer.encode('abba')], [256, singleBytes['b'], singleBytes['a']]);
});

test('files that are wrong or of another kind are refused with a sentence', async () => {
  const added = (id: unknown, content: unknown = '<x>') => ({ added_tokens: [{ id, content, special: true, normalized: false, lstrip: false, rstrip: false, single_word: false }] });
  const hostile: [Buffer, RegExp][] = [
    [Buffer.from('{'), /tokenizer\.json is not JSON/],
    [Buffer.from('[]'), /tokenizer\.json is not a JSON object/],
    [Buffer.from([0x7b, 0xff, 0x7d]), /not UTF-8/],
    [Buffer.from('{"model":{"vocab":{"a":0,"a":1}}}'), /"a" twice/],
    [tiny({ model: { type: 'Unigram' } }), /the model is "Unigram"; supported: byte-level BPE, SentencePiece/],
    [tiny({ decoder: { type: 'Metaspace' } }), /"Metaspace"\}; supported: byte-level BPE/],
    [tiny({ decoder: null }), /the decoder is null; supported/],
    [tiny({ added_tokens: {} }), /added_tokens is not a list/],
    [tiny({}, { vocab: { ab: 0, ba: 1 } }), /has none of the single bytes/],
    [tiny({}, { vocab: { ...singleBytes, ab: 257 } }), /"ab" has the id 257; ids are 0 \.\. 256 without gaps/],
    [tiny({}, { vocab: { ...singleBytes, ab: 0 } }), /given twice/],
    [tiny({}, { vocab: { ...singleBytes, ab: 1e15 } }), /without gaps/],
    [tiny({}, { vocab: { ...singleBytes, ab: -1 } }), /without gaps/],
    [tiny({}, { vocab: { ...singleBytes, '€': 256 } }), /stands for no byte/],
    [tiny(added(700)), /"<x>" has the id 700/],
    [tiny(added(undefined)), /has the id undefined/],
    [tiny(added(257, 5)), /has the id undefined/],
  ];
  for (const [file, message] of hostile) {
    let refused = '';
    await openTokenizer(file).catch((error: Error) => { refused = error.message; });
    assert.match(refused, message, file.toString('utf8').slice(0, 200));
  }
  let refused = '';
  await openTokenizer(tiny(), Buffer.from('7')).catch((error: Error) => { refused = error.message; });
  assert.match(refused, /tokenizer_config\.json is not a JSON object/);
});

test.run();
