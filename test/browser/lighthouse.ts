/** Lighthouse's scores of the overview, served as a host would, and its size. Returns complaints. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { launch, require, served } from './chromium.ts';

const LEAST_SCORE = 0.98, MOST_BYTES = 100_000;

/** The first page with all that it loads, as a host sends it. */
export function overviewTooLarge(folder: string): string[] {
  const files = ['index.html', 'assets/style.css', 'assets/script.js'];
  const bytes = files.reduce((sum, file) => sum + gzipSync(readFileSync(join(folder, file))).length, 0);
  return bytes > MOST_BYTES ? [`the overview with its style and script is ${bytes} bytes compressed; at most ${MOST_BYTES}`] : [];
}

interface Category { readonly score: number | null; readonly auditRefs: readonly { readonly id: string; readonly weight: number }[] }
interface Result { readonly lhr: { readonly categories: { readonly [name: string]: Category }; readonly audits: { readonly [id: string]: { readonly score: number | null; readonly title: string } } } }

export async function lowScores(folder: string): Promise<{ readonly scores: { readonly [category: string]: number }; readonly complaints: string[] }> {
  const { default: lighthouse } = await import(require.resolve('lighthouse')) as { default: (url: string, flags: object) => Promise<Result> };
  const port = await freePort();
  const browser = await launch([`--remote-debugging-port=${port}`]), server = await served(folder);
  try {
    const { lhr } = await lighthouse(`${server.url}index.html`, { port, onlyCategories: ['performance', 'accessibility'], logLevel: 'error' });
    const scores = Object.fromEntries(Object.entries(lhr.categories).map(([name, { score }]) => [name, score ?? 0]));
    const complaints = Object.entries(scores).filter(([, score]) => score < LEAST_SCORE).map(([name, score]) => {
      const lost = lhr.categories[name]!.auditRefs.filter(({ id, weight }) => weight > 0 && (lhr.audits[id]!.score ?? 1) < 1).map(({ id }) => lhr.audits[id]!.title);
      return `index.html: Lighthouse gives ${name} ${score}, less than ${LEAST_SCORE}: ${lost.join('; ')}`;
    });
    return { scores, complaints };
  } finally {
    server.close();
    await browser.close();
  }
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((done) => { probe.listen(0, '127.0.0.1', done); });
  const { port } = probe.address() as AddressInfo;
  await new Promise((done) => { probe.close(done); });
  return port;
}
