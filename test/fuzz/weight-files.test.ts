/** A second or two' worth of damaged files; `npm run test:fuzz` tries as many as there is time for. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { tryCase } from './weight-files.ts';

test('damaged weight files are refused with a sentence or read within their bounds', () => {
  const tally = { cases: 0, refused: 0, accepted: 0 };
  const wrong: string[] = [];
  for (let seed = 1; seed <= 800; seed++) {
    const found = tryCase(seed, tally);
    if (found !== undefined) wrong.push(found);
  }
  assert.equal(wrong.slice(0, 3), []);
  assert.ok(tally.refused > 400 && tally.accepted > 20, `the damage is worth trying: ${JSON.stringify(tally)}`);
});

test.run();
