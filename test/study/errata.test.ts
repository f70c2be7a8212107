/** data/errata.yaml. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ERRATA_FILE, readErrata } from '../../stages/quantization/errata.ts';
import { inFolder } from './in-folder.ts';
import { root } from './in-process.ts';

const read = (text: string): Promise<unknown> => inFolder(ERRATA_FILE, text, readErrata);

test("the project's own list can be read", async () => {
  assert.ok(Array.isArray(await readErrata(root)));
});

test('an entry names the number, what was wrong, when that was found, and what stands in its place', async () => {
  assert.equal(await read('[]\n'), []);
  assert.equal(await read('- { number: kl_mean.m.nf4, wrong: a window twice, successor: kl_mean.m.nf4, date: "2026-01-31" }\n- { number: nll.m.fp4, wrong: withdrawn, date: "2026-02-01" }\n'), [
    { number: 'kl_mean.m.nf4', wrong: 'a window twice', successor: 'kl_mean.m.nf4', date: '2026-01-31' }, { number: 'nll.m.fp4', wrong: 'withdrawn', successor: null, date: '2026-02-01' },
  ]);
});

test('mistakes are told with their place', async () => {
  assert.equal(await read('- { number: "../a", wrong: b, date: "2026-02-03" }\n'), ['data/errata.yaml:1:13 number "../a" is no number\'s id; an id is letters, digits and . _ + = - only, as in kl_mean.novel-4m.nf4']);
  assert.equal(await read('- { number: a, wrong: b, date: "2026-02-30" }\n'), ['data/errata.yaml:1:32 date "2026-02-30" is no day; write YYYY-MM-DD']);
  assert.equal(await read('- { number: a, why: b, date: "2026-02-03" }\n'), [
    'data/errata.yaml:1:3 an erratum lacks the key "wrong"; add it', 'data/errata.yaml:1:16 unknown key "why" in an erratum; keys are number, wrong, successor, date',
  ]);
  assert.equal(await read('- { number: a, wrong: b, date: "2026-02-03" }\n- { number: a, wrong: c, date: "2026-02-03" }\n'), ['data/errata.yaml:2:3 "a of 2026-02-03" stands in the list of errata a second time; keep one']);
});

test.run();
