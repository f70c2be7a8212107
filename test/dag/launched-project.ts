/** A whole project in a temporary folder, with its own copy of the machinery, started by the launcher as a user starts it. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const REPOSITORY = fileURLToPath(new URL('../../', import.meta.url));

export interface Ended { readonly code: number | null; readonly signal: NodeJS.Signals | null; readonly out: string; readonly err: string }

export class LaunchedProject {
  readonly root = realpathSync(mkdtempSync(join(tmpdir(), 'bitwidth-launched-')));

  /** `fixture`: a folder of the repository with a pipeline.ts. */
  constructor(fixture = 'test/dag/pipelines/launched') {
    cpSync(join(REPOSITORY, fixture), this.root, { recursive: true });
    cpSync(join(REPOSITORY, 'stages/dag'), this.path('stages/dag'), { recursive: true });
    cpSync(join(REPOSITORY, 'bin'), this.path('bin'), { recursive: true });
    for (const file of ['package.json', 'package-lock.json']) cpSync(join(REPOSITORY, file), this.path(file));
    this.installPackages();
    this.edit('pipeline.ts', (text) => text.replace(/(\.\.\/)+stages\/dag\//, './stages/dag/'));
    this.settings({});
  }

  settings(change: { readonly names?: readonly string[]; readonly slowMs?: number; readonly computeMs?: number; readonly child?: boolean; readonly batches?: number; readonly timed?: boolean; readonly wrong?: string }): void {
    writeFileSync(this.path('settings.json'), JSON.stringify({ names: ['ada', 'grace'], slowMs: 0, computeMs: 0, child: false, timed: false, batches: 1, ...change }));
  }

  installPackages(): void {
    symlinkSync(join(REPOSITORY, 'node_modules'), this.path('node_modules'));
  }

  path(...parts: string[]): string {
    return join(this.root, ...parts);
  }

  edit(path: string, change: (text: string) => string): void {
    writeFileSync(this.path(path), change(readFileSync(this.path(path), 'utf8')));
  }

  start(argv: readonly string[], cwd = this.root, env: { readonly [name: string]: string | undefined } = process.env): { readonly child: ChildProcess; readonly end: Promise<Ended> } {
    const child = spawn(process.execPath, [this.path('bin/bitwidth.mjs'), ...argv], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    let err = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => { out += text; });
    child.stderr.setEncoding('utf8').on('data', (text: string) => { err += text; });
    const end = new Promise<Ended>((resolve) => { child.on('close', (code, signal) => resolve({ code, signal, out, err })); });
    return { child, end };
  }

  run(...argv: string[]): Promise<Ended> {
    return this.start(argv).end;
  }

  builds(): readonly string[] {
    return readdirSync(this.path('.bitwidth/build'), { withFileTypes: true }).filter((entry) => entry.isDirectory()).map(({ name }) => name);
  }

  /** The text of each segment of the log. */
  segments(): readonly string[] {
    const folder = this.path('.bitwidth/records');
    return existsSync(folder) ? readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8')) : [];
  }

  /** Process ids of the workers that have begun a cell. */
  workers(): readonly number[] {
    return this.#pids('workers.log');
  }

  /** Process ids of what workers have started. */
  children(): readonly number[] {
    return this.#pids('children.log');
  }

  #pids(file: string): readonly number[] {
    const log = this.path(file);
    return existsSync(log) ? [...new Set(readFileSync(log, 'utf8').split('\n').filter((line) => line !== '').map(Number))] : [];
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** False for a zombie, too: it ended, and only waits for whoever has inherited it to notice. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    const stat = process.platform === 'linux' ? readFileSync(`/proc/${pid}/stat`, 'utf8') : '';
    return !/\) [ZX] /.test(stat);
  } catch {
    return false;
  }
}

/** Waits for a condition, up to ten seconds; answers whether it came true. */
export async function comesTrue(condition: () => boolean): Promise<boolean> {
  for (let i = 0; i < 500; i++) {
    if (condition()) return true;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return condition();
}
