/** What a page of the report says that all findings come to: of a copy that was not compared whole never that it is consistent. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { summaryOf } from '../../reports/rerun/page/summary.ts';
import type { Finding } from '../../reports/rerun/checks.ts';

const test = suite('report: what all findings of a page come to');

const EQUAL: Finding = { verdict: 'equal', what: 'this' }, WITHIN: Finding = { verdict: 'within', what: 'that' }, DIFFERS: Finding = { verdict: 'differs', what: 'it' };
const note = (what: string): Finding => ({ verdict: 'note', what });

/** Checks that came to their end with these findings; of `cut` none did. */
const said = (ended: { readonly [check: string]: readonly Finding[] }, cut: typeof ended = {}, cell?: string): string =>
  summaryOf(new Map(Object.entries({ ...ended, ...cut }).map(([check, findings]) => [check, { findings, ended: check in ended }])), { cell });

const WHOLE = { files: [EQUAL], aggregates: [EQUAL, WITHIN], compute: [EQUAL, EQUAL] };
const SOURCES = 'consistent; for independence compute it from the sources with "npx bitwidth reproduce".';

test('all of it', () => {
  assert.is(said(WHOLE), `All that was compared agrees: 4 identical, 1 within tolerance. This copy of the report is ${SOURCES}`);
  assert.is(said({ ...WHOLE, files: [EQUAL, note('no signature is published')] }), said(WHOLE), 'who vouches for it is another question');
  assert.is(said({ ...WHOLE, gpu: [EQUAL] }), `All that was compared agrees: 5 identical, 1 within tolerance. This copy of the report is ${SOURCES}`);
  assert.is(said(WHOLE, {}, 'a:b'), `All that was compared agrees: 4 identical, 1 within tolerance. This page and what it rests on are ${SOURCES}`);
});

test('a part of it: what was not compared is named', () => {
  assert.is(said({ files: [EQUAL] }), 'What was compared agrees: 1 identical. Not compared: the aggregates and pages; the computation.');
  assert.is(said({ gpu: [EQUAL] }), 'What was compared agrees: 1 identical. Not compared: the files; the aggregates and pages; the computation.');
  assert.is(said({ files: [EQUAL], aggregates: [EQUAL] }, { compute: [EQUAL] }), 'What was compared agrees: 3 identical. Not compared: part of the computation.', 'it was cancelled');
  assert.is(said({ files: [EQUAL] }, { aggregates: [], compute: [] }), 'What was compared agrees: 1 identical. Not compared: the aggregates and pages; the computation.');
  assert.is(said({ ...WHOLE, compute: [EQUAL, note('a:b could not be computed here')] }), 'What was compared agrees: 3 identical, 1 within tolerance. Not compared: part of the computation (a:b could not be computed here).');
  assert.is(said({ files: [EQUAL], aggregates: [EQUAL] }, { compute: [{ ...note('compute ended after 87 ms'), unfinished: true, detail: 'assets/study.js is damaged or not of this report' }] }),
    'What was compared agrees: 2 identical. Not compared: the computation (assets/study.js is damaged or not of this report).');
  assert.is(said({ files: [EQUAL], aggregates: [EQUAL] }, { compute: [note('the tables were not read'), EQUAL, { ...note('compute ended after 87 ms'), unfinished: true, detail: 'it broke' }] }),
    'What was compared agrees: 3 identical. Not compared: part of the computation (it broke).', 'why it ended comes first');
});

test('a part that cannot be done here has its reason; one that was not asked for has none', () => {
  const done = new Map(['files', 'aggregates'].map((check) => [check, { findings: [EQUAL], ended: true }])), refused = new Map([['compute', { because: 'nothing is quantized' }]]);
  assert.is(summaryOf(done, { cell: 'a:b' }, refused), 'What was compared agrees: 2 identical. Not compared: the computation (nothing is quantized).');
  assert.is(summaryOf(done, { cell: 'a:b' }), 'What was compared agrees: 2 identical. Not compared: the computation.');
});

test('a part that was asked for and could not run', () => {
  const gpu = [note('not run: no adapter')];
  assert.is(said({ ...WHOLE, gpu }), `What was compared agrees: 4 identical, 1 within tolerance. Not compared: the computation on the GPU (not run: no adapter). This copy of the report is ${SOURCES}`);
  assert.is(said({ gpu }), 'Nothing was compared. Not compared: the files; the aggregates and pages; the computation; the computation on the GPU (not run: no adapter).');
});

test('what differs is said first, and whose it is', () => {
  assert.is(said({ files: [EQUAL, DIFFERS] }), '1 of 2 findings differ: this copy of the report does not agree with itself.');
  assert.is(said({ ...WHOLE, gpu: [DIFFERS] }), '1 of 6 findings differ: this computer’s GPU does not compute what WASM computes.');
  assert.is(said({ ...WHOLE, files: [DIFFERS], gpu: [DIFFERS] }), '2 of 6 findings differ: this copy of the report does not agree with itself.');
});

test.run();
