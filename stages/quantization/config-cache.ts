/**
 * `cache:` of data/study.yaml: through what results are shared with other machines, and whose count. No result depends on it.
 *
 *   cache:
 *     folder: /shared/bitwidth            # or: s3: bucket/prefix, with endpoint: and region:
 *     trust:
 *       - { name: Anna, key: ed25519:... }
 *     read_only: no
 *
 * BITWIDTH_CACHE stands in for the place of it: 'off', a folder, or s3://bucket/prefix; a CI machine may need another one than people.
 */
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { ConfigurationError, isPublicKeyText } from '../dag/index.ts';
import type { SharedCacheSettings, TrustedKey } from '../dag/index.ts';
import { quoted } from './config-yaml.ts';
import type { Reader } from './config-fields.ts';
import type { Located, LocatedMap } from './config-yaml.ts';

export const CACHE_VARIABLE = 'BITWIDTH_CACHE';
const MOST_KEYS = 200;
/** As S3 has it. */
const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const PREFIX = /^[A-Za-z0-9._-]+(?:\/[A-Za-z0-9._-]+)*$/;
const REGION = /^[a-z0-9-]{1,40}$/;

type Environment = { readonly [name: string]: string | undefined };
type Place = SharedCacheSettings['at'];

/** Undefined where there is none. Mistakes go to `reader`; throws ConfigurationError for BITWIDTH_CACHE. */
export function readCache(reader: Reader, value: Located | undefined, root: string, env: Environment = process.env): SharedCacheSettings | undefined {
  const map = reader.map(value, 'cache', ['folder', 's3', 'endpoint', 'region', 'trust', 'read_only']);
  const place = map === undefined ? undefined : readPlace(reader, map, root, env);
  const trustAt = map?.entries.get('trust')?.value;
  const trust = trustAt?.kind === 'list' && trustAt.items.length === 0 ? [] : reader.list(trustAt, 'cache.trust', MOST_KEYS, (item) => readKey(reader, item), ({ key }) => key) ?? [];
  const readOnly = reader.yesNo(map?.entries.get('read_only')?.value, 'read_only') ?? false;
  const chosen = env[CACHE_VARIABLE] || undefined;
  if (chosen === 'off') return undefined;
  const at = chosen === undefined ? place : placeOf(chosen, root, env);
  return at === undefined ? undefined : { at, trust, readOnly };
}

function readPlace(reader: Reader, map: LocatedMap, root: string, env: Environment): Place | undefined {
  const entry = (key: string): Located | undefined => map.entries.get(key)?.value;
  const [folder, s3] = [entry('folder'), entry('s3')];
  if ((folder === undefined) === (s3 === undefined)) return reader.wrong(map.at, `cache needs one of folder and s3, ${folder === undefined ? 'and has neither' : 'and has both'}; write folder: /shared/bitwidth, or s3: bucket/prefix`);
  if (folder !== undefined) {
    for (const key of ['endpoint', 'region']) if (map.entries.has(key)) reader.wrong(map.entries.get(key)!.keyAt, `${key} belongs to s3; take it out`);
    const path = reader.text(folder, 'folder', 1000);
    return path === undefined ? undefined : { kind: 'folder', path: absolute(path, root) };
  }
  const text = reader.text(s3, 's3', 1000);
  const named = text === undefined ? undefined : bucketOf(text);
  if (text !== undefined && named === undefined) reader.wrong(s3!.at, `s3 ${quoted(text)} names no bucket; write bucket or bucket/prefix, of letters, digits and . _ -`);
  const endpoint = reader.text(entry('endpoint'), 'endpoint', 1000);
  if (endpoint !== undefined && !isEndpoint(endpoint)) reader.wrong(entry('endpoint')!.at, `endpoint ${quoted(endpoint)} is no address of a store; write one such as https://s3.example.org, without a password or a path in it`);
  const region = reader.text(entry('region'), 'region', 40);
  if (region !== undefined && !REGION.test(region)) reader.wrong(entry('region')!.at, `region ${quoted(region)} is none; they are like eu-central-1`);
  if (named === undefined) return undefined;
  const at = endpoint ?? endpointOf(env);
  return { kind: 's3', ...named, ...(at === undefined ? {} : { endpoint: at }), ...(region === undefined ? {} : { region }) };
}

/** A key, or one with a name under which it is told of. */
function readKey(reader: Reader, item: Located): TrustedKey | undefined {
  const map = item.kind === 'map' ? reader.map(item, 'a trusted key', ['name', 'key']) : undefined;
  const keyAt = map === undefined ? item : reader.required(map, 'key', 'a trusted key');
  const key = reader.text(keyAt, 'a trusted key', 200);
  const name = map === undefined ? key?.slice(0, 16) : reader.text(reader.required(map, 'name', 'a trusted key'), 'name', 64);
  if (key === undefined || name === undefined) return undefined;
  if (!isPublicKeyText(key)) return reader.wrong(keyAt!.at, `${quoted(key)} is no key; "cache status" shows one's own: ed25519: and 43 letters, digits, - or _`);
  return { name, key };
}

function placeOf(chosen: string, root: string, env: Environment): Place {
  if (!chosen.startsWith('s3:')) return { kind: 'folder', path: absolute(chosen, root) };
  const named = bucketOf(chosen.replace(/^s3:\/\//, ''));
  if (named === undefined) throw new ConfigurationError(`${CACHE_VARIABLE} is ${JSON.stringify(chosen)}; it is off, a folder, or s3://bucket/prefix`);
  const endpoint = endpointOf(env);
  return { kind: 's3', ...named, ...(endpoint === undefined ? {} : { endpoint }) };
}

function bucketOf(text: string): { readonly bucket: string; readonly prefix: string } | undefined {
  const [bucket = '', ...rest] = text.replace(/\/+$/, '').split('/');
  const prefix = rest.join('/');
  return BUCKET.test(bucket) && (prefix === '' || (PREFIX.test(prefix) && !prefix.split('/').some((part) => part === '.' || part === '..'))) ? { bucket, prefix } : undefined;
}

/** As other programs for S3 are told of it. */
function endpointOf(env: Environment): string | undefined {
  const text = env['AWS_ENDPOINT_URL_S3'] || env['AWS_ENDPOINT_URL'] || undefined;
  if (text !== undefined && !isEndpoint(text)) throw new ConfigurationError('the variable AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL holds no address of a store; set it to one such as https://s3.example.org, without a password or a path in it, or unset it');
  return text;
}

function isEndpoint(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url !== undefined && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '' && url.search === '' && url.hash === '' && url.pathname === '/';
}

function absolute(path: string, root: string): string {
  const home = path === '~' || path.startsWith('~/') ? join(homedir(), path.slice(1)) : path;
  return isAbsolute(home) ? home.replace(/(?<=.)\/+$/, '') : join(root, home);
}
