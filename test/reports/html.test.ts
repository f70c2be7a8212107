import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { cut, escapeText, html, link, list, lit, pageState } from '../../reports/html.ts';
import { term } from '../../reports/glossary.ts';

const render = (content: ReturnType<typeof html>, root = ''): string => content.render(pageState(root));

test('text is escaped in prose and in quoted attributes', () => {
  const hostile = '<img src=x onerror="alert(1)"> & \'quoted\'';
  assert.is(render(html`<p title="${hostile}">${hostile}</p>`),
    '<p title="&lt;img src=x onerror=&quot;alert(1)&quot;&gt; &amp; &#39;quoted&#39;">&lt;img src=x onerror=&quot;alert(1)&quot;&gt; &amp; &#39;quoted&#39;</p>');
});

test('characters that disguise text are spelled out', () => {
  assert.is(escapeText('a\u202Eb\u0000c\u200Bd\u2028e'), 'a‹U+202E›b‹U+0000›c‹U+200B›d‹U+2028›e');
  assert.is(escapeText('\uD800x\uDC00 \u115F\u3164\u{E0041}\u{E0100}'), '‹U+D800›x‹U+DC00› ‹U+115F›‹U+3164›‹U+E0041›‹U+E0100›');
  // What scripts and emoji need stays: joiners, variation selectors, pairs of surrogates.
  assert.is(escapeText('line\nnext\ttab é 漢 👍🏽 👩\u200D🔬 ❤\uFE0F'), 'line\nnext\ttab é 漢 👍🏽 👩\u200D🔬 ❤\uFE0F');
});

test('a very long text is cut, between characters, and says how much is left', () => {
  assert.is(cut('abc', 3), 'abc');
  assert.is(cut('abcd', 3), 'abc… ‹cut: the data have 1 more characters›');
  assert.is(cut(`ab👍${'x'.repeat(2000)}`, 3), 'ab… ‹cut: the data have 2,002 more characters›');
  const long = '<'.repeat(1e6);
  for (const markup of [render(html`<p title="${long}">${long}</p>`), render(html`<p>${lit(long, 'name')}</p>`)]) {
    assert.ok(markup.length < 40_000, `${markup.length}`);
    assert.match(markup, /&lt;… ‹cut: the data have 996,000 more characters›</);
  }
});

test('a number never reaches a page by interpolation', () => {
  for (const value of [0, 0.5, NaN, 12n, true, {}]) assert.throws(() => html`<p>${value}</p>`, /reached a page/);
  for (const value of ['0.5', '-3', ' 12 ', '97 %', '1,204', '1e-5']) assert.throws(() => html`<p>${value}</p>`, /reached a page as text/);
  assert.throws(() => html`<p>${['fine', 7]}</p>`, /reached a page/);
});

test('a number never stands in the prose of a template', () => {
  assert.throws(() => html`<p>nf4 keeps 93 % of them</p>`, /"93"/);
  assert.throws(() => html`<p>about 0.257 nats</p>`, /"0\.257"/);
  assert.is(render(html`<p tabindex="0">4-bit, int8, top-1, LLM.int8(), fp16 and <b>float64</b></p>`), '<p tabindex="0">4-bit, int8, top-1, LLM.int8(), fp16 and <b>float64</b></p>');
  assert.is(render(html`<p>T = ${lit(-0.7, 'parameter')}</p>`), '<p>T = <span class="lit parameter">−0.7</span></p>');
});

test('links are relative to the page, terms link once', () => {
  assert.is(render(link('quality.html#kl', 'Quality'), '../'), '<a href="../quality.html#kl">Quality</a>');
  const page = pageState('../');
  assert.match(term('kl').render(page), /href="\.\.\/glossary\.html#kl"/);
  assert.is(term('kl').render(page), 'KL divergence');
  assert.throws(() => term('nonsense'), /unknown term "nonsense"; terms are/);
});

test('lists read as prose', () => {
  assert.is(list(['a']).render(pageState('')), 'a');
  assert.is(list(['a', 'b', '<c>']).render(pageState('')), 'a, b and &lt;c&gt;');
});

test.run();
