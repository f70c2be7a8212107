/** kernels/c says the same of a recorded program as kernels/engines/program.ts. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DOT_BLOCK } from '../../kernels/arithmetic.ts';
import { SOURCES } from '../../kernels/native-build.ts';
import { AT, LINE_BYTES, OPCODE, SAMPLE_WORDS, WORDS } from '../../kernels/engines/program.ts';

/** Constants of the enums in a header, by name. */
function constantsOf(header: string): Map<string, number> {
  const text = readFileSync(join(SOURCES, header), 'utf8').replace(/\/\*[\s\S]*?\*\//g, '');
  const found = new Map<string, number>();
  for (const [, body] of text.matchAll(/\benum\b[^{};]*\{([^}]*)\}/g)) {
    for (const [, name, value] of body!.matchAll(/(\w+)\s*=\s*(-?\d+)/g)) found.set(name!, Number(value));
  }
  return found;
}

/** rmsNorm: RMS_NORM; handle2: HANDLE2 */
const upper = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();

test('program.h has the words of program.ts', () => {
  const expected = new Map<string, number>([['BW_WORDS', WORDS], ['BW_LINE_BYTES', LINE_BYTES], ['BW_SAMPLE_WORDS', SAMPLE_WORDS]]);
  for (const [name, value] of Object.entries(OPCODE)) expected.set(`BW_${upper(name)}`, value);
  for (const [name, value] of Object.entries(AT)) expected.set(`BW_AT_${upper(name)}`, value);
  const sorted = (constants: Map<string, number>) => [...constants].sort(([a], [b]) => (a < b ? -1 : 1));
  assert.equal(sorted(constantsOf('program.h')), sorted(expected));
});

test('bitwidth.h has the block of the dot product', () => {
  assert.is(constantsOf('bitwidth.h').get('BW_BLOCK'), DOT_BLOCK);
});

test.run();
