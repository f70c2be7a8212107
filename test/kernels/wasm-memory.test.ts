import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LinearMemory } from '../../kernels/engines/wasm-memory.ts';
import { bundledKernels, instantiate } from '../../kernels/engines/wasm-kernels.ts';

const compiled = await bundledKernels(false);
const fresh = (): LinearMemory => new LinearMemory(instantiate(compiled).memory, 65536);

test('blocks are lines, never overlap, and are handed out again when given back', () => {
  const memory = fresh();
  const sizes = [1, 64, 65, 1000, 70_000, 128];
  const blocks = sizes.map((bytes) => ({ at: memory.take(bytes), bytes }));
  assert.is(blocks[0]!.at, 65536);
  blocks.forEach(({ at, bytes }, index) => {
    assert.is(at % 64, 0);
    if (index > 0) assert.is(at, blocks[index - 1]!.at + LinearMemory.sizeOf(blocks[index - 1]!.bytes));
    memory.bytes(at, bytes).fill(index + 1);
  });
  blocks.forEach(({ at, bytes }, index) => assert.ok(memory.bytes(at, bytes).every((byte) => byte === index + 1)));

  // Neighbours join, whatever the order in which they come back: 64 + 128 + 1024 bytes are one place.
  for (const index of [3, 1, 2]) memory.give(blocks[index]!.at, blocks[index]!.bytes);
  const joined = LinearMemory.sizeOf(64) + LinearMemory.sizeOf(65) + LinearMemory.sizeOf(1000);
  assert.is(memory.take(joined), blocks[1]!.at);
  memory.give(blocks[1]!.at, joined);
  // Part of a free place leaves the rest.
  assert.is(memory.take(64), blocks[1]!.at);
  assert.is(memory.take(64), blocks[1]!.at + 64);
});

test('a free end of memory grows instead of being left behind', () => {
  const memory = fresh();
  const first = memory.take(100);
  const last = memory.take(1000);
  memory.give(last, 1000);
  assert.is(memory.take(200_000), last);
  memory.give(first, 100);
  assert.is(memory.take(10), first);
});

test('a random life of blocks keeps their contents', () => {
  const memory = fresh();
  const held: { at: number; bytes: number; mark: number }[] = [];
  let state = 12345;
  const random = (below: number): number => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) % below;
  for (let i = 0; i < 3000; i++) {
    if (held.length > 0 && random(5) < 2) {
      const [gone] = held.splice(random(held.length), 1);
      assert.ok(memory.bytes(gone!.at, gone!.bytes).every((byte) => byte === gone!.mark), `block ${i}`);
      memory.give(gone!.at, gone!.bytes);
    } else {
      const bytes = 1 + random(3000);
      const mark = 1 + random(255);
      const at = memory.take(bytes);
      memory.bytes(at, bytes).fill(mark);
      held.push({ at, bytes, mark });
    }
  }
});

test('more than 4 GiB is refused in words', () => {
  assert.throws(() => fresh().take(2 ** 32), /4 GiB/);
});

test.run();
