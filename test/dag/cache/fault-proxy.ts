/** Stands between a run and a real S3 server on loopback, and does to requests what a network or a server may do to them. */
import { createServer, request } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';

export type Fault =
  | 'pass'
  /** The connection is cut without an answer, in the middle of the body, or never answers. */
  | 'reset' | 'cut' | 'stall'
  /** The server does what it was asked to, and its answer never arrives. */
  | 'lost'
  /** The body ends early, as if that were all of it; one of its bytes is another. */
  | 'short' | 'flip'
  /** The body comes in ten pieces, 100 ms apart. */
  | 'slow'
  | { readonly status: number; readonly code?: string; readonly headers?: { readonly [name: string]: string } };

/** `n`: how many requests came before this one. */
export type Choose = (asked: { readonly method: string; readonly path: string }, n: number) => Fault;

export class FaultProxy {
  readonly requests: { readonly method: string; readonly path: string; readonly fault: Fault }[] = [];
  choose: Choose = () => 'pass';
  readonly #server: Server;
  readonly #target: () => number;
  #port = 0;

  /** `target`: the port behind it. */
  constructor(target: () => number) {
    this.#target = target;
    this.#server = createServer((incoming, outgoing) => this.#serve(incoming, outgoing));
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (this.#server.address() as { readonly port: number }).port;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Nothing listens any more; what was connected is cut. `start` has it listen there again. */
  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  #serve(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const asked = { method: incoming.method!, path: incoming.url! };
    const fault = this.choose(asked, this.requests.length);
    this.requests.push({ ...asked, fault });
    if (fault === 'reset') return void incoming.socket.resetAndDestroy();
    if (fault === 'stall') return void incoming.resume();
    if (typeof fault === 'object') {
      incoming.resume();
      outgoing.writeHead(fault.status, { 'content-type': 'application/xml', ...fault.headers });
      return void outgoing.end(incoming.method === 'HEAD' ? undefined : `<?xml version="1.0"?><Error><Code>${fault.code ?? 'Fault'}</Code><Message>no</Message></Error>`);
    }
    // The signature is over the host that the run has asked.
    const onward = request({ port: this.#target(), host: '127.0.0.1', method: incoming.method, path: incoming.url, headers: incoming.headers }, (answer) => void this.#answer(answer, outgoing, fault));
    onward.on('error', () => incoming.socket.resetAndDestroy());
    incoming.pipe(onward);
  }

  async #answer(answer: IncomingMessage, outgoing: ServerResponse, fault: Exclude<Fault, object>): Promise<void> {
    const pieces: Buffer[] = [];
    for await (const piece of answer) pieces.push(piece as Buffer);
    const body = Buffer.concat(pieces);
    if (fault === 'lost') return void outgoing.socket?.resetAndDestroy();
    const headers = { ...answer.headers };
    if (fault === 'flip' && body.length > 0) body[body.length >> 1]! ^= 1;
    if (fault === 'short') headers['content-length'] = String(body.length >> 1);
    outgoing.writeHead(answer.statusCode!, headers);
    if (fault === 'short') return void outgoing.end(body.subarray(0, body.length >> 1));
    if (fault === 'cut') {
      outgoing.write(body.subarray(0, body.length >> 1));
      return void setTimeout(() => outgoing.socket?.resetAndDestroy(), 20);
    }
    if (fault === 'slow') {
      for (let at = 0; at < body.length; at += Math.ceil(body.length / 10)) {
        outgoing.write(body.subarray(at, at + Math.ceil(body.length / 10)));
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      return void outgoing.end();
    }
    outgoing.end(body);
  }
}
