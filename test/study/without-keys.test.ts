/** Which commands need not know what is here of peers and GPUs. All that there are stand here, so that a new one is thought of. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { asksForNoKeys } from '../../stages/quantization/study-peers.ts';
import { root } from './in-process.ts';

const WITHOUT = ['check-site', 'doctor', 'fetch', 'graph', 'import', 'logs', 'open', 'peers', 'prepare', 'render', 'runs'];
/** They tell, compute or keep what counts now. */
const WITH = ['accept', 'attest', 'audit', 'cache', 'crosscheck', 'diff', 'gc', 'ledger', 'pack', 'plan', 'publish', 'query', 'run', 'serve', 'status', 'why'];
/** One way of theirs is without, another with. */
const SOME = [['check', [], ['paper.tex']], ['keep', ['last'], []], ['reproduce', ['x.zip'], ['score:*']]] as const;

test('every command is known to need keys or not', () => {
  const { stdout } = spawnSync(process.execPath, [join(root, 'bin/bitwidth.mjs'), 'help'], { cwd: root, encoding: 'utf8' });
  const commands = [...stdout.matchAll(/^ {2}([a-z-]+) +[A-Z]/gm)].map(([, name]) => name!).filter((name) => name !== 'help');
  assert.equal(commands.sort(), [...WITHOUT, ...WITH, ...SOME.map(([name]) => name)].sort());
});

test('those that need none are not refused over a GPU, and wait for no driver', () => {
  const without = (command: string, positionals: readonly string[] = [], values = {}) => asksForNoKeys({ command, positionals, values, say: () => undefined });
  assert.equal(WITHOUT.filter((command) => !without(command)), []);
  assert.equal(WITH.filter((command) => without(command, ['x.zip'])), []);
  for (const [command, free, keyed] of SOME) assert.equal([without(command, free), without(command, keyed)], [true, false], command);
  assert.ok(without('keep', [], { drop: 'name' }));
  assert.not(asksForNoKeys(undefined));
});

test.run();
