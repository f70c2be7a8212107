import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { crc32, crc32ByTable } from '../../stages/dag/crc32.ts';

test('the table gives what zlib gives', () => {
  assert.is(crc32ByTable('123456789'), 0xcbf43926); // the check value of every CRC catalogue
  for (const text of ['', 'a', 'naïve — ☃', 'x'.repeat(1000)]) assert.is(crc32ByTable(text), crc32(text));
});

test.run();
