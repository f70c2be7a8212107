/**
 * A copy of the project in a new folder, as a clean clone would be, to run and to break.
 *
 * What git would carry is copied (a tarball without git works too); node_modules is linked, since `npm ci` is CI's to try.
 */
import { cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createHash } from 'node:crypto';
import { $ } from 'zx';
import type { ProcessPromise } from 'zx';

const source = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const left = new Set(['.git', 'node_modules', '.bitwidth', 'reports/site', 'test/fixtures']);

export interface Ended { readonly code: number | null; readonly stdout: string; readonly stderr: string; readonly events: readonly Event[] }
export interface Event { readonly event: string; readonly [field: string]: unknown }

export class Project {
  readonly root: string;
  /** Variables for its commands, besides this process's own; undefined takes one away. */
  env: { [name: string]: string | undefined } = {};

  constructor() {
    this.root = mkdtempSync(join(realpathSync(tmpdir()), 'bitwidth-e2e-'));
    cpSync(source, this.root, { recursive: true, filter: (from) => { const path = relative(source, from); return !left.has(path) && !path.endsWith('/node_modules'); } });
    symlinkSync(join(source, 'node_modules'), join(this.root, 'node_modules'));
  }

  /** Starts a command; its output can be read while it runs. */
  start(...args: string[]): ProcessPromise {
    return $({ cwd: this.root, nothrow: true, quiet: true, env: { ...process.env, NO_COLOR: '1', ...this.env } })`node bin/bitwidth.mjs ${args}`;
  }

  /** Runs a command to its end; `--json` events are parsed. */
  async run(...args: string[]): Promise<Ended> {
    const { exitCode, stdout, stderr } = await this.start(...args);
    const events = stdout.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as Event);
    return { code: exitCode, stdout, stderr, events };
  }

  read(path: string): string { return readFileSync(join(this.root, path), 'utf8'); }
  write(path: string, text: string): void { writeFileSync(join(this.root, path), text); }
  exists(path: string): boolean { return existsSync(join(this.root, path)); }

  /** Replaces text that must be there. */
  edit(path: string, from: string | RegExp, to: string): void {
    const before = this.read(path), after = before.replace(from, to);
    if (after === before) throw new Error(`${path} does not contain ${String(from)}`);
    this.write(path, after);
  }

  files(folder: string): string[] {
    const found: string[] = [];
    for (const entry of readdirSync(join(this.root, folder), { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) found.push(...this.files(path));
      else found.push(path);
    }
    return found.sort();
  }

  sha256(path: string): string { return createHash('sha256').update(readFileSync(join(this.root, path))).digest('hex'); }

  remove(): void { rmSync(this.root, { recursive: true, force: true }); }
}
