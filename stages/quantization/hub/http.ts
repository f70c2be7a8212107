/**
 * One request over HTTP(S) to a server that may do anything: an answer within a time, a body whose every piece comes within a time, few
 * redirects, headers and JSON of bounded size. The token goes to the hub's own origin, and is left behind at the first redirect away from it.
 */
import * as http from 'node:http';
import * as https from 'node:https';
import type { IncomingMessage } from 'node:http';
import { HubError } from './errors.ts';
import type { HubSettings } from './settings.ts';

export interface Ask {
  readonly method?: 'GET' | 'HEAD' | 'POST';
  readonly headers?: { readonly [name: string]: string };
  readonly body?: string;
  readonly signal?: AbortSignal;
  /** HEAD of a file: the hub tells of it in the redirect itself. */
  readonly stay?: boolean;
}

export interface Answer {
  readonly status: number;
  /** Of the last server. */
  readonly headers: http.IncomingHttpHeaders;
  /** Those that the hub itself gave on the way (X-Repo-Commit, X-Linked-Etag), the first of each name. */
  readonly hub: { readonly [name: string]: string };
  /** The body, a piece at a time. Ending the loop early closes the connection. */
  pieces(): AsyncGenerator<Buffer>;
  /** Without reading the body. */
  close(): void;
}

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const HUB_HEADER = /^x-(?:repo-commit|linked-etag|linked-size|error-code|error-message)$/;

/** Asks the hub for `path` (from its root). Throws HubError, `passing` where another try may do. */
export async function ask(hub: HubSettings, path: string, { method = 'GET', headers = {}, body, signal, stay = false }: Ask = {}): Promise<Answer> {
  const start = new URL(`${hub.endpoint}${path}`);
  const told: { [name: string]: string } = {};
  let url = start;
  let token = hub.token;
  for (let hop = 0; ; hop++) {
    const own = { 'user-agent': 'bitwidth', 'accept-encoding': 'identity', ...headers, ...(token === undefined ? {} : { authorization: `Bearer ${token.reveal()}` }) };
    const response = await once(hub, url, method, own, body, signal);
    if (url.origin === start.origin) for (const [name, value] of Object.entries(response.headers)) if (HUB_HEADER.test(name) && typeof value === 'string') told[name] ??= value;
    const status = response.statusCode ?? 0;
    if (!REDIRECTS.has(status) || stay) return answerOf(hub, response, status, told, signal);
    response.destroy();
    if (hop === hub.policy.redirects) throw new HubError('wrong-answer', `the hub redirects more than ${hub.policy.redirects} times`, { hint: 'try again later' });
    url = target(url, response.headers.location);
    // A signed address stands for itself; what it leads to must not learn who asked.
    if (url.origin !== start.origin) token = undefined;
  }
}

function target(from: URL, location: string | undefined): URL {
  const to = location !== undefined && URL.canParse(location, from.href) ? new URL(location, from) : undefined;
  if (to === undefined || !/^https?:$/.test(to.protocol)) throw new HubError('wrong-answer', 'the hub redirects to something that is no web address', { hint: 'check HF_ENDPOINT, or try again later' });
  if (from.protocol === 'https:' && to.protocol === 'http:') throw new HubError('wrong-answer', 'the hub redirects from an encrypted connection to one that is not', { hint: 'check HF_ENDPOINT, and who answers in its name' });
  return to;
}

function once(hub: HubSettings, url: URL, method: string, headers: { readonly [name: string]: string }, body: string | undefined, signal: AbortSignal | undefined): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const options = { method, headers: { ...headers }, maxHeaderSize: hub.policy.largestHeaderBytes, ...(signal === undefined ? {} : { signal }) };
    const request = url.protocol === 'https:' ? https.request(url, options) : http.request(url, options);
    const timer = setTimeout(() => request.destroy(new HubError('slow', `the hub gave no answer within ${hub.policy.answerMs / 1000} s`, { passing: true, hint: 'try again later' })), hub.policy.answerMs);
    request.on('error', (error) => { clearTimeout(timer); reject(networkError(error, signal)); });
    request.on('response', (response) => { clearTimeout(timer); resolve(response); });
    request.end(body);
  });
}

function answerOf({ policy }: HubSettings, response: IncomingMessage, status: number, hub: Answer['hub'], signal: AbortSignal | undefined): Answer {
  // A body that nobody reads may break as it likes.
  response.on('error', () => undefined);
  return {
    status, headers: response.headers, hub,
    close: () => response.destroy(),
    async *pieces() {
      const late = (): void => void response.destroy(new HubError('slow', `nothing came for ${policy.idleMs / 1000} s`, { passing: true, hint: 'try again later' }));
      let timer = setTimeout(late, policy.idleMs);
      try {
        for await (const piece of response as AsyncIterable<Buffer>) {
          clearTimeout(timer);
          yield piece;
          timer = setTimeout(late, policy.idleMs);
        }
      } catch (error) {
        throw networkError(error, signal);
      } finally {
        clearTimeout(timer);
        response.destroy();
      }
    },
  };
}

/** A body of at most so many bytes. */
export async function bodyOf(answer: Answer, mostBytes: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of answer.pieces()) {
    bytes += piece.length;
    if (bytes > mostBytes) throw new HubError('wrong-answer', `the hub's answer is larger than ${mostBytes} bytes`, { hint: 'check HF_ENDPOINT, or try again later' });
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

const WORDS: { readonly [code: string]: string } = {
  ENOTFOUND: 'its name cannot be looked up', EAI_AGAIN: 'its name cannot be looked up', ECONNREFUSED: 'it refuses connections', ECONNRESET: 'the connection was cut', EPIPE: 'the connection was cut',
  ETIMEDOUT: 'it does not answer', EHOSTUNREACH: 'there is no way to it', ENETUNREACH: 'there is no network', HPE_HEADER_OVERFLOW: 'its headers are too large', ERR_STREAM_PREMATURE_CLOSE: 'the connection was cut',
};
const CERTIFICATE = /CERT|SIGNATURE|SELF_SIGNED|ERR_TLS/;

/** The system's error in words: its own message names hosts. */
function networkError(error: unknown, signal: AbortSignal | undefined): unknown {
  if (error instanceof HubError) return error;
  if (signal?.aborted === true) return signal.reason;
  const { code = '', message = '' } = error as NodeJS.ErrnoException;
  if (CERTIFICATE.test(code)) return new HubError('network', `the hub's certificate is not trusted here (${code})`, { hint: 'where a proxy stands between, NODE_EXTRA_CA_CERTS names the file with its certificate' });
  if (code.startsWith('HPE_') && code !== 'HPE_HEADER_OVERFLOW') return new HubError('wrong-answer', 'what answers does not speak HTTP', { passing: true, hint: 'check HF_ENDPOINT, or try again later' });
  const why = WORDS[code] ?? (message === 'aborted' ? 'the connection was cut' : code === '' ? undefined : `it cannot be reached (${code})`);
  if (why === undefined) return error;
  return new HubError('network', `the hub cannot be reached: ${why}`, { passing: true, hint: 'check the network, or try again later; with HF_HUB_OFFLINE=1 only what is here already is used' });
}
