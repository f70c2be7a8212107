/** Variables that a person sets by hand: what they cannot mean is said, not passed over. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { openEngine } from '../../kernels/engines.ts';
import { threadCount } from '../../kernels/threads.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

test('BITWIDTH_THREADS is a whole number from 1 to 64, or an error that says so, whatever engine is asked for', async () => {
  const before = process.env['BITWIDTH_THREADS'];
  try {
    for (const [said, count] of [['', 1], ['1', 1], ['64', 64]] as const) {
      process.env['BITWIDTH_THREADS'] = said;
      assert.is(threadCount(), count);
    }
    for (const said of ['0', 'abc', '1.5', '100000', '-2', '65', '0x4', ' ']) {
      process.env['BITWIDTH_THREADS'] = said;
      for (const name of ['auto', 'wasm']) await openEngine(name).then(() => assert.unreachable(said), (error: Error) => assert.is(error.message, `BITWIDTH_THREADS is ${JSON.stringify(said)}; it must be a whole number from 1 to 64`));
    }
  } finally {
    if (before === undefined) delete process.env['BITWIDTH_THREADS'];
    else process.env['BITWIDTH_THREADS'] = before;
  }
});

/** A process loads its library once. */
function nativeIn(library: string): string {
  const script = `import { nativeLibrary } from ${JSON.stringify(`${root}kernels/engines/native-library.ts`)}; console.log(nativeLibrary());`;
  return spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], { encoding: 'utf8', cwd: root, env: { ...process.env, BITWIDTH_NATIVE_LIBRARY: library } }).stdout.trim();
}

test('a file that BITWIDTH_NATIVE_LIBRARY names and that is no library of ours is told as why there is none', () => {
  assert.match(nativeIn('/nowhere/native.node'), /^its library cannot be loaded: ENOENT.* \(BITWIDTH_NATIVE_LIBRARY names "\/nowhere\/native\.node"\)$/);
  const text = `${root}package.json`;
  const said = nativeIn(text);
  assert.match(said, /^its library cannot be loaded: /);
  assert.ok(said.endsWith(`(BITWIDTH_NATIVE_LIBRARY names ${JSON.stringify(text)})`), said);
  // A module for Node that is another's.
  const other = `${root}node_modules/@duckdb/node-bindings-${process.platform}-${process.arch}/duckdb.node`;
  assert.is(nativeIn(other), `its library cannot be loaded: it is a module of another program (BITWIDTH_NATIVE_LIBRARY names ${JSON.stringify(other)})`);
});

test.run();
