/**
 * S3, or a store that speaks as it does (versitygw, Ceph, MinIO, R2): path-style addresses, signature version 4. The one file of the machinery that
 * opens connections, for the commands run and cache only. It makes single attempts; patience is patient.ts's.
 */
import { createHash } from 'node:crypto';
import { AwsClient } from 'aws4fetch';
import { RemoteError } from './remote.ts';
import { s3Credentials, s3Region } from './s3-credentials.ts';
import type { Remote, RemoteFile, RemoteSource } from './remote.ts';
import type { SharedCacheSettings } from '../types.ts';

/** Larger objects go up in parts of so much, two at a time: a try that failed costs a part. S3's own limits: 5 MiB to 5 GiB, 10,000 parts. */
const PART_BYTES = 64 << 20;
const MAX_PARTS = 10_000;
const PARTS_AT_ONCE = 2;
/** Of an answer that is an error so much is looked at. */
const ERROR_BYTES = 64 << 10;
const LIST_BYTES = 4 << 20;
const DEFAULT_REGION = 'us-east-1';

interface Sent { readonly method: string; readonly name: string; readonly query?: { readonly [name: string]: string }; readonly headers?: { readonly [name: string]: string }; readonly body?: Uint8Array; readonly signal: AbortSignal }

/** Throws RemoteError where there are no credentials. */
export function s3Remote({ bucket, prefix, endpoint, region = s3Region() ?? DEFAULT_REGION }: Extract<SharedCacheSettings['at'], { kind: 's3' }>): Remote {
  const { from, ...credentials } = s3Credentials();
  // Its own tries again know neither Retry-After nor when to give up.
  const client = new AwsClient({ ...credentials, service: 's3', region, retries: 0 });
  const base = (endpoint ?? `https://s3.${region}.amazonaws.com`).replace(/\/+$/, '');
  const under = prefix === '' ? '' : `${prefix}/`;

  const send = async ({ method, name, query = {}, headers = {}, body, signal }: Sent): Promise<Response> => {
    const url = new URL(`${base}/${bucket}${name === '' ? '' : `/${under}${name}`}`);
    for (const [key, value] of Object.entries(query)) url.searchParams.set(key, value);
    const request = await client.sign(url.href, {
      method, redirect: 'manual', signal,
      headers: { ...headers, 'x-amz-content-sha256': createHash('sha256').update(body ?? '').digest('hex') },
      ...(body === undefined ? {} : { body: body as Uint8Array<ArrayBuffer> }),
    });
    return await attempt(() => fetch(request));
  };
  /** What is none of the expected answers. */
  const refuse = async (response: Response): Promise<never> => { throw await errorOf(response, { bucket, region, from }); };

  const putWhole = async (name: string, body: Uint8Array, headers: { readonly [name: string]: string }, signal: AbortSignal): Promise<'put' | 'present'> => {
    const response = await send({ method: 'PUT', name, headers: { ...headers, 'content-type': 'application/octet-stream' }, body, signal });
    if (response.status === 412) return await dropped(response, 'present');
    return response.ok ? await dropped(response, 'put') : await refuse(response);
  };

  const putParts = async (name: string, source: RemoteSource, headers: { readonly [name: string]: string }, signal: AbortSignal): Promise<'put' | 'present'> => {
    const begun = await send({ method: 'POST', name, query: { uploads: '' }, signal });
    if (!begun.ok) return await refuse(begun);
    const uploadId = elements(await textOf(begun, ERROR_BYTES), 'UploadId')[0];
    if (uploadId === undefined) throw new RemoteError('wrong', 'it began no upload in parts, as S3 does for large objects');
    const partBytes = Math.max(PART_BYTES, Math.ceil(source.bytes / MAX_PARTS));
    const tags: string[] = [];
    let next = 0;
    try {
      const lane = async (): Promise<void> => {
        for (let part = next++; part * partBytes < source.bytes; part = next++) {
          const body = await source.read(part * partBytes, Math.min(partBytes, source.bytes - part * partBytes));
          const response = await send({ method: 'PUT', name, query: { partNumber: String(part + 1), uploadId }, body, signal });
          if (!response.ok) return await refuse(response);
          tags[part] = await dropped(response, response.headers.get('etag') ?? '');
        }
      };
      await Promise.all(Array.from({ length: PARTS_AT_ONCE }, lane));
      const list = `<CompleteMultipartUpload>${tags.map((tag, i) => `<Part><PartNumber>${i + 1}</PartNumber><ETag>${tag.replaceAll('&', '&amp;').replaceAll('"', '&quot;')}</ETag></Part>`).join('')}</CompleteMultipartUpload>`;
      const completed = await send({ method: 'POST', name, query: { uploadId }, headers: { ...headers, 'content-type': 'application/xml' }, body: Buffer.from(list), signal });
      if (completed.status !== 412 && !completed.ok) return await refuse(completed);
      const said = await textOf(completed, ERROR_BYTES);
      if (completed.ok && !said.includes('<Error>')) return 'put';
      if (completed.status !== 412) throw new RemoteError('passing', `it could not put an object together from its parts (${elements(said, 'Code')[0] ?? 'it does not say why'})`);
    } catch (error) {
      next = MAX_PARTS + 1;
      await send({ method: 'DELETE', name, query: { uploadId }, signal: AbortSignal.timeout(10_000) }).then((response) => dropped(response, undefined)).catch(() => undefined);
      throw error;
    }
    await send({ method: 'DELETE', name, query: { uploadId }, signal }).then((response) => dropped(response, undefined)).catch(() => undefined);
    return 'present';
  };

  return {
    label: `s3://${bucket}${prefix === '' ? '' : `/${prefix}`}`,
    async get(name, range, signal) {
      if (range?.length === 0) return new Uint8Array();
      const response = await send({ method: 'GET', name, ...(range === undefined ? {} : { headers: { range: `bytes=${range.offset}-${range.offset + range.length - 1}` } }), signal });
      // 416: the object is shorter than the list says.
      if (response.status === 416) return await dropped(response, new Uint8Array());
      if (!response.ok) {
        const error = await errorOf(response, { bucket, region, from });
        if (response.status === 404 && error.code !== 'NoSuchBucket') return undefined;
        throw error;
      }
      // Some stores answer with all of it.
      const whole = range !== undefined && response.status === 200;
      const bytes = await attempt(() => readBody(response, whole ? Infinity : range?.length ?? Infinity));
      return whole ? bytes.subarray(range.offset, range.offset + range.length) : bytes;
    },
    async size(name, signal) {
      const response = await send({ method: 'HEAD', name, signal });
      if (response.status === 404) return undefined;
      return response.ok ? Number(response.headers.get('content-length') ?? -1) : await refuse(response);
    },
    async put(name, source, how, signal) {
      const headers = how === 'if-absent' ? { 'if-none-match': '*' } : {};
      return source.bytes > PART_BYTES ? await putParts(name, source, headers, signal) : await putWhole(name, await source.read(0, source.bytes), headers, signal);
    },
    async list(prefixOf, after, signal) {
      const response = await send({ method: 'GET', name: '', query: { 'list-type': '2', prefix: under + prefixOf, 'max-keys': '1000', ...(after === '' ? {} : { 'start-after': under + after }) }, signal });
      if (!response.ok) return await refuse(response);
      const found: RemoteFile[] = [];
      const said = await textOf(response, LIST_BYTES);
      for (const contents of elements(said, 'Contents')) {
        const [key, size] = [elements(contents, 'Key')[0], elements(contents, 'Size')[0]];
        if (key !== undefined && size !== undefined && key.startsWith(under)) found.push({ name: unescaped(key).slice(under.length), bytes: Number(size) });
      }
      return { files: found, more: found.length > 0 && elements(said, 'IsTruncated')[0] === 'true' };
    },
  };
}

/** What breaks on the way is passing. */
async function attempt<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof RemoteError) throw error;
    const { name, cause } = error as Error & { readonly cause?: { readonly code?: string } };
    if (name === 'TimeoutError' || name === 'AbortError') throw error;
    const code = cause?.code ?? (error as NodeJS.ErrnoException).code;
    const sentence = code === 'ENOTFOUND' || code === 'EAI_AGAIN' ? 'its name is not known in the network' : code === 'ECONNREFUSED' ? 'nothing answers there (connection refused)' : `the connection broke${code === undefined ? '' : ` (${code})`}`;
    throw new RemoteError(/CERT|TLS|SELF_SIGNED|UNABLE_TO_VERIFY/.test(code ?? '') ? 'wrong' : 'passing', sentence);
  }
}

class S3Error extends RemoteError {
  /** S3's own word for it; '' where it has none. */
  readonly code: string;
  constructor(code: string, ...rest: ConstructorParameters<typeof RemoteError>) {
    super(...rest);
    this.code = code;
  }
}

interface Asked { readonly bucket: string; readonly region: string; readonly from: string }

/** Only S3's code is taken from an answer: its message may repeat what was sent. */
async function errorOf(response: Response, { bucket, region, from }: Asked): Promise<S3Error> {
  const { status } = response;
  const found = elements(await textOf(response, ERROR_BYTES).catch(() => ''), 'Code')[0] ?? '';
  const code = /^[A-Za-z0-9]{1,64}$/.test(found) ? found : '';
  const named = code === '' ? `${status}` : `${status} ${code}`;
  const later = retryAfterMs(response.headers.get('retry-after'));
  if (status === 429 || status === 503 || code === 'SlowDown') return new S3Error(code, 'busy', `it says that it is overloaded (${named})`, later);
  // 409: two puts of one name at once.
  if (status >= 500 && status !== 501 || status === 409 || code === 'RequestTimeout') return new S3Error(code, 'passing', `it answers ${named}`, later);
  if (status === 501) return new S3Error(code, 'wrong', 'it does not know puts on a condition (If-None-Match), without which two who write at once would undo each other\'s work; use another store, or read_only: yes');
  if (code === 'RequestTimeTooSkewed') return new S3Error(code, 'refused', 'this machine\'s clock differs too much from its own; set the clock');
  if (status === 401 || status === 403) return new S3Error(code, 'refused', `it refuses the credentials of ${from} (${named}); check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or AWS_PROFILE, and what they may do in the bucket ${bucket}`);
  if (status === 404 && code === 'NoSuchBucket') return new S3Error(code, 'wrong', `it has no bucket ${bucket}; make it, or name another`);
  if (status === 301 || status === 307 || code === 'AuthorizationHeaderMalformed') return new S3Error(code, 'wrong', `the bucket ${bucket} is not in the region ${region} (${named}); say region: of the cache`);
  return new S3Error(code, 'wrong', `it answers ${named}, which is not expected`);
}

/** Seconds or a date, as HTTP has it. */
function retryAfterMs(header: string | null): number | undefined {
  if (header === null) return undefined;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}

/** A body of at most so many bytes: a server that sends more is not read to its end. */
async function readBody(response: Response, limit: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  if (response.body === null) return new Uint8Array(0);
  // Node's is one; the types of browsers, which the page's programs bring into the same check, do not say so.
  for await (const piece of response.body as unknown as AsyncIterable<Uint8Array>) {
    pieces.push(piece);
    bytes += piece.length;
    if (bytes > limit) throw new RemoteError('passing', 'it sends more than was asked for');
  }
  return Buffer.concat(pieces, bytes);
}

async function textOf(response: Response, limit: number): Promise<string> {
  return Buffer.from(await attempt(() => readBody(response, limit))).toString('utf8');
}

/** An answer whose body nobody needs is read, so that its connection serves again. */
async function dropped<T>(response: Response, value: T): Promise<T> {
  await response.arrayBuffer().catch(() => undefined);
  return value;
}

/** The texts of the elements of a name, where these do not nest. */
function elements(xml: string, name: string): readonly string[] {
  return [...xml.matchAll(new RegExp(`<${name}>([^]*?)</${name}>`, 'g'))].map(([, text]) => text!);
}

function unescaped(text: string): string {
  return text.replace(/&(amp|lt|gt|quot|apos);/g, (_, name: string) => ({ amp: '&', lt: '<', gt: '>', quot: '"', apos: '\'' })[name]!);
}
