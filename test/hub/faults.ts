/** What a server may do to a download, and what must come of it. One line each; test/hub/download.test.ts tries them all. */
import type { Fault, Sending } from './stand-in.ts';
import { sha256 } from './stand-in.ts';

export interface FaultCase {
  readonly name: string;
  readonly fault: Fault;
  /** The file comes all the same; or the error's code and words. */
  readonly ends: 'whole' | { readonly code: string; readonly says: RegExp };
  /** How often the body is asked for at least and at most. */
  readonly requests?: readonly [number, number];
  /** How much is kept for the next run. */
  readonly keeps?: 'something' | 'nothing';
}

const first = (times: number, fault: Fault): Fault => (sending) => sending.times <= times ? fault(sending) : sending.send();
const half = ({ bytes }: Sending): Buffer => bytes.subarray(0, bytes.length >> 1);

const truncate: Fault = ({ response, bytes, request, ...rest }) => {
  const from = Number(/\d+/.exec(request.headers.range ?? '')?.[0] ?? 0);
  const part = bytes.subarray(from);
  response.writeHead(from === 0 ? 200 : 206, { 'content-length': part.length, etag: `"${sha256(bytes)}"`, ...(from === 0 ? {} : { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` }) });
  response.write(part.subarray(0, Math.max(1, half({ ...rest, response, request, bytes: part }).length)));
  setTimeout(() => response.destroy(), 20);
};
const reset: Fault = ({ response, bytes, request }) => {
  response.writeHead(200, { 'content-length': bytes.length });
  response.write(bytes.subarray(0, 100_000));
  setTimeout(() => request.socket.resetAndDestroy(), 20);
};
const status = (code: number, headers: { [name: string]: string } = {}): Fault => ({ response }) => void response.writeHead(code, headers).end('no');
const flipped = (bytes: Buffer): Buffer => { const other = Buffer.from(bytes); other[other.length >> 1]! ^= 1; return other; };

export const FAULTS: readonly FaultCase[] = [
  { name: 'nothing wrong', fault: ({ send }) => send(), ends: 'whole', requests: [1, 1] },
  { name: 'cuts it twice', fault: first(2, truncate), ends: 'whole', requests: [3, 3] },
  { name: 'cuts it each time', fault: truncate, ends: 'whole' },
  { name: 'resets the connection twice', fault: first(2, reset), ends: 'whole', requests: [3, 3] },
  { name: 'ends after half as if that were all', fault: first(1, (sending) => { sending.response.writeHead(200, { 'transfer-encoding': 'chunked' }); sending.response.end(half(sending)); }), ends: 'whole', requests: [2, 2] },
  { name: 'announces more than there is', fault: ({ response, bytes }) => { response.writeHead(200, { 'content-length': bytes.length + 1000 }); response.end(Buffer.concat([bytes, Buffer.alloc(1000)])); }, ends: { code: 'wrong-answer', says: /wants to send \d+ bytes/ }, requests: [3, 3] },
  { name: 'announces less than there is', fault: (sending) => { const part = half(sending); sending.response.writeHead(200, { 'content-length': part.length }); sending.response.end(part); }, ends: { code: 'wrong-answer', says: /wants to send \d+ bytes/ } },
  { name: 'sends more than there is', fault: ({ response, bytes }) => { response.writeHead(200, { 'transfer-encoding': 'chunked' }); response.write(bytes); response.end(Buffer.alloc(5000)); }, ends: { code: 'wrong-bytes', says: /more of model\.safetensors/ }, requests: [2, 2], keeps: 'nothing' },
  {
    name: 'never ends', fault: ({ response }) => {
      response.writeHead(200, { 'transfer-encoding': 'chunked' });
      const piece = Buffer.alloc(1 << 16);
      const more = (): void => { while (!response.destroyed && response.write(piece)); };
      response.on('drain', more);
      more();
    }, ends: { code: 'wrong-bytes', says: /more of model\.safetensors/ }, keeps: 'nothing',
  },
  { name: 'sends other bytes once', fault: first(1, ({ send, bytes }) => send(flipped(bytes))), ends: 'whole', requests: [2, 2] },
  { name: 'sends other bytes', fault: ({ send, bytes }) => send(flipped(bytes)), ends: { code: 'wrong-bytes', says: /other bytes .* than it has promised/ }, requests: [2, 2], keeps: 'nothing' },
  { name: 'stalls once', fault: first(1, ({ response, bytes }) => { response.writeHead(200, { 'content-length': bytes.length }); response.write(bytes.subarray(0, 200_000)); }), ends: 'whole', requests: [2, 2] },
  { name: 'stalls before the first byte', fault: ({ response, bytes }) => { response.writeHead(200, { 'content-length': bytes.length }); response.flushHeaders(); }, ends: { code: 'slow', says: /nothing came for 0\.5 s \(3 tries\)/ }, requests: [3, 3] },
  { name: 'never answers', fault: () => undefined, ends: { code: 'slow', says: /gave no answer within 0\.5 s \(3 tries\)/ }, requests: [3, 3] },
  { name: 'knows no ranges', fault: (sending) => sending.times === 1 ? truncate(sending) : (sending.response.writeHead(200, { 'content-length': sending.bytes.length }), void sending.response.end(sending.bytes)), ends: 'whole', requests: [2, 2] },
  { name: 'answers 416 to a range', fault: (sending) => sending.times === 1 ? truncate(sending) : sending.request.headers.range === undefined ? sending.send() : status(416)(sending), ends: 'whole', requests: [3, 3] },
  { name: 'answers 416 always', fault: status(416), ends: { code: 'wrong-answer', says: /status 416/ }, requests: [1, 1] },
  {
    name: 'goes on at another place', fault: (sending) => {
      if (sending.times === 1 || sending.request.headers.range === undefined) return sending.times === 1 ? truncate(sending) : sending.send();
      const { response, bytes } = sending;
      response.writeHead(206, { 'content-range': `bytes 0-${bytes.length - 1}/${bytes.length}`, 'content-length': bytes.length });
      response.end(bytes);
    }, ends: 'whole', requests: [3, 3],
  },
  { name: 'asks to wait a second, twice', fault: first(2, status(429, { 'retry-after': '0' })), ends: 'whole', requests: [3, 3] },
  { name: 'asks to wait until a time', fault: first(1, (sending) => status(429, { 'retry-after': new Date(Date.now() + 1000).toUTCString() })(sending)), ends: 'whole', requests: [2, 2] },
  { name: 'asks to wait for an hour', fault: status(503, { 'retry-after': '3600' }), ends: { code: 'busy', says: /not well \(status 503\) and asks to wait 1 h 00 min/ }, requests: [1, 1] },
  { name: 'is not well, and says so in nonsense', fault: first(2, status(500, { 'retry-after': 'soon' })), ends: 'whole', requests: [3, 3] },
  { name: 'is never well', fault: status(500), ends: { code: 'busy', says: /status 500\) \(3 tries\)/ }, requests: [3, 3] },
  { name: 'says that it was asked too often', fault: status(429), ends: { code: 'busy', says: /asked too often/ }, requests: [3, 3] },
  { name: 'redirects in circles', fault: ({ response, request }) => void response.writeHead(302, { location: request.url! }).end(), ends: { code: 'wrong-answer', says: /more than 5 times/ } },
  { name: 'redirects to a file', fault: status(302, { location: 'file:///etc/passwd' }), ends: { code: 'wrong-answer', says: /no web address/ } },
  { name: 'redirects nowhere', fault: status(302), ends: { code: 'wrong-answer', says: /no web address/ } },
  { name: 'has huge headers', fault: ({ response, bytes }) => { response.writeHead(200, { 'x-long': 'x'.repeat(100_000), 'content-length': bytes.length }); response.end(bytes); }, ends: { code: 'network', says: /headers are too large/ } },
  { name: 'compresses unasked', fault: ({ response, bytes }) => { response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': bytes.length }); response.end(bytes); }, ends: { code: 'wrong-answer', says: /encoded \(gzip\)/ }, requests: [1, 1] },
  { name: 'speaks no HTTP', fault: ({ request }) => void request.socket.end('220 mail.example ESMTP\r\n'), ends: { code: 'wrong-answer', says: /does not speak HTTP/ } },
  {
    name: 'drips', fault: ({ response, bytes }) => {
      response.writeHead(200, { 'content-length': bytes.length });
      let at = 0;
      const timer = setInterval(() => { if (response.destroyed || at > 100_000) clearInterval(timer); else response.write(bytes.subarray(at, at += 100)); }, 20);
    }, ends: { code: 'slow', says: /did not come within/ }, requests: [1, 1], keeps: 'something',
  },
  { name: 'has another etag of its own', fault: ({ response, bytes }) => { response.writeHead(200, { etag: '"other"', 'content-length': bytes.length }); response.end(bytes); }, ends: 'whole', requests: [1, 1] },
  {
    name: 'has changed since it broke off', fault: (sending) => {
      if (sending.times > 1) return sending.send(flipped(sending.bytes));
      truncate(sending);
    }, ends: { code: 'wrong-bytes', says: /other bytes/ }, keeps: 'nothing',
  },
  {
    name: 'goes on with a changed file under a new etag', fault: (sending) => {
      if (sending.request.headers.range === undefined) return sending.times === 1 ? truncate(sending) : sending.send();
      const { response, bytes } = sending;
      const from = Number(/\d+/.exec(sending.request.headers.range)![0]);
      response.writeHead(206, { etag: '"new"', 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` });
      response.end(flipped(bytes).subarray(from));
    }, ends: 'whole', requests: [3, 3],
  },
  { name: 'forbids it', fault: status(403, { 'x-error-message': `no, https://x.example/?token=1 is not for hf_canaryCANARYcanaryCANARYcanaryCANARY00` }), ends: { code: 'refused', says: /refuses test\/model/ }, requests: [1, 1] },
];
