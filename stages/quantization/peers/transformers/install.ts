/**
 * Makes the environment of the peer transformers: a venv in the user's cache folder, filled by pip from our pinned list, every file held to its hash,
 * nothing built from source. It counts once it is whole (MARK); one that was not finished is made anew.
 */
import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ConfigurationError } from '../../../dag/index.ts';
import { environmentFolder, MARK, REQUIREMENTS } from './python.ts';

/** The first that is new enough and can make a venv. */
const CANDIDATES = ['python3', 'python3.13', 'python3.12', 'python3.11', 'python3.14'];
const OLDEST = [3, 11] as const;

export async function installTransformers({ print, signal }: { readonly print: (line: string) => void; readonly signal?: AbortSignal }): Promise<void> {
  const folder = environmentFolder();
  if (existsSync(join(folder, MARK))) return print('It is installed already.');
  const python = await newEnoughPython();
  print('Installs torch, transformers and bitsandbytes, some 6 GB on Linux, into an environment of their own in your cache folder.');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(dirname(folder), { recursive: true });
  await carriedOut(python, ['-m', 'venv', folder], signal);
  await carriedOut(join(folder, 'bin', 'python'), ['-m', 'pip', 'install', '--require-hashes', '--only-binary', ':all:', '--no-input', '--disable-pip-version-check', '-r', REQUIREMENTS], signal);
  writeFileSync(join(folder, MARK), '');
  print('Installed. Name it in data/study.yaml: peers: [transformers]');
}

async function newEnoughPython(): Promise<string> {
  for (const name of CANDIDATES) {
    const version = await new Promise<string>((resolve) => {
      execFile(name, ['-I', '-c', 'import sys, venv, ensurepip; print("%d.%d" % sys.version_info[:2])'], { timeout: 20_000 }, (error, stdout) => { resolve(error === null ? stdout.trim() : ''); });
    });
    const [major = 0, minor = 0] = version.split('.').map(Number);
    if (major === OLDEST[0] && minor >= OLDEST[1]) return name;
  }
  throw new ConfigurationError(`peers: there is no Python ${OLDEST.join('.')} or newer with venv here (looked for ${CANDIDATES.join(', ')}); on Debian: apt install python3-venv`);
}

/** What it says goes to standard error, as it says it. */
async function carriedOut(command: string, args: readonly string[], signal: AbortSignal | undefined): Promise<void> {
  const how = await new Promise<string>((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 2, 2], ...(signal === undefined ? {} : { signal }) });
    child.once('error', (error: NodeJS.ErrnoException) => resolve(`could not be started (${error.code ?? error.name})`));
    child.once('close', (code, by) => resolve(by !== null ? `was ended by ${by}` : code === 0 ? '' : `ended with exit code ${code}`));
  });
  if (how !== '') throw new ConfigurationError(`peers: ${args.slice(0, 3).join(' ')} ${how}; what it said stands above. Nothing was installed.`);
}
