/** `peers`: what is listed, what is refused. That it installs is seen by hand: it takes gigabytes. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { existsSync, readFileSync } from 'node:fs';
import { isConfigurationError } from '../../../stages/dag/index.ts';
import type { CommandContext } from '../../../stages/dag/index.ts';
import { peers } from '../../../stages/quantization/peers.ts';
import peersCommand from '../../../stages/quantization/peers-command.ts';
import { environmentFolder, REQUIREMENTS } from '../../../stages/quantization/peers/transformers/python.ts';
import { withPython } from './fake-python.ts';

async function said(mode: string | undefined, ...positionals: string[]): Promise<string> {
  const lines: string[] = [];
  await withPython(mode, () => peersCommand.run({ positionals, values: {}, print: (line: string) => { lines.push(line); }, terminal: false } as unknown as CommandContext));
  return lines.join('\n');
}

test('every peer is listed, with what of it is here, and what to do where it is not', async () => {
  const missing = await said(undefined);
  for (const { name, title } of peers) assert.ok(missing.includes(`${name}: ${title}\n`), name);
  assert.match(missing, /transformers with bitsandbytes is not installed; npx bitwidth peers install transformers/);
  assert.match(await said('good'), /here +python 3\.11\.2, transformers 5\.0\.0, torch 2\.9\.0, bitsandbytes 0\.50\.2/);
});

test('what is no such command or peer is told what there is', async () => {
  for (const [positionals, answer] of [[['instal'], /there is no "instal"/], [['install'], /name a peer; peers are transformers/], [['install', 'torch'], /there is no peer "torch"; peers are transformers/]] as const) {
    try {
      await said(undefined, ...positionals);
      assert.unreachable();
    } catch (error) {
      assert.ok(isConfigurationError(error), String(error));
      assert.match(error.message, answer);
    }
  }
});

test('what is installed is pinned, hashed, and of no registry that is named; another list has another environment', () => {
  const lines = readFileSync(REQUIREMENTS, 'utf8').split('\n').filter((line) => line !== '' && !/^\s*#/.test(line));
  const packages = lines.filter((line) => !line.startsWith(' '));
  assert.ok(packages.length > 30 && existsSync(REQUIREMENTS));
  for (const line of packages) assert.match(line, /^[\w.-]+==[\w.+]+( ; .*)? \\$/);
  for (const line of lines.filter((one) => one.startsWith(' '))) assert.match(line, /^ {4}--hash=sha256:[0-9a-f]{64}( \\)?$/);
  assert.match(environmentFolder({ XDG_CACHE_HOME: '/cache' }, '/nobody'), /^\/cache\/bitwidth\/peers\/transformers-[0-9a-f]{12}$/);
});

test.run();
