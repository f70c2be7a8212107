/** What of a page leads out of the site, or would load something from there. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { linksOf } from '../../reports/page-links.ts';
import { parseHtml } from '../../reports/read-html.ts';
import type { PageFault } from '../../reports/page-numbers.ts';

const test = suite('report: links of a page');

function read(markup: string): { readonly links: readonly string[]; readonly outside: readonly string[] } {
  const faults: PageFault[] = [];
  const links = [...linksOf(parseHtml(markup), 'cells/a.html', faults)].map(({ to, anchor }) => `${to}#${anchor}`);
  return { links, outside: faults.map(({ what, found }) => `${what} ${found}`) };
}

test('within the site, and to other pages by a click', () => {
  assert.equal(read('<a href="../quality.html#x">q</a><a href="#y">y</a><a href="https://example.org/">e</a><img src="data:image/png;base64,AA" srcset="b.png 2x"><p style="background:url(c.png)">c</p><style>a{b:url("data:x")}</style>'),
    { links: ['quality.html#x', 'cells/a.html#y'], outside: [] });
});

test('what loads from elsewhere, sends there, or goes there by itself', () => {
  for (const [markup, outside] of [
    ['<script src="https://e.org/x.js"></script>', '<script> https://e.org/x.js'], ['<img src="//e.org/x.png">', '<img> //e.org/x.png'], ['<a href="javascript:x()">x</a>', 'a link javascript:x()'],
    ['<img srcset="a.png 1x, https://e.org/b.png 2x">', '<img> https://e.org/b.png 2x'], ['<form action="https://e.org/"></form>', '<form> https://e.org/'], ['<button formaction=" https://e.org/">x</button>', '<button>  https://e.org/'],
    ['<video poster="https://e.org/p.png"></video>', '<video> https://e.org/p.png'], ['<object data="https://e.org/o"></object>', '<object> https://e.org/o'],
    ['<meta http-equiv="Refresh" content="0;url=https://e.org/">', '<meta> 0;url=https://e.org/'], ['<style>@import "https://e.org/a.css";</style>', '<style> https://e.org/a.css'], ['<p style="background:url(\'//e.org/a.png\')">x</p>', '<p> //e.org/a.png'],
  ] as const) assert.equal(read(markup).outside, [outside], markup);
});

test.run();
