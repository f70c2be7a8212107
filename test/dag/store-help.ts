/** What the store's tests share: folders of their own, small records, and reading files as lists. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openStore } from '../../stages/dag/open-store.ts';
import { sha256 } from '../../stages/dag/sha256.ts';
import type { OutputContent, RecordDraft, Store } from '../../stages/dag/store.ts';
import type { CellRecord, Sha256 } from '../../stages/dag/types.ts';

/** Runs `body` in a new folder and removes it. */
export async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'bitwidth-store-'));
  try {
    await body(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A store that is closed afterwards, whatever happens. */
export async function withStore<T>(folder: string, body: (store: Store) => Promise<T>, env: { readonly [name: string]: string } = {}): Promise<T> {
  const store = openStore({ folder, env });
  try {
    return await body(store);
  } finally {
    await store.close();
  }
}

export function key(name: string): Sha256 {
  return sha256(`test key ${name}`);
}

export function draft(name: string, changes: Partial<RecordDraft> = {}): RecordDraft {
  return {
    cell: `work:${name}`, key: key(name), fields: { stage: 'work', params: { name }, inputs: {}, code: 'none', facts: {} },
    status: 'done', durationMs: 1.5, finishedAt: '2026-01-02T03:04:05.678+00:00', ...changes,
  };
}

/** Commits a cell with one text output named `out`, or with the outputs given. */
export function commitText(store: Store, name: string, outputs: string | { readonly [name: string]: OutputContent }): Promise<CellRecord> {
  return store.commit(draft(name), typeof outputs === 'string' ? { out: Buffer.from(outputs) } : outputs);
}

/** Replaces a file by a new one. (Truncating makes ext4 flush it, which costs milliseconds.) */
export function replaceFile(path: string, bytes: Uint8Array): void {
  rmSync(path, { force: true });
  writeFileSync(path, bytes);
}

/** The only segment in a store. */
export function onlySegment(folder: string): string {
  const names = readdirSync(join(folder, 'records'));
  if (names.length !== 1) throw new Error(`${names.length} segments instead of one`);
  return join(folder, 'records', names[0] as string);
}

/** All files under a folder, as paths from it. */
export function filesUnder(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name).slice(folder.length + 1)).sort();
}

/** A large object: more than LOOSE_BYTES, different for each seed. */
export function large(seed: number): Uint8Array {
  return new Uint8Array((1 << 20) + 17).map((_, i) => (i * 31 + seed * 7) & 0xff);
}

export interface Program {
  readonly process: ChildProcess;
  /** Lines it has printed so far. */
  readonly lines: readonly string[];
  /** Resolves when it has printed so many lines; rejects when it ends before. */
  printed(count: number): Promise<void>;
  /** Resolves when it has ended. */
  readonly ended: Promise<void>;
}

/** Starts one of test/dag/programs in a process of its own. */
export function start(program: string, ...args: readonly string[]): Program {
  const path = fileURLToPath(new URL(`./programs/${program}.ts`, import.meta.url));
  const child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), path, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const lines: string[] = [];
  let [partial, errors] = ['', ''];
  const waiting = new Set<() => void>();
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const parts = (partial + text).split('\n');
    partial = parts.pop() as string;
    lines.push(...parts);
    for (const wake of waiting) wake();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => { errors += text; });
  const ended = new Promise<void>(resolve => child.once('close', () => resolve()));
  const printed = (count: number): Promise<void> => new Promise((resolve, reject) => {
    const wake = (): void => {
      if (lines.length < count) return;
      waiting.delete(wake);
      resolve();
    };
    waiting.add(wake);
    void ended.then(() => reject(new Error(`${program} ended after ${lines.length} lines: ${errors}`)));
    wake();
  });
  return { process: child, lines, printed, ended };
}
