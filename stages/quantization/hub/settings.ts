/**
 * Where the hub is and who asks: the variables that Hugging Face's own tools read, with the same meaning (HF_ENDPOINT, HF_TOKEN, HF_TOKEN_PATH,
 * HF_HOME, HF_HUB_CACHE, HF_HUB_OFFLINE, HF_HUB_DOWNLOAD_TIMEOUT, HF_HUB_DISABLE_IMPLICIT_TOKEN, XDG_CACHE_HOME), so that what is set up for those is for us.
 */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { withheld } from '../../dag/index.ts';
import { HubError } from './errors.ts';
import { POLICY } from './policy.ts';
import type { Policy } from './policy.ts';
import { Secret } from './secret.ts';

export interface HubSettings {
  /** Without a slash at its end. */
  readonly endpoint: string;
  readonly token?: Secret;
  readonly offline: boolean;
  /** Folders of other tools' downloads (models--org--name/...), the first that is set. Read, never written. */
  readonly cache: string;
  readonly policy: Policy;
}

type Environment = { readonly [name: string]: string | undefined };

/** Variables that hold a secret; pipeline.ts takes them out of the environment. */
export const SECRET_VARIABLES = ['HF_TOKEN', 'HUGGING_FACE_HUB_TOKEN'] as const;

export const DEFAULT_ENDPOINT = 'https://huggingface.co';
const MAX_TOKEN_BYTES = 10_000;

/** Reads the environment, secrets that were taken out of it included. Throws HubError for what cannot be used. */
export function hubSettings(env: Environment = { ...process.env, ...Object.fromEntries(withheld()) }, home: string = homedir()): HubSettings {
  const endpoint = readEndpoint(env);
  const cacheHome = set(env, 'XDG_CACHE_HOME') ?? join(home, '.cache');
  const hubHome = expanded(set(env, 'HF_HOME') ?? join(cacheHome, 'huggingface'), home);
  const token = readToken(env, hubHome, home);
  return {
    endpoint, ...(token === undefined || !mayCarryToken(endpoint) ? {} : { token }), offline: isTrue(env['HF_HUB_OFFLINE']),
    cache: expanded(set(env, 'HF_HUB_CACHE') ?? set(env, 'HUGGINGFACE_HUB_CACHE') ?? join(hubHome, 'hub'), home),
    policy: readPolicy(env),
  };
}

function readEndpoint(env: Environment): string {
  const text = set(env, 'HF_ENDPOINT');
  if (text === undefined) return DEFAULT_ENDPOINT;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw new HubError('setting', 'the variable HF_ENDPOINT holds no address of a hub', { hint: 'set it to one such as https://hub.example, without a password in it, or unset it' });
  }
  return url.href.replace(/\/+$/, '');
}

/** Unencrypted, a token would be everybody's on the way; on this machine there is no way. */
function mayCarryToken(endpoint: string): boolean {
  const { protocol, hostname } = new URL(endpoint);
  return protocol === 'https:' || hostname === 'localhost' || hostname === '[::1]' || /^127\./.test(hostname);
}

function readToken(env: Environment, hubHome: string, home: string): Secret | undefined {
  for (const name of SECRET_VARIABLES) {
    const value = set(env, name)?.trim();
    if (value !== undefined && value !== '') return checkedToken(value, `the variable ${name}`);
  }
  if (isTrue(env['HF_HUB_DISABLE_IMPLICIT_TOKEN'])) return undefined;
  const named = set(env, 'HF_TOKEN_PATH');
  const path = named === undefined ? join(hubHome, 'token') : expanded(named, home);
  const from = named === undefined ? "the file that Hugging Face's tools keep it in" : 'the file that HF_TOKEN_PATH names';
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    if (named === undefined || (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new HubError('setting', `${from} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown reason'})`, { hint: 'correct the variable, or unset it' });
  }
  if (bytes.length > MAX_TOKEN_BYTES) throw new HubError('setting', `${from} has ${bytes.length} bytes, more than any token`, { hint: 'correct it, or remove it' });
  const value = bytes.toString('utf8').trim();
  return value === '' ? undefined : checkedToken(value, from);
}

/** What is no header's text must not get into one, nor into a message. */
function checkedToken(value: string, from: string): Secret {
  if (!/^[\x21-\x7e]+$/.test(value)) throw new HubError('setting', `${from} holds characters that no token has`, { hint: 'copy the token again: one line of letters, digits and _' });
  return new Secret(value, from);
}

function readPolicy(env: Environment): Policy {
  const seconds = Number(set(env, 'HF_HUB_DOWNLOAD_TIMEOUT') ?? NaN);
  return seconds > 0 && seconds < 86_400 ? { ...POLICY, idleMs: seconds * 1000 } : POLICY;
}

/** A variable that is set to nothing is not set. */
function set(env: Environment, name: string): string | undefined {
  return env[name] === '' ? undefined : env[name];
}

function isTrue(value: string | undefined): boolean {
  return /^(?:1|on|yes|true)$/i.test(value ?? '');
}

function expanded(path: string, home: string): string {
  const full = path === '~' ? home : path.startsWith('~/') ? join(home, path.slice(2)) : path;
  return isAbsolute(full) ? full : join(process.cwd(), full);
}
