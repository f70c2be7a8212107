/**
 * Opens a built site in Debian's Chromium: from file:// and from a server under a sub-path, light and dark, wide and
 * 360 px, with and without JavaScript. Returns complaints; undefined when a tool is missing (`missing()` says which).
 */
import { createServer } from 'node:http';
import { createReadStream, existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { extname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { AddressInfo } from 'node:net';

const require = createRequire(import.meta.url);
const chromiumPath = '/usr/bin/chromium';

/** A sentence when a browser test cannot run here. */
export function missing(): string | undefined {
  if (!existsSync(chromiumPath)) return 'Chromium is not installed (apt-get install chromium)';
  try { require.resolve('playwright-core'); require.resolve('axe-core'); } catch { return 'run npm ci --prefix test/browser'; }
  return undefined;
}

interface Page {
  on(event: 'console' | 'pageerror' | 'requestfailed', listener: (it: never) => void): void;
  goto(url: string): Promise<unknown>;
  evaluate<T>(script: string): Promise<T>;
  addScriptTag(options: { content: string }): Promise<unknown>;
  close(): Promise<void>;
}
interface Context { newPage(): Promise<Page>; close(): Promise<void> }
interface Browser { newContext(options: object): Promise<Context>; close(): Promise<void> }

/** Serves `folder` at http://127.0.0.1:<port>/some/base/. */
async function served(folder: string): Promise<{ url: string; close(): void }> {
  const types: Record<string, string> = { '.html': 'text/html; charset=utf-8', '.css': 'text/css', '.js': 'text/javascript', '.svg': 'image/svg+xml' };
  const server = createServer((request, response) => {
    const path = decodeURIComponent((request.url ?? '').split('?')[0]!);
    const file = resolve(folder, `.${path.replace('/some/base', '')}`);
    if (!path.startsWith('/some/base/') || !file.startsWith(resolve(folder)) || !existsSync(file)) { response.writeHead(404).end(); return; }
    response.writeHead(200, { 'content-type': types[extname(file)] ?? 'application/octet-stream' });
    createReadStream(file).pipe(response);
  });
  await new Promise<void>((done) => { server.listen(0, '127.0.0.1', done); });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/some/base/`, close: () => server.close() };
}

export async function complaintsInChromium(folder: string, pages: readonly string[]): Promise<string[]> {
  const { chromium } = require('playwright-core') as { chromium: { launch(options: object): Promise<Browser> } };
  const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
  const browser = await chromium.launch({ executablePath: chromiumPath, args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'] });
  const server = await served(folder);
  const complaints: string[] = [];

  const look = async (label: string, base: string, options: object, check: (page: Page, path: string) => Promise<string[]>) => {
    const context = await browser.newContext({ bypassCSP: true, ...options });
    for (const path of pages) {
      const page = await context.newPage();
      const say = (what: string) => complaints.push(`${path} (${label}): ${what}`);
      page.on('console', (it: { type(): string; text(): string }) => { if (it.type() === 'error') say(`console: ${it.text()}`); });
      page.on('pageerror', (it: Error) => say(`script error: ${it.message}`));
      page.on('requestfailed', (it: { url(): string }) => say(`request failed: ${it.url()}`));
      await page.goto(base + path);
      for (const it of await check(page, path)) say(it);
      await page.close();
    }
    await context.close();
  };

  const accessible = async (page: Page) => {
    await page.addScriptTag({ content: axe });
    // preload: axe would fetch the style sheets by XMLHttpRequest, which file:// forbids.
    const found = await page.evaluate<{ id: string; nodes: { html: string }[] }[]>(`axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'], preload: false }).then((it) => it.violations.map((v) => ({ id: v.id, nodes: v.nodes.map((n) => ({ html: n.html })) })))`);
    return found.map((it) => `axe ${it.id} on ${it.nodes.length} nodes, first ${it.nodes[0]?.html.slice(0, 160)}`);
  };
  const fits = async (page: Page) => {
    const width = await page.evaluate<number>('document.documentElement.scrollWidth');
    return width > 360 ? [`the page is ${width} px wide at 360 px`] : [];
  };
  const text = (page: Page) => page.evaluate<string>(`document.querySelector('main').textContent.replace(/\\s+/g, ' ').trim()`);

  try {
    const files = `${pathToFileURL(folder).href}/`;
    const withScript = new Map<string, string>();
    await look('file, light', files, { colorScheme: 'light', viewport: { width: 1280, height: 900 } }, async (page, path) => { withScript.set(path, await text(page)); return accessible(page); });
    await look('server, dark', server.url, { colorScheme: 'dark', viewport: { width: 1280, height: 900 } }, accessible);
    await look('360 px', files, { colorScheme: 'light', viewport: { width: 360, height: 780 } }, async (page) => [...await fits(page), ...await accessible(page)]);
    await look('no JavaScript', files, { javaScriptEnabled: false }, async (page, path) => {
      const without = await text(page), missing = withScript.get(path)!.split(' ').length - without.split(' ').length;
      return missing > 0 ? [`${missing} words are there only with JavaScript`] : [];
    });
  } finally {
    server.close();
    await browser.close();
  }
  return complaints;
}

/** The pages worth opening: all but the cells', of which a few stand for the rest. */
export function pagesToOpen(files: readonly string[]): string[] {
  const html = files.filter((it) => it.endsWith('.html')), cells = html.filter((it) => it.startsWith(join('cells', '/')));
  const every = Math.max(1, Math.floor(cells.length / 4));
  return [...html.filter((it) => !cells.includes(it)), ...cells.filter((_, index) => index % every === 0)];
}
