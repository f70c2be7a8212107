/**
 * The key that a person signs with, statements and what goes into a shared cache: Ed25519, made on first use, in the user's own folder of settings, readable by the user alone. It
 * never leaves that folder: no record, log, page, child process or message has it.
 */
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { chmodSync, closeSync, constants, existsSync, fchmodSync, fstatSync, linkSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { ConfigurationError } from './declare.ts';
import type { KeyObject } from 'node:crypto';

const FILE = 'signing-key.pem';
/** Group or others may do something with it. */
const OTHERS = 0o077;

export interface Signer {
  /** sha256 of the public key's DER form. */
  readonly id: string;
  /** PEM, SubjectPublicKeyInfo. */
  readonly publicKey: string;
  /** Whether it was made just now. */
  readonly made: boolean;
  sign(bytes: Uint8Array): Buffer;
}

/** sha256 over a public key's DER form. */
export const keyId = (key: KeyObject): string => createHash('sha256').update(key.export({ format: 'der', type: 'spki' })).digest('hex');

/** The folder of the user's settings: $XDG_CONFIG_HOME/bitwidth, or ~/.config/bitwidth. */
export function settingsFolder(env: { readonly [name: string]: string | undefined } = process.env): string {
  const base = env['XDG_CONFIG_HOME'];
  return join(base !== undefined && base.startsWith('/') ? base : join(env['HOME'] ?? homedir(), '.config'), 'bitwidth');
}

/** Whether there is a key already. */
export const hasSigner = (folder = settingsFolder()): boolean => existsSync(join(folder, FILE));

/** Opens the key, or makes one. Throws ConfigurationError where it cannot be trusted or written; its message names the file, never what is in it. */
export function openSigner(folder = settingsFolder()): Signer {
  const path = join(folder, FILE);
  const made = !existsSync(path);
  if (made) make(folder, path);
  const key = read(path);
  const publicKey = createPublicKey(key);
  return { id: keyId(publicKey), publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(), made, sign: (bytes) => sign(null, bytes, key) };
}

function make(folder: string, path: string): void {
  const unfinished = `${path}.${process.pid}`;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    chmodSync(folder, 0o700);
    const file = openSync(unfinished, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
    try {
      fchmodSync(file, 0o600);
      writeSync(file, generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
    } finally {
      closeSync(file);
    }
    // Of two that make one at once the first stays.
    linkSync(unfinished, path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EEXIST') throw new ConfigurationError(`the signing key cannot be written to ${path} (${code ?? 'unknown'}); make its folder writable, or name another with XDG_CONFIG_HOME`);
  } finally {
    rmSync(unfinished, { force: true });
  }
}

function read(path: string): KeyObject {
  const wrong = (what: string, todo: string): never => { throw new ConfigurationError(`the signing key ${path} ${what}; ${todo}`); };
  let pem = '';
  try {
    const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      const stat = fstatSync(file);
      if (!stat.isFile()) wrong('is no file', 'move it away, and a new one is made');
      if ((stat.mode & OTHERS) !== 0) wrong(`may be read by others (mode ${(stat.mode & 0o777).toString(8)})`, 'if nobody has, run: chmod 600 on it; otherwise remove it, and a new one is made');
      pem = readFileSync(file, 'utf8');
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if (error instanceof ConfigurationError) throw error;
    wrong(`cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`, 'it must be a file of yours');
  }
  if ((statSync(join(path, '..')).mode & 0o022) !== 0) wrong('lies in a folder that others may write to', 'run: chmod 700 on that folder');
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch { /* told below, without a word of what is in it */ }
  return wrong('is no Ed25519 key', 'move it away, and a new one is made');
}
