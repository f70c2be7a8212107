/** ARTIFACT.md and CITATION.cff. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { artifactText, citationText } from '../../reports/artifact.ts';
import type { CellProvenance } from '../../stages/dag/index.ts';

const claim = (id: string, verdict: string, title = `Claim ${id}`) => ({ claim: id, title, verdict, scope: '2 models', sentence: 'So it is.', would_change: 'More data.', cell: `claims:${id}` });
const done = (cell: string, minutes: number, from: readonly string[] = []): CellProvenance => ({ cell, record: { status: 'done', durationMs: 60_000 * minutes }, inputs: { from: from.map((one) => ({ cell: one })) } } as unknown as CellProvenance);

test('decided claims with their command and minutes; the others are what it does not support', () => {
  const text = artifactText('A study', [claim('a', 'supported'), claim('b', 'not testable here'), claim('c', 'inconclusive'), claim('d', 'contradicted')], [done('claims:a', 1, ['score:x', 'score:y']), done('score:x', 2, ['fetch:m']), done('score:y', 3, ['fetch:m']), done('fetch:m', 0.5)]);
  assert.match(text, /^# A study: artifact\n\n## Kick the tires \(10 minutes at most\)/);
  assert.match(text, /\| a: Claim a \| supported \(2 models\) \| `npx bitwidth reproduce 'claims:a' --first 'claims:a'` \| 6\.5 \| claims\.html#a \|/);
  assert.match(text, /\| d: Claim d \| contradicted .* \|  \| claims\.html#d \|/, 'no result, no minutes');
  const [, open] = text.split('## What this artifact does not support');
  assert.match(open!, /\*\*b\*\*, Claim b: not testable here\. So it is\. What would change that: More data\./);
  assert.match(open!, /\*\*c\*\*/);
  assert.not.match(open!, /\*\*a\*\*|\*\*d\*\*/);
  assert.match(artifactText('A', [claim('a', 'supported')], []), /Every claim that it states is decided above\.\n$/);
});

test('text from outside stays text', () => {
  const text = artifactText('A', [claim('a', 'supported', 'x | y `z` <b>\n# h')], []);
  assert.match(text, /x \\\| y \\`z\\` \\<b\\> \\# h/);
  assert.match(citationText({ name: 'A "b": c\n- d', description: '# x', licence: 'MIT', basedOn: { name: 'p', url: 'https://example.org', author: { family: 'F', given: 'G.' }, year: 2023 } }), /^title: "A \\"b\\": c - d"$/m);
});

test.run();
