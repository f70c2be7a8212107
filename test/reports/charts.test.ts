import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { linePanel, logTicks, roomyFormat, sharedDomain, spread } from '../../reports/charts.ts';
import { lookOf } from '../../reports/family.ts';

const mark = (format: string, x: number, y: number, low: number | null = null, high: number | null = null) => ({ format, family: format.slice(0, 3), x, y, low, high });

test('labels at lines’ ends keep apart, in order, and inside the frame', () => {
  const wanted = [10, 11, 12, 100, 101, 190, 5];
  const placed = spread(wanted, 12, 0, 200);
  const order = wanted.map((_, i) => i).sort((a, b) => wanted[a]! - wanted[b]!);
  for (let i = 1; i < order.length; i++) assert.ok(placed[order[i]!]! - placed[order[i - 1]!]! > 12 - 1e-9, `${placed}`);
  for (const at of placed) assert.ok(at >= 0 && at <= 200, `${at}`);
  assert.equal(spread([50, 150], 12, 0, 200), [50, 150], 'what is apart already stays');
  assert.equal(spread([], 12, 0, 200), []);
});

test('ticks of a logarithmic axis are plain powers of ten, with threes where there are few', () => {
  assert.equal(logTicks([0.0005, 0.2]), [0.001, 0.01, 0.1]);
  assert.equal(logTicks([0.002, 0.02]), [0.003, 0.01]);
  assert.equal(logTicks([1e-6, 2], 230), [1e-6, 1e-4, 0.01, 1], 'fewer where labels would touch');
});

test('ticks whose labels would touch stay bare, the ends keep theirs', () => {
  const ticks = [0, 0.1, 0.3, 0.5, 0.7, 0.8, 1, 1.3];
  const format = roomyFormat(ticks, (t) => (t / 1.3) * 198);
  assert.equal(ticks.map(format).filter((text) => text !== ''), ['0', '0.3', '0.5', '0.7', '1', '1.3']);
});

test('panels share a range that holds every interval, and zero for differences', () => {
  const [low, high] = sharedDomain([mark('nf4', 0, 2, 1, 4), mark('fp4', 0, 3)], { zero: true });
  assert.ok(low < 0 && high > 4);
  assert.equal(sharedDomain([]), [0, 1]);
  const [from] = sharedDomain([mark('nf4', 0, 0.01, -0.001, 0.02)], { log: true });
  assert.ok(from > 0, 'a logarithmic range ignores what is not positive');
});

test('a panel is one labelled image without style, script or long digits, the same each time', async () => {
  const draw = () => linePanel('m <b>', [mark('nf4', 0, 0.1, 0.05, 0.2), mark('nf4', 1, 0.3, 0.2, 0.4), mark('fp4-dq', 0, 0.2), mark('fp4-dq', 1, 1 / 3)], { xLabel: 'temperature', yLabel: 'shift', yDomain: [0, 0.5], zero: true });
  const { svg } = await draw();
  assert.is(svg, (await draw()).svg);
  assert.match(svg, /^<svg aria-label="m &lt;b&gt;: shift by temperature, one line per format" [^>]*role="img"/);
  assert.not.match(svg, /<style|style="|<script|aria-hidden|<b>|\.\d{3}/);
  assert.match(svg, />nf4</);
  assert.match(svg, /stroke-dasharray="5 3"/, 'double-quantized lines are dashed');
});

test('formats of a family share a hue and differ by a second cue', () => {
  assert.is(lookOf('nf4', 'nf4').colour, 'var(--nf4)');
  assert.is(lookOf('nf4-dq', 'nf4').colour, 'var(--nf4-dq)');
  assert.ok(lookOf('nf4-dq', 'nf4').dash);
  assert.is(lookOf('q4_0', 'unheard-of').colour, 'var(--other)');
  assert.is(new Set(['base', 'int8', 'nf4', 'fp4', 'else'].map((family) => lookOf(family, family).symbol + lookOf(family, family).colour)).size, 5);
});

test.run();
