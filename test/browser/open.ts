/**
 * Opens a built site in Chromium, under its own policy: from file:// and from a server under a base path, light and dark, 1280 and 360 px wide, with
 * and without JavaScript. Returns complaints.
 */
import { statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { axeSource, launch, overhear, served } from './chromium.ts';
import type { Page } from './chromium.ts';

/** How a page is looked at: the size of the window, the reader's colours. */
export interface Look { readonly size: { readonly width: number; readonly height: number }; readonly colorScheme: 'light' | 'dark' }
const WIDE = { width: 1280, height: 900 }, PHONE = { width: 360, height: 780 };
export const ALL_LOOKS: readonly Look[] = [WIDE, PHONE].flatMap((size) => (['light', 'dark'] as const).map((colorScheme) => ({ size, colorScheme })));
/** Both sizes and both colours, in half the time. */
export const TWO_LOOKS: readonly Look[] = [{ size: WIDE, colorScheme: 'light' }, { size: PHONE, colorScheme: 'dark' }];
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
/** As many pages at once as there are processors to be had anywhere. */
const AT_ONCE = 2;

export async function complaintsInChromium(folder: string, paths: readonly string[], looks: readonly Look[] = ALL_LOOKS): Promise<string[]> {
  const browser = await launch(), server = await served(folder), files = `${pathToFileURL(folder).href}/`;
  const complaints: string[] = [], axe = axeSource();
  try {
    const [own, plain] = [await browser.newContext({ viewport: WIDE }), await browser.newContext({ javaScriptEnabled: false })];
    const open = async (label: string, context: typeof own, base: string, path: string, look: (page: Page) => Promise<string[]>): Promise<void> => {
      const page = await context.newPage(), heard = overhear(page, base);
      try {
        await page.goto(base + path);
        heard.push(...await look(page));
      } finally {
        await page.close();
      }
      complaints.push(...heard.map((what) => `${path} (${label}): ${what}`));
    };
    await atOnce(paths, async (path) => {
      let words = '';
      await open('file', own, files, path, async (page) => {
        words = await textOf(page);
        await page.evaluate(axe);
        const found = await page.evaluate<string[]>(FIGURES);
        for (const { size, colorScheme } of looks) {
          await page.setViewportSize(size);
          await page.emulateMedia({ colorScheme });
          const needed = await page.evaluate<number>('document.documentElement.scrollWidth');
          const wrong = [...(needed > size.width ? [`the page is ${needed} px wide`] : []), ...await violations(page)];
          found.push(...wrong.map((it) => `${size.width} px, ${colorScheme}: ${it}`));
        }
        return found;
      });
      await open('server', own, server.url, path, async (page) => (await textOf(page) === words ? [] : ['another text than from file://']));
      await open('no JavaScript', plain, files, path, async (page) => {
        const without = await textOf(page);
        return without === words ? [] : [`${words.length - without.length} characters of its text are there only with JavaScript`];
      });
    });
  } finally {
    server.close();
    await browser.close();
  }
  return complaints.sort();
}

async function atOnce(paths: readonly string[], each: (path: string) => Promise<void>): Promise<void> {
  // Largest first would help little: the order is kept, so that a run is easy to follow.
  const left = [...paths];
  await Promise.all(Array.from({ length: AT_ONCE }, async () => { for (let path = left.shift(); path !== undefined; path = left.shift()) await each(path); }));
}

/** preload: axe would fetch the style sheets by XMLHttpRequest, which neither file:// nor the policy allows. */
export const violations = (page: Page): Promise<string[]> => page.evaluate(`axe.run(document, { runOnly: ${JSON.stringify(TAGS)}, preload: false, resultTypes: ['violations'] })
  .then((it) => it.violations.map((v) => 'axe ' + v.id + ' on ' + v.nodes.length + ' elements, first ' + v.nodes[0].html.slice(0, 160)))`);

const textOf = (page: Page): Promise<string> => page.evaluate(`document.body.textContent.replace(/\\s+/g, ' ').trim()`);

/** What a screen reader needs of figures, which axe does not ask for. */
const FIGURES = `(() => {
  const found = [];
  for (const svg of document.querySelectorAll('main svg')) if (svg.getAttribute('role') !== 'img' || !(svg.getAttribute('aria-label') || '').trim()) found.push('a drawing without a label: ' + svg.outerHTML.slice(0, 120));
  for (const figure of document.querySelectorAll('figure')) {
    if (!figure.querySelector('figcaption') || !figure.querySelector('figcaption').textContent.trim()) found.push('figure ' + figure.id + ' has no caption');
    if (!figure.querySelector('table')) found.push('figure ' + figure.id + ' has no table of its data');
  }
  for (const table of document.querySelectorAll('table')) if (!table.querySelector('thead th[scope=col]')) found.push('a table without column headers');
  return found;
})()`;

/** The pages worth opening: in each folder its index, its smallest and its largest page, of the cells' four; all others. */
export function pagesToOpen(folder: string, files: readonly string[]): string[] {
  const byFolder = new Map<string, string[]>();
  for (const path of files.filter((it) => it.endsWith('.html'))) {
    const kind = dirname(path);
    byFolder.set(kind, [...byFolder.get(kind) ?? [], path]);
  }
  return [...byFolder].flatMap(([kind, own]) => {
    if (kind === '.') return own;
    const bySize = own.filter((path) => !path.endsWith('/index.html')).sort((a, b) => statSync(join(folder, a)).size - statSync(join(folder, b)).size);
    const some = kind === 'cells' ? [0, 0.35, 0.7, 1] : [0, 1];
    return [...own.filter((path) => path.endsWith('/index.html')), ...new Set(some.map((share) => bySize[Math.round(share * (bySize.length - 1))]!))];
  });
}
