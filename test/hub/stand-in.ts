/**
 * A hub on this machine's loopback, with the API and the addresses of the real one, and, beside it, a second origin as its file servers are. It does wrong
 * whatever a test asks it to, file by file.
 */
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface StandInRepository {
  readonly commit: string;
  /** Besides the commit. */
  readonly revisions: { [name: string]: string };
  readonly files: Map<string, Buffer>;
  licence?: string;
  /** 'login': without a token one is asked for it; 'members': also with one. */
  gated?: 'login' | 'members';
  private?: boolean;
}

export interface Sending {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly bytes: Buffer;
  /** How often the body of this file was asked for, this time included. */
  readonly times: number;
  /** Sends it as it should be: a range where one is asked for. */
  readonly send: (bytes?: Buffer) => void;
  readonly hub: StandInHub;
  readonly name: string;
}
/** Does something else than sending the file. */
export type Fault = (sending: Sending) => void;

export interface Seen { readonly method: string; readonly path: string; readonly authorization: string | undefined; readonly range: string | undefined; readonly origin: 'hub' | 'files' }

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
export const gitSha1 = (bytes: Uint8Array): string => createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
/** Files above this are in the large-file storage. */
const LARGE_BYTES = 1000;
export const TOKEN = 'hf_canaryCANARYcanaryCANARYcanaryCANARY00';

export class StandInHub {
  readonly repositories = new Map<string, StandInRepository>();
  readonly faults = new Map<string, Fault>();
  readonly log: Seen[] = [];
  readonly #times = new Map<string, number>();
  #hub: Server | undefined;
  #files: Server | undefined;
  /** Without the API: a mirror of files alone. */
  withoutApi = false;
  /** Large files are sent by the other origin, as the real hub does. */
  redirects = true;

  async start(): Promise<this> {
    this.#hub = await listening((request, response) => this.#answer(request, response, 'hub'));
    this.#files = await listening((request, response) => this.#answer(request, response, 'files'));
    return this;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#hub!.address() as AddressInfo).port}`;
  }

  get filesEndpoint(): string {
    return `http://127.0.0.1:${(this.#files!.address() as AddressInfo).port}`;
  }

  add(name: string, files: { readonly [name: string]: Uint8Array | string }, more: Partial<StandInRepository> = {}): StandInRepository {
    const repository: StandInRepository = {
      commit: createHash('sha1').update(name + JSON.stringify(Object.keys(files))).digest('hex'), revisions: {}, licence: 'apache-2.0',
      files: new Map(Object.entries(files).map(([file, content]) => [file, Buffer.from(content)])), ...more,
    };
    repository.revisions['main'] ??= repository.commit;
    this.repositories.set(name, repository);
    return repository;
  }

  /** Bodies of files that were asked for, GET alone. */
  bodies(name?: string): readonly Seen[] {
    return this.log.filter(({ method, path }) => method === 'GET' && /\/resolve\/|\/signed\//.test(path) && (name === undefined || path.includes(`/${name}`)));
  }

  close(): void {
    for (const server of [this.#hub, this.#files]) {
      server?.closeAllConnections();
      server?.close();
    }
  }

  #answer(request: IncomingMessage, response: ServerResponse, origin: Seen['origin']): void {
    const { pathname } = new URL(request.url ?? '/', 'http://hub');
    this.log.push({ method: request.method ?? '', path: request.url ?? '', authorization: request.headers.authorization, range: request.headers.range, origin });
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      const api = /^\/api\/models\/([^/]+\/[^/]+)\/(revision|paths-info)\/([^/]+)$/.exec(pathname);
      const file = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(pathname);
      const signed = /^\/signed\/([^/]+\/[^/]+)\/(.+)$/.exec(pathname);
      if (api !== null && !this.withoutApi && origin === 'hub') this.#api(request, response, api as unknown as [string, string, 'revision' | 'paths-info', string], Buffer.concat(pieces));
      else if (file !== null && origin === 'hub') this.#file(request, response, file as unknown as [string, string, string, string]);
      else if (signed !== null && origin === 'files') this.#send(request, response, this.repositories.get(signed[1]!)!.files.get(decodeURIComponent(signed[2]!))!, decodeURIComponent(signed[2]!));
      else response.writeHead(404).end();
    });
  }

  /** As the real one: who may not see a repository is told what who asks for one that does not exist is told. */
  #refused(request: IncomingMessage, response: ServerResponse, name: string, revision: string, metadata: boolean): StandInRepository | undefined {
    const repository = this.repositories.get(name);
    const { authorization } = request.headers;
    const refuse = (status: number, code: string, message: string): undefined => {
      response.writeHead(status, { ...(code === '' ? {} : { 'x-error-code': code }), 'x-error-message': message }).end();
      return undefined;
    };
    if (authorization !== undefined && authorization !== `Bearer ${TOKEN}`) return refuse(401, '', 'Invalid credentials in Authorization header');
    if (repository === undefined || (repository.private === true && authorization === undefined)) return refuse(authorization === undefined ? 401 : 404, 'RepoNotFound', 'Repository not found');
    const commit = repository.commit === revision ? revision : Object.hasOwn(repository.revisions, revision) ? repository.revisions[revision] : undefined;
    if (commit === undefined) return refuse(404, 'RevisionNotFound', `Invalid rev id: ${revision}`);
    if (!metadata && (repository.gated === 'members' || (repository.gated === 'login' && authorization === undefined))) return refuse(authorization === undefined ? 401 : 403, 'GatedRepo', 'Access to model is restricted');
    return repository;
  }

  #api(request: IncomingMessage, response: ServerResponse, [, name, what, revision]: readonly [string, string, 'revision' | 'paths-info', string], body: Buffer): void {
    const fault = this.faults.get(what);
    const repository = this.#refused(request, response, name, decodeURIComponent(revision), true);
    if (repository === undefined) return;
    const times = (this.#times.get(what) ?? 0) + 1;
    this.#times.set(what, times);
    const answer = what === 'revision'
      ? { sha: repository.commit, id: name, gated: repository.gated === undefined ? false : 'manual', tags: [], cardData: repository.licence === undefined ? {} : { license: repository.licence }, siblings: [...repository.files.keys()].map((rfilename) => ({ rfilename })) }
      : (JSON.parse(body.toString()) as { paths: string[] }).paths.flatMap((path) => {
        const bytes = repository.files.get(path);
        if (bytes === undefined) return [];
        return [{ type: 'file', path, oid: gitSha1(bytes), size: bytes.length, ...(bytes.length > LARGE_BYTES ? { lfs: { oid: sha256(bytes), size: bytes.length, pointerSize: 130 } } : {}) }];
      });
    const send = (text: Buffer = Buffer.from(JSON.stringify(answer))): void => void response.writeHead(200, { 'content-type': 'application/json' }).end(text);
    if (fault === undefined) send();
    else fault({ request, response, bytes: Buffer.from(JSON.stringify(answer)), times, send, hub: this, name });
  }

  #file(request: IncomingMessage, response: ServerResponse, [, name, revision, path]: readonly [string, string, string, string]): void {
    const repository = this.#refused(request, response, name, decodeURIComponent(revision), false);
    if (repository === undefined) return;
    const file = decodeURIComponent(path);
    const bytes = repository.files.get(file);
    if (bytes === undefined) return void response.writeHead(404, { 'x-error-code': 'EntryNotFound', 'x-error-message': 'Entry not found' }).end();
    const large = bytes.length > LARGE_BYTES;
    const hash = large ? sha256(bytes) : gitSha1(bytes);
    response.setHeader('x-repo-commit', repository.commit);
    response.setHeader('x-linked-etag', `"${hash}"`);
    response.setHeader('x-linked-size', String(bytes.length));
    if (large && this.redirects) return void response.writeHead(302, { location: `${this.filesEndpoint}/signed/${name}/${encodeURIComponent(file)}?signature=secret` }).end();
    this.#send(request, response, bytes, file);
  }

  #send(request: IncomingMessage, response: ServerResponse, bytes: Buffer, name: string): void {
    const times = (this.#times.get(name) ?? 0) + (request.method === 'GET' ? 1 : 0);
    this.#times.set(name, times);
    const send = (content: Buffer = bytes): void => {
      const [, first = '0', last = ''] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
      const [from, until] = [Number(first), last === '' ? content.length : Math.min(content.length, Number(last) + 1)];
      const etag = `"${sha256(content)}"`;
      const condition = request.headers['if-range'];
      const whole = (from === 0 && until === content.length) || (condition !== undefined && condition !== etag);
      if (!whole && from >= content.length) return void response.writeHead(416, { 'content-range': `bytes */${content.length}` }).end();
      const part = whole ? content : content.subarray(from, until);
      response.writeHead(whole ? 200 : 206, {
        'content-length': part.length, etag, 'accept-ranges': 'bytes', ...(whole ? {} : { 'content-range': `bytes ${from}-${until - 1}/${content.length}` }),
      });
      response.end(request.method === 'HEAD' ? undefined : part);
    };
    const fault = request.method === 'GET' ? this.faults.get(name) : undefined;
    if (fault === undefined) send();
    else fault({ request, response, bytes, times, send, hub: this, name });
  }
}

async function listening(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<Server> {
  const server = createServer(answer);
  server.on('clientError', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

/** Bytes that are nobody's, and the same each time. */
export function noise(name: string, bytes: number): Buffer {
  const out = Buffer.alloc(bytes);
  let hash = createHash('sha256').update(name).digest();
  for (let at = 0; at < bytes; at += 32) {
    hash.copy(out, at);
    hash = createHash('sha256').update(hash).digest();
  }
  return out;
}
