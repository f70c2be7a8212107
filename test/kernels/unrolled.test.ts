import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { unrolled } from '../../kernels/webgpu/unrolled.ts';

test('loops are written out, one within another, with numbers and constants of the kernel', () => {
  assert.is(unrolled('a\n@each r in ROWS\nlet x$r = $ru;\n@end\nb', { ROWS: 2 }), 'a\nlet x0 = 0u;\nlet x1 = 1u;\nb');
  assert.is(unrolled('@each d in 2\n@each o in 2\ny$d_$o\n@end\n@end', {}), 'y0_0\ny0_1\ny1_0\ny1_1');
  assert.is(unrolled('a\n@each z in NONE\nb\n@end\nc', { NONE: 0 }), 'a\nc', 'a loop of no rounds leaves nothing');
  assert.is(unrolled('no loop here, $r stays', { r: 1 }), 'no loop here, $r stays');
});

test('what cannot be written out is told with its line', () => {
  assert.throws(() => unrolled('a\n@each r in 2\nb', {}), /line 2: @each without @end/);
  assert.throws(() => unrolled('a\n@end', {}), /line 2: @end without @each/);
  assert.throws(() => unrolled('@each r in MANY\n@end', {}), /line 1: MANY is neither a number nor a constant of the kernel/);
});

test.run();
