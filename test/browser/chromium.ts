/** Debian's Chromium for tests: whether it is here, how it is started, and a web server that has the site under a base path. */
import { createReadStream, existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { extname, resolve } from 'node:path';

export const require = createRequire(import.meta.url);
const chromiumPath = '/usr/bin/chromium';

/** A sentence when a browser test cannot run here. */
export function missing(): string | undefined {
  if (!existsSync(chromiumPath)) return 'Chromium is not installed (apt-get install chromium)';
  try { for (const name of ['playwright-core', 'axe-core', 'lighthouse']) require.resolve(name); } catch { return 'run npm ci --prefix test/browser'; }
  return undefined;
}

/** What the tests use of Playwright; its own types are not there where its package is not installed. */
export interface Page {
  on(event: 'console' | 'pageerror' | 'requestfailed' | 'request' | 'dialog' | 'popup', listener: (it: never) => void): void;
  goto(url: string): Promise<unknown>;
  goBack(): Promise<unknown>;
  goForward(): Promise<unknown>;
  url(): string;
  evaluate<T>(script: string): Promise<T>;
  emulateMedia(options: { colorScheme?: 'light' | 'dark'; media?: 'screen' | 'print'; reducedMotion?: 'reduce' | 'no-preference'; forcedColors?: 'active' | 'none' }): Promise<void>;
  setViewportSize(size: { readonly width: number; readonly height: number }): Promise<void>;
  waitForTimeout(ms: number): Promise<void>;
  waitForLoadState(state: 'load'): Promise<void>;
  screenshot(options: { path: string; fullPage?: boolean }): Promise<unknown>;
  pdf(options: { path: string; format: string }): Promise<unknown>;
  hover(selector: string): Promise<void>;
  click(selector: string): Promise<void>;
  tap(selector: string): Promise<void>;
  focus(selector: string): Promise<void>;
  fill(selector: string, text: string): Promise<void>;
  check(selector: string): Promise<void>;
  /** What a page asks for at these addresses goes to `handle` instead. */
  route(addresses: string, handle: (request: { abort(): Promise<void>; fulfill(answer: { readonly status: number; readonly contentType: string; readonly body: string }): Promise<void> }) => unknown): Promise<void>;
  unroute(addresses: string): Promise<void>;
  setInputFiles(selector: string, folder: string): Promise<void>;
  selectOption(selector: string, value: string): Promise<unknown>;
  waitForEvent(event: 'download'): Promise<{ path(): Promise<string>; suggestedFilename(): string }>;
  readonly keyboard: { press(key: string): Promise<void> };
  readonly mouse: { move(x: number, y: number): Promise<void> };
  close(): Promise<void>;
}
export interface Context { newPage(): Promise<Page>; close(): Promise<void> }
export interface Browser { newContext(options?: object): Promise<Context>; close(): Promise<void> }

/** @param args further switches of the command line */
export function launch(args: readonly string[] = []): Promise<Browser> {
  const { chromium } = require('playwright-core') as { chromium: { launch(options: object): Promise<Browser> } };
  return chromium.launch({ executablePath: chromiumPath, args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', ...args] });
}

/**
 * Collects what a page does that it should not: any message on the console, a script's error, a dialog, a window, a request that fails or that
 * leads out of `base`.
 */
export function overhear(page: Page, base: string): string[] {
  const heard: string[] = [];
  page.on('console', (it: { type(): string; text(): string }) => heard.push(`console ${it.type()}: ${it.text()}`));
  page.on('pageerror', (it: Error) => heard.push(`script error: ${it.message}`));
  page.on('dialog', (it: { message(): string; dismiss(): Promise<void> }) => { heard.push(`dialog: ${it.message()}`); void it.dismiss(); });
  page.on('popup', () => heard.push('it opened a window'));
  page.on('requestfailed', (it: { url(): string }) => heard.push(`request failed: ${it.url()}`));
  page.on('request', (it: { url(): string }) => { if (!it.url().startsWith(base) && it.url() !== 'data:,') heard.push(`request to ${it.url()}`); });
  return heard;
}

/** While `look` goes on the connection breaks as soon as these files are asked for. */
export async function broken(page: Page, addresses: string, look: () => Promise<void>): Promise<void> {
  await page.route(addresses, (request) => request.abort());
  await look();
  await page.unroute(addresses);
}

export const axeSource = (): string => readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

const BASE = '/any/base/';
const TYPES: Record<string, string> = { '.html': 'text/html; charset=utf-8', '.css': 'text/css', '.js': 'text/javascript', '.svg': 'image/svg+xml' };

/** Serves `folder` at http://127.0.0.1:<port>/any/base/ and nothing elsewhere; `before`: what a path waits for, as on a slow line. */
export async function served(folder: string, before: (path: string) => Promise<void> | undefined = () => undefined): Promise<{ url: string; close(): void }> {
  const root = resolve(folder);
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent((request.url ?? '').split('?')[0]!);
    const file = resolve(root, `.${path.replace(BASE, '/')}`);
    if (!path.startsWith(BASE) || !file.startsWith(`${root}/`) || !existsSync(file)) { response.writeHead(404).end(); return; }
    await before(path.slice(BASE.length));
    response.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream' });
    createReadStream(file).pipe(response);
  });
  await new Promise<void>((done) => { server.listen(0, '127.0.0.1', done); });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${BASE}`, close: () => { server.closeAllConnections(); server.close(); } };
}
