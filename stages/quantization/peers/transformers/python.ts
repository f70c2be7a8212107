/** Which Python the peer runs with, and what is installed there: a user's own interpreter, else the environment that `peers install` made. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A user's own interpreter: an absolute path. */
export const PYTHON_VARIABLE = 'BITWIDTH_PEER_PYTHON';
export const INSTALL = 'npx bitwidth peers install transformers';
export const REQUIREMENTS = fileURLToPath(new URL('requirements.txt', import.meta.url));
/** In an environment that was made whole. */
export const MARK = 'bitwidth-installed';

export const PACKAGES: ReadonlySet<string> = new Set(['python', 'torch', 'transformers', 'bitsandbytes', 'safetensors', 'accelerate', 'numpy']);
/** What the program cannot do without, and since when each has it: from_pretrained(dtype=), 4-bit products on CPUs. */
const OLDEST: { readonly [name: string]: readonly [number, number] } = { torch: [2, 4], transformers: [4, 56], bitsandbytes: [0, 46] };

type Environment = { readonly [name: string]: string | undefined };

/** Where `peers install` makes the environment of these requirements. */
export function environmentFolder(env: Environment = process.env, home: string = homedir()): string {
  const cache = env['XDG_CACHE_HOME'] || (process.platform === 'darwin' ? join(home, 'Library', 'Caches') : join(home, '.cache'));
  return join(cache, 'bitwidth', 'peers', `transformers-${createHash('sha256').update(readFileSync(REQUIREMENTS)).digest('hex').slice(0, 12)}`);
}

export type Absent = { readonly missing: string; readonly hint: string };

/** Absolute path of the interpreter. */
export function interpreter(env: Environment = process.env): string | Absent {
  const own = env[PYTHON_VARIABLE];
  if (own !== undefined && own !== '') {
    if (isAbsolute(own) && existsSync(own)) return own;
    return { missing: `the interpreter that ${PYTHON_VARIABLE} names is not there`, hint: `Give the absolute path of a Python with torch, transformers and bitsandbytes, or unset it and run ${INSTALL}` };
  }
  const folder = environmentFolder(env);
  if (existsSync(join(folder, MARK))) return join(folder, 'bin', 'python');
  return { missing: 'transformers with bitsandbytes is not installed', hint: `${INSTALL}; or name a Python that has them in ${PYTHON_VARIABLE}` };
}

/** Reads what is recorded of installed packages: nothing heavy is loaded. */
const ASK = `import json, sys
from importlib.metadata import version, PackageNotFoundError
def of(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return None
print(json.dumps({"python": ".".join(map(str, sys.version_info[:3])), "packages": {name: of(name) for name in sys.argv[1:] if of(name)}}))`;
const ASK_MS = 20_000;

/** Versions by package, Python's among them. */
export async function installedPackages(python: string): Promise<{ readonly [name: string]: string } | Absent> {
  const hint = `${INSTALL}; or correct ${PYTHON_VARIABLE}`;
  const output = await new Promise<string | undefined>((resolve) => {
    execFile(python, ['-I', '-c', ASK, ...[...PACKAGES].filter((name) => name !== 'python')], { timeout: ASK_MS, maxBuffer: 1 << 16, killSignal: 'SIGKILL', env: { PATH: process.env['PATH'] ?? '' } },
      (error, stdout) => { resolve(error === null ? stdout : undefined); });
  });
  const found = output === undefined ? undefined : versionsOf(output);
  if (found === undefined) return { missing: 'its Python does not run', hint };
  for (const [name, oldest] of Object.entries(OLDEST)) {
    const version = found[name];
    if (version === undefined) return { missing: `its Python has no ${name}`, hint };
    if (isOlder(version, oldest)) return { missing: `its ${name} is ${version}; ${oldest.join('.')} or newer is needed`, hint };
  }
  return found;
}

function versionsOf(output: string): { readonly [name: string]: string } | undefined {
  try {
    const { python, packages } = JSON.parse(output) as { readonly python: unknown; readonly packages: object };
    const all = Object.entries({ python, ...packages }).filter(([name]) => PACKAGES.has(name));
    return all.every(([, version]) => typeof version === 'string' && /^[\w.+!-]{1,64}$/.test(version)) ? Object.fromEntries(all) as { [name: string]: string } : undefined;
  } catch {
    return undefined;
  }
}

function isOlder(version: string, [major, minor]: readonly [number, number]): boolean {
  const [a = 0, b = 0] = version.split('.').map(Number);
  return a < major || (a === major && b < minor);
}
