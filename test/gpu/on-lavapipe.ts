/** A suite in a process of its own that finds lavapipe. */
import { fileURLToPath } from 'node:url';
import { execaNode } from 'execa';
import * as assert from 'uvu/assert';

/** Asserts that a suite passes there. `env`: of lavapipe(). `file`: from the folder test. */
export async function passesOn(env: { readonly [name: string]: string }, file: string): Promise<void> {
  const { all, exitCode } = await execaNode(fileURLToPath(new URL('../run.ts', import.meta.url)), [file], { nodeOptions: ['--import', 'tsx'], env: { ...env, BITWIDTH_TEST_JOBS: '1', BITWIDTH_REQUIRE_ALL: '1' }, reject: false, all: true });
  assert.is(exitCode, 0, all);
  assert.match(all, /\n[1-9]\d* passed, 0 failed/);
}
