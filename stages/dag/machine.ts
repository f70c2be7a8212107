/** What a record says about the machine: a label and a description, nothing that names a person, a host or a folder. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, hostname, release, totalmem, type } from 'node:os';
import { removeQuietly, temporaryName, textOrNothing } from './disk.ts';
import { taggedSha256 } from './sha256.ts';
import type { MachineDescription } from './store.ts';

/** A label that a person may choose: it appears in pages, file names and SQL. */
const CHOSEN_LABEL = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const SALT = /^[0-9a-f]{64}\n$/;

/**
 * The machine's label: what BITWIDTH_MACHINE says, else `machine-` and 10 hex digits of a hash over what tells this machine
 * from others, salted with a random number that stays in the store. Throws RangeError when BITWIDTH_MACHINE is no label.
 */
export function machineLabel(folder: string, env: { readonly [name: string]: string | undefined }): string {
  const chosen = env['BITWIDTH_MACHINE'];
  if (chosen !== undefined && chosen !== '') {
    if (!CHOSEN_LABEL.test(chosen)) {
      throw new RangeError(`BITWIDTH_MACHINE is ${JSON.stringify(chosen)}; a machine's label is 1 to 64 of A-Z a-z 0-9 . _ - and begins with a letter or digit`);
    }
    return chosen;
  }
  // Processor and core count belong to it: a resized virtual machine is another machine to a timing.
  const traits = [hostId(), cpuModel(), String(cpus().length)];
  return `machine-${taggedSha256('machine 1', [saltOf(folder), ...traits].join('\n')).slice(0, 10)}`;
}

/** The machine as a reader of a timing needs to know it. */
export function describeMachine(): MachineDescription {
  return { cpu: cpuModel(), cores: availableParallelism(), memoryBytes: totalmem(), os: osName(), node: process.version };
}

function cpuModel(): string {
  return cpus()[0]?.model.replace(/\s+/g, ' ').trim() || process.arch;
}

function osName(): string {
  if (type() === 'Linux') {
    const fields = textOrNothing('/etc/os-release');
    const field = (name: string): string | undefined => new RegExp(`^${name}="?([^"\\n]*)"?$`, 'm').exec(fields)?.[1];
    return [field('NAME') ?? 'Linux', field('VERSION_ID')?.split('.')[0]].filter(Boolean).join(' ');
  }
  if (type() === 'Darwin') {
    const version = askOr('sw_vers', ['-productVersion'], '').trim().split('.')[0];
    if (version) return `macOS ${version}`;
  }
  return `${type()} ${release().split('.')[0]}`;
}

/** Something that stays the same on this machine. It leaves this file only as a salted hash. */
function hostId(): string {
  if (type() === 'Darwin') {
    const uuid = /"IOPlatformUUID" = "([^"]+)"/.exec(askOr('ioreg', ['-rd1', '-c', 'IOPlatformExpertDevice'], ''))?.[1];
    if (uuid !== undefined) return uuid;
  }
  return textOrNothing('/etc/machine-id').trim() || hostname();
}

/** The store's random number, made where there is none. */
export function saltOf(folder: string): string {
  const path = `${folder}/salt`;
  const existing = textOrNothing(path);
  if (SALT.test(existing)) return existing;
  const salt = `${randomBytes(32).toString('hex')}\n`;
  const temporary = `${folder}/${temporaryName()}`;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(temporary, salt, { flag: 'wx', mode: 0o400 });
    // A link does not replace: of two processes that start together, one makes the salt and both use it.
    if (existing === '') linkSync(temporary, path);
    else renameSync(temporary, path);
  } catch {
    // A store that cannot be written keeps no records either: a label for this run only does no harm.
  } finally {
    removeQuietly(temporary);
  }
  const now = textOrNothing(path);
  return SALT.test(now) ? now : salt;
}

function askOr(program: string, args: readonly string[], otherwise: string): string {
  try {
    return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  } catch {
    return otherwise;
  }
}
