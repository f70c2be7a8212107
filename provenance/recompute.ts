/**
 * Computes a pack's study once more with the code that is installed here, in a project of its own in a temporary folder. From the pack come
 * only files that are data: what runs is what is installed.
 */
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, extname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { located } from '../stages/dag/index.ts';
import type { Pipeline } from '../stages/dag/index.ts';
import type { Pack } from './pack-reader.ts';

const PROGRAM = 'bin/bitwidth.mjs';

/** Of a project's folder what is no part of its code, or must not be shared. */
const NOT_COPIED = new Set(['.bitwidth', '.git', '.ci', 'node_modules', 'site', 'test']);

/** Files that nothing executes. All others stay as they are installed. */
const DATA = new Set(['.yaml', '.yml', '.json', '.jsonl', '.txt', '.csv', '.tsv', '.safetensors', '.gguf', '.bin', '.md', '.sql', '.css', '.model']);
const NOT_DATA = new Set(['package.json', 'package-lock.json', 'tsconfig.json']);

export interface Recomputation {
  readonly root: string;
  /** Files of the pack that were not taken, because they are none of data. */
  readonly refused: readonly string[];
  /** Runs the project's command. `onEvent`: each line that it prints as JSON. Resolves with its exit code. */
  run(args: readonly string[], options: { readonly signal?: AbortSignal; readonly onEvent?: (event: { readonly event: string; readonly [field: string]: unknown }) => void }): Promise<number>;
  /** Removes the folder. */
  remove(): void;
}

/** `project`: the installed one. Throws the file system's error. */
export async function recomputation(pack: Pack, project: Pick<Pipeline, 'root' | 'base'>): Promise<Recomputation> {
  const { root } = project;
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'bitwidth-reproduce-')));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    for (const name of readdirSync(root)) {
      if (!NOT_COPIED.has(name)) cpSync(join(root, name), join(folder, name), { recursive: true, filter: (from) => !from.split('/').slice(-2).some((part) => part === 'node_modules' || part === 'site') });
    }
    const modules = modulesOf(root);
    if (modules !== undefined) symlinkSync(modules, join(folder, 'node_modules'));
    const refused: string[] = [];
    for (const { path, role } of pack.files) {
      if (role !== 'input' && role !== 'code') continue;
      const name = path.slice('project/'.length);
      if (NOT_DATA.has(name) || !DATA.has(extname(name)) || name.startsWith('.')) {
        if (role === 'input') refused.push(name);
        continue;
      }
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), await pack.read(path));
    }
    return { root: folder, refused, remove, run: (args, options) => runCommand(located({ ...project, root: folder }, PROGRAM), folder, args, options) };
  } catch (error) {
    remove();
    throw error;
  }
}

function modulesOf(root: string): string | undefined {
  for (let folder = root; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'node_modules'))) return join(folder, 'node_modules');
    if (dirname(folder) === folder) return undefined;
  }
}

/** The first signal lets what runs finish, a second one, after a while, does not. */
const GRACE_MS = 20_000;

function runCommand(program: string, root: string, args: readonly string[], { signal, onEvent }: Parameters<Recomputation['run']>[1]): Promise<number> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return resolve(130);
    const child = spawn(process.execPath, [program, ...args], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
    let timer: NodeJS.Timeout | undefined;
    const stop = (): void => {
      child.kill('SIGINT');
      timer = setTimeout(() => child.kill('SIGINT'), GRACE_MS);
    };
    signal?.addEventListener('abort', stop, { once: true });
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (!line.startsWith('{')) return;
      try { onEvent?.(JSON.parse(line) as { event: string }); } catch { /* not an event: another's text is none of ours */ }
    });
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
      resolve(code ?? 1);
    });
  });
}
