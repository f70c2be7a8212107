/** The conformance suites of the GPU engines once more, on an adapter that is not SwiftShader: what holds on one compiler may not on the next. */
import { rmSync } from 'node:fs';
import { test } from 'uvu';
import { webgpu } from '../../kernels/engines/webgpu.ts';
import { lavapipe } from '../gpu/lavapipe.ts';
import { passesOn } from '../gpu/on-lavapipe.ts';
import { notRun } from '../not-run.ts';

const found = lavapipe();
const lacks = await webgpu.unavailable();
if (typeof found === 'string') notRun('GPU engines on a second adapter', found);
else if (lacks !== undefined && /the package webgpu/.test(lacks)) notRun('GPU engines on a second adapter', lacks);
else {
  test.after(() => rmSync(found.folder, { recursive: true }));
  for (const file of ['conformance/webgpu.test.ts', 'conformance/webgpu-fast.test.ts']) {
    test(`${file} on lavapipe`, () => passesOn(found.env, file));
  }
}
test.run();
