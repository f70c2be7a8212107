import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openTokenizer } from '../../kernels/tokenizer.ts';

interface Golden {
  readonly start: number[];
  readonly tokenizer: { readonly decoder: unknown };
  readonly cases: readonly { readonly text: string; readonly ids: number[]; readonly decoded: string }[];
  readonly broken: readonly { readonly ids: number[]; readonly decoded: string }[];
}

const folder = new URL('../fixtures/tokenizer/kinds/', import.meta.url);
const golden = new Map<string, Golden>(readdirSync(folder).map((name) => [name.replace('.json', ''), JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as Golden]));
const opened = (name: string, config?: unknown) =>
  openTokenizer(Buffer.from(JSON.stringify(golden.get(name)!.tokenizer)), config === undefined ? undefined : Buffer.from(JSON.stringify(config)));

test('eight families are compared', () => assert.is(golden.size, 8));

for (const [name, { cases, broken, start, tokenizer: { decoder } }] of golden) {
  /** Python's decoder takes away the space that encoding puts before a text; ours is about ids anywhere in one. */
  const stripped = (text: string): string => (JSON.stringify(decoder).includes('"Strip"') ? text.replace(/^ /, '') : text);

  test(`${name}: ids, texts and the start are those of Python's tokenizers`, async () => {
    const tokenizer = await opened(name);
    assert.equal([...tokenizer.start], start);
    for (const { text, ids, decoded } of cases) {
      assert.equal([...tokenizer.encode(text)], ids, JSON.stringify(text));
      assert.is(stripped(tokenizer.decode(ids)), decoded, JSON.stringify(text));
    }
  });

  test(`${name}: ids that no text gives decode as Python's do`, async () => {
    const tokenizer = await opened(name);
    assert.is(broken.some(({ decoded }) => decoded.includes('\ufffd')), true, 'some are no UTF-8');
    for (const { ids, decoded } of broken) assert.is(stripped(tokenizer.decode(ids)), decoded, ids.join());
  });

  test(`${name}: pieces join to the text, bytes add up`, async () => {
    const tokenizer = await opened(name);
    for (const { ids } of cases) {
      const text = tokenizer.decode(ids);
      const pieces = tokenizer.pieces(ids);
      assert.is(pieces.length, ids.length);
      assert.is(pieces.join(''), text);
      assert.is(tokenizer.byteLengths(ids).reduce((sum, bytes) => sum + bytes, 0), Buffer.byteLength(text), JSON.stringify(text));
    }
  });
}

test('the configuration decides whether a text has a start, as transformers reads it', async () => {
  assert.equal([...(await opened('llama2', { add_bos_token: false, bos_token: '<s>' })).start], []);
  assert.equal([...(await opened('llama2', { add_bos_token: true, bos_token: { content: '</s>' } })).start], [2]);
  assert.equal([...(await opened('qwen2', { add_bos_token: false, bos_token: null })).start], []);
  assert.equal([...(await opened('smollm2', { bos_token: '<|im_start|>' })).start], [], 'naming one does not add it');
  let refused = '';
  await opened('llama2', { add_bos_token: true, bos_token: '<nothing>' }).catch((error: Error) => { refused = error.message; });
  assert.match(refused, /bos_token "<nothing>" is not in the vocabulary/);
});

test('a byte without a token is refused, not lost', async () => {
  const { tokenizer } = structuredClone(golden.get('smollm2')!) as unknown as { tokenizer: { model: { vocab: Record<string, number> } } };
  const vocab = tokenizer.model.vocab;
  // The last entry takes the place of the byte 0x04.
  const [last] = Object.entries(vocab).sort(([, a], [, b]) => b - a)[0]!;
  vocab[last] = vocab['\u0104']!;
  delete vocab['\u0104'];
  const without = await openTokenizer(Buffer.from(JSON.stringify({ ...tokenizer, model: { ...tokenizer.model, merges: [] } })));
  assert.throws(() => without.encode('a\u0004b'), /the byte 0x04, for which this tokenizer's vocabulary has no token/);
  assert.is(without.decode(without.encode('a b')), 'a b');
});

test.run();
