import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { chatText } from '../../kernels/chat.ts';

interface Golden { readonly tokens: Record<string, string>; readonly cases: readonly { readonly name: string; readonly template: string; readonly question: string; readonly text: string }[] }
const golden = JSON.parse(readFileSync(new URL('../fixtures/tokenizer/chat.json', import.meta.url), 'utf8')) as Golden;
const config = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

for (const { name, template, question, text } of golden.cases) {
  test(`${name}: ${JSON.stringify(question.slice(0, 20))} is put as transformers puts it`, async () => {
    assert.is(await chatText(config({ ...golden.tokens, chat_template: template }), question), text);
    assert.is(await chatText(config({ bos_token: { content: '<s>' }, eos_token: '</s>', chat_template: [{ name: 'tool_use', template: 'no' }, { name: 'default', template }] }), question), text);
  });
}

test('a template that counts, counts as Python does', async () => {
  assert.is(await chatText(config({ chat_template: '{% for i in range(3) %}{{ i }}{% endfor %}|{% for i in range(5, 0, -2) %}{{ i }}{% endfor %}' }), 'Hello?'), '012|531');
});

test('a model without a template has no chat text', async () => {
  assert.is(await chatText(config({}), 'Hello?'), undefined);
  assert.is(await chatText(config({ chat_template: null }), 'Hello?'), undefined);
  assert.is(await chatText(config({ chat_template: [{ name: 'rag', template: 'x' }] }), 'Hello?'), undefined);
});

test('what is wrong with a template is told', async () => {
  const refusal = async (template: unknown): Promise<string> => chatText(config({ chat_template: template }), 'Hello?').then(String, (error: Error) => error.message);
  assert.match(await refusal('{% for %}'), /the chat template cannot be used: /);
  assert.match(await refusal("{{ raise_exception('Only tools are answered') }}"), /cannot be used: Only tools are answered/);
  assert.match(await refusal('{% for i in range(1000000000) %}{% endfor %}'), /range\(0, 1000000000, 1\) has too many numbers/);
  assert.match(await refusal(5), /chat_template is not a text/);
  assert.match(await refusal('x'.repeat(100_001)), /has 100001 characters; at most 100000/);
});

test.run();
