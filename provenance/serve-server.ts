/** A study over HTTP on this machine only: its published site, and what runs do at this moment. It reads and never writes. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { createReadStream, readFileSync, realpathSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, sep } from 'node:path';
import { pipeline as piped } from 'node:stream';
import { ConfigurationError, openLive } from '../stages/dag/index.ts';
import { Figures, figureOrder } from './serve-figures.ts';
import { SHELL, SHELL_POLICY, SHELL_STYLE } from './serve-page.ts';
import { SHELL_SCRIPT } from './serve-script.ts';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Live, LiveState, Pipeline } from '../stages/dag/index.ts';

const TYPES: { readonly [extension: string]: string } = {
  '.html': 'text/html; charset=utf-8', '.css': 'text/css; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.json': 'application/json', '.jsonl': 'application/x-ndjson', '.svg': 'image/svg+xml', '.png': 'image/png',
  '.csv': 'text/csv; charset=utf-8', '.txt': 'text/plain; charset=utf-8', '.tex': 'text/plain; charset=utf-8', '.md': 'text/plain; charset=utf-8', '.sql': 'text/plain; charset=utf-8', '.wasm': 'application/wasm', '.woff2': 'font/woff2', '.pdf': 'application/pdf',
};
/** What the study is declared in. */
const STUDY_FILE = 'data/study.yaml';
const LOOK_EVERY_MS = 1000;
/** Looking at ten thousand cells takes a while: at most this share of the time is spent on it. */
const LOOKING_SHARE = 0.2;

export interface Served { readonly url: string; close(): Promise<void> }

/** `port` 0: any free one. Throws ConfigurationError where it is taken. */
export async function serveStudy(pipeline: Pipeline, port: number): Promise<Served> {
  const live = openLive(pipeline);
  const token = randomBytes(24).toString('base64url');
  const listeners = new Set<ServerResponse>();
  const study = studyOf(pipeline);
  let [site, looking, complained] = [siteStamp(pipeline, live), false, false];
  let [found, changed]: [LiveState | undefined, boolean] = [undefined, false];
  // What landed while nobody looked is nothing new to who looks now.
  let watched = false;
  const figures = new Figures(live);
  const order = JSON.stringify(figureOrder(pipeline));
  const message = (event: string, data: string): string => `event: ${event}\ndata: ${data}\n\n`;
  const send = (event: string, data: string): void => { for (const one of listeners) one.write(message(event, data)); };
  const look = async (): Promise<void> => {
    if (looking) return;
    looking = true;
    try {
      const [news, edited] = [await live.look(), studyOf(pipeline) !== study];
      const again = complained;
      if (news !== undefined || (found !== undefined && (edited !== changed || again))) {
        [found, changed, complained] = [news ?? found!, edited, false];
        send('state', told(found, changed));
      }
      if (found !== undefined && (news !== undefined || again)) {
        const fresh = await figures.take(found.records);
        if (Object.keys(fresh).length > 0) send('figures', JSON.stringify(watched ? { all: false, of: fresh } : { all: true, of: figures.all() }));
      }
      watched = true;
      const now = siteStamp(pipeline, live);
      if (now !== site) send('site', site = now);
    } catch (error) {
      // A file that is being edited, an object that was just removed: told, and looked at again.
      complained = true;
      send('state', told({ ...(found ?? NOTHING), failures: [(error as Error).message] }, changed));
    } finally {
      looking = false;
    }
  };
  const server = createServer((request, response) => {
    const own = (server.address() as AddressInfo | null)?.port;
    const path = admitted(request, response, own, token);
    if (path === undefined) return;
    if (path === '' || path === 'live.js' || path === 'live.css') {
      if (path === '') response.setHeader('Content-Security-Policy', SHELL_POLICY);
      response.setHeader('Content-Type', path === '' ? TYPES['.html']! : TYPES[extname(path)]!);
      response.end(request.method === 'HEAD' ? undefined : path === '' ? SHELL : path === 'live.js' ? SHELL_SCRIPT : SHELL_STYLE);
    } else if (path === 'events') {
      response.setHeader('Content-Type', 'text/event-stream');
      if (request.method === 'HEAD') { response.end(); return; }
      response.write(message('order', order));
      response.write(found === undefined ? ': looking\n\n' : message('state', told(found, changed)) + message('figures', JSON.stringify({ all: true, of: figures.all() })));
      if (listeners.size === 0) watched = false;
      listeners.add(response);
      response.on('close', () => listeners.delete(response));
      void look();
    } else if (path.startsWith('site/')) sendFile(pipeline, path.slice('site/'.length), request, response);
    else refuse(response, 404, 'There is nothing here.');
  });
  try {
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve));
  } catch (error) {
    await live.close();
    const { code } = error as NodeJS.ErrnoException;
    throw new ConfigurationError(code === 'EADDRINUSE' ? `serve: port ${port} is taken by another program; choose another with --port, or leave it out for any free one` : `serve: port ${port} cannot be opened (${code ?? 'unknown'}); choose one from 1024 to 65535`);
  }
  let timer: NodeJS.Timeout;
  let closed = false;
  const wait = (ms: number): void => {
    timer = setTimeout(async () => {
      const fromMs = performance.now();
      // Nobody looks: nothing is read.
      if (listeners.size > 0) await look();
      if (!closed) wait(Math.max(LOOK_EVERY_MS, (performance.now() - fromMs) / LOOKING_SHARE));
    }, ms);
  };
  wait(LOOK_EVERY_MS);
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/${token}/`,
    async close() {
      closed = true;
      clearTimeout(timer);
      const ended = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await ended;
      while (looking) await new Promise((resolve) => setTimeout(resolve, 10));
      await live.close();
    },
  };
}

/** The path behind the token; undefined where the request was refused. */
function admitted(request: IncomingMessage, response: ServerResponse, port: number | undefined, token: string): string | undefined {
  response.setHeader('Referrer-Policy', 'no-referrer');
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Cache-Control', 'no-store');
  response.setHeader('Cross-Origin-Resource-Policy', 'same-origin');
  // A name of another's that leads to this machine (DNS rebinding) is not ours.
  if (request.headers.host !== `127.0.0.1:${port}` && request.headers.host !== `localhost:${port}`) return refuse(response, 421, 'This is served to 127.0.0.1 and localhost only.');
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('Allow', 'GET, HEAD');
    return refuse(response, 405, 'This can only be read.');
  }
  const match = /^\/([^/?#]*)(?:\/([^?#]*))?/.exec(request.url ?? '');
  // Hashed: equal lengths, and the time tells nothing of where they differ.
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  if (match === null || !timingSafeEqual(digest(match[1]!), digest(token))) return refuse(response, 403, 'The address that "bitwidth serve" printed is needed, with its token.');
  if (match[2] === undefined) {
    response.setHeader('Location', `/${token}/`);
    return refuse(response, 308, 'The address ends in a slash.');
  }
  try {
    return decodeURIComponent(match[2]);
  } catch {
    return refuse(response, 400, 'The address cannot be read.');
  }
}

function refuse(response: ServerResponse, status: number, sentence: string): undefined {
  response.statusCode = status;
  response.setHeader('Content-Type', TYPES['.txt']!);
  response.end(`${sentence}\n`);
}

/** The exported folder that is a site. */
function siteFolder({ root, exports }: Pipeline): string | undefined {
  return exports.map(({ to }) => join(root, to)).find((folder) => statSync(join(folder, 'index.html'), { throwIfNoEntry: false })?.isFile() === true);
}

/** Its front page is written last. Where that page is the same as before, what the run remembers of the folder tells that others are not. */
function siteStamp(pipeline: Pipeline, live: Live): string {
  const folder = siteFolder(pipeline);
  const stat = folder === undefined ? undefined : statSync(join(folder, 'index.html'), { throwIfNoEntry: false });
  return stat === undefined ? 'none' : [stat.ino, stat.mtimeMs, stat.size, ...pipeline.exports.map(({ to }) => live.exported(to))].join(' ');
}

function studyOf({ root }: Pipeline): string | undefined {
  try {
    return createHash('sha256').update(readFileSync(join(root, STUDY_FILE))).digest('hex');
  } catch {
    return undefined;
  }
}

function sendFile(pipeline: Pipeline, path: string, request: IncomingMessage, response: ServerResponse): void {
  const folder = siteFolder(pipeline);
  if (folder === undefined) return refuse(response, 404, 'No report was published yet; it shows here once a run has written it.');
  const parts = (path === '' || path.endsWith('/') ? `${path}index.html` : path).split('/');
  if (parts.some((part) => part === '' || part === '.' || part === '..' || /[\\\0]/.test(part))) return refuse(response, 404, 'There is nothing here.');
  try {
    const file = join(folder, ...parts);
    // What a link leads to may lie outside.
    if (realpathSync(file) !== join(realpathSync(folder), ...parts) || !realpathSync(file).startsWith(realpathSync(folder) + sep)) return refuse(response, 404, 'There is nothing here.');
    const stat = statSync(file);
    if (!stat.isFile()) return refuse(response, 404, 'There is nothing here.');
    response.setHeader('Content-Type', TYPES[extname(file)] ?? 'application/octet-stream');
    response.setHeader('Content-Length', stat.size);
    if (request.method === 'HEAD') response.end();
    else piped(createReadStream(file, { end: Math.max(0, stat.size - 1) }), response, () => undefined);
  } catch {
    refuse(response, 404, 'There is nothing here.');
  }
}

const NOTHING: LiveState = { running: [], holders: [], tasks: [], failures: [], recent: [], cells: [], records: new Map(), left: undefined };

/** The state as the page takes it, with the time at which it is told. `changed`: the study is declared otherwise by now. */
function told({ running, holders, tasks, failures, recent, cells, left = '' }: LiveState, changed: boolean): string {
  const stages = new Map<string, { stage: string; done: number; running: number; open: number; failed: number }>();
  for (const { stage, state } of cells) {
    const row = stages.get(stage) ?? { stage, done: 0, running: 0, open: 0, failed: 0 };
    if (state !== 'not needed' && state !== 'lacking') row[state]++;
    stages.set(stage, row);
  }
  return JSON.stringify({ now: Date.now(), running, holders, tasks, failures, recent, stages: [...stages.values()], left, changed });
}
