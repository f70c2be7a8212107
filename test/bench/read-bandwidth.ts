/**
 * How fast this machine reads a buffer: what a product of one row with weights of that size can at best do. A small C program where
 * there is a compiler; without one a loop in JavaScript, which is slower than the memory and runs on one thread: a lower bound.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const MILLISECONDS = 20;

export interface Reader {
  /** 'a C program', for people. */
  readonly how: string;
  /** Gigabytes a second with so many threads over a buffer of so many bytes; undefined where it cannot use so many. */
  read(threads: number, bytes: number): Promise<number | undefined>;
  close(): void;
}

/** Compiles the program into a temporary folder and keeps it running; close() ends it. */
export async function openReader(): Promise<Reader> {
  const folder = mkdtempSync(join(tmpdir(), 'bitwidth-bench-'));
  try {
    const program = join(folder, 'read-bandwidth');
    if (!await compiled(program)) return { how: 'a loop in JavaScript, a lower bound (no C compiler here)', read: async (threads, bytes) => threads === 1 ? readInJavaScript(bytes) : undefined, close: () => {} };
    const child = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'] });
    await once(child, 'spawn');
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    return {
      how: 'a C program',
      async read(threads, bytes) {
        child.stdin.write(`${threads} ${bytes} ${MILLISECONDS}\n`);
        const { value, done } = await lines.next();
        if (done === true) throw new Error(`the program that reads memory ended while it read ${bytes} bytes with ${threads} threads`);
        return Number(value.split(' ')[0]);
      },
      close: () => child.stdin.end(),
    };
  } finally {
    // A running program needs its file no more.
    rmSync(folder, { recursive: true, force: true });
  }
}

/** With this processor's instructions, or, where the compiler does not know it, without. */
async function compiled(program: string): Promise<boolean> {
  const source = fileURLToPath(new URL('read-bandwidth.c', import.meta.url));
  for (const tuning of [['-march=native'], []]) {
    try {
      await run('cc', ['-O3', ...tuning, '-pthread', source, '-o', program]);
      return true;
    } catch { /* the next, or no compiler */ }
  }
  return false;
}

function readInJavaScript(bytes: number): number {
  const values = new Float64Array(Math.max(4, (bytes / 8) & ~3)).fill(1);
  const pass = (): number => {
    let a = 0, b = 0, c = 0, d = 0;
    for (let i = 0; i < values.length; i += 4) { a += values[i]!; b += values[i + 1]!; c += values[i + 2]!; d += values[i + 3]!; }
    return a + b + c + d;
  };
  let sum = pass();
  let passes = 0;
  const from = performance.now();
  let lasted: number;
  do {
    sum += pass();
    passes++;
    lasted = performance.now() - from;
  } while (lasted < MILLISECONDS);
  if (Number.isNaN(sum)) throw new Error('unreachable: keeps the sum alive');
  return (passes * values.byteLength) / lasted / 1e6;
}
