// out = x w^T (+ bias) (+ residual) for many rows: what reading a prompt spends its time with. A workgroup has a tile of HEIGHT rows and 64 outputs; it brings 16 columns
// at a time into workgroup memory, with columns first, and fetches the next ones while it multiplies. A thread has
// TALL times four rows and 4 outputs.
// Terms are fp32 or fp16 (terms-*.wgsl): DEPTH products are summed as such. Words as in fast-row.wgsl.
@group(0) @binding(3) var<storage, read> data: array<u32>;
@group(0) @binding(4) var<storage, read> scales: array<f32>;

const OUTPUTS = 64u;
const DEPTH = 16u;
const THREADS = 256u;

/** [column] of four rows, and of four outputs. Written a vector at a time: a component alone would not be its own place in memory. */
var<workgroup> xs: array<array<Terms, HEIGHT / 4u>, DEPTH>;
var<workgroup> ws: array<array<Terms, OUTPUTS / 4u>, DEPTH>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let part = partOf(groupOf(group));
  begin(u32(ops[part].e4), thread);
  let output = (groupOf(group) - u32(ops[part].begins)) * OUTPUTS;
  let outputs = u32(ops[part].e1);
  let first = group.y * HEIGHT;
  let rows = u32(ops[part].rows);
  let columns = 4u * padded(ops[part].cols);
  // Half of the threads fetch weights: two columns of four outputs; the others four columns of four rows of x.
  let ofWeights = thread < 128u;
  let across = select(HEIGHT / 4u, OUTPUTS / 4u, ofWeights);
  let four = thread % 128u % across;
  let deep = thread % 128u / across;
  let fetches = ofWeights || deep < 4u;
  let rowWords = wordsOf(columns);
  let scales0 = u32(ops[part].e4) + 16u;
  let shift = u32(ops[part].e5);
  @each i in 4
  let row$i = select(min(first + 4u * four + $iu, rows - 1u), min(output + 4u * four + $iu, outputs - 1u), ofWeights);
  let source$i = select(line(ops[part].x) + row$i * (columns / 4u), 4u * u32(ops[part].e0) + row$i * rowWords, ofWeights);
  let blocks$i = row$i * (columns / 64u);
  var fetched$i = vec4f();
  @end
  if (ofWeights) {
    let at = placeOf(deep, columns);
    @each i in 4
    fetched$i = vec4f(two(source$i + at, scales0 + (blocks$i >> shift), deep), 0.0, 0.0);
    @end
  } else if (fetches) {
    @each i in 4
    fetched$i = workspace[source$i + deep];
    @end
  }

  let left = thread % 16u;
  let top = thread / 16u;
  @each i in TALL
  @each j in 4
  var acc$i_$j = vec4f();
  @end
  @end
  for (var column = 0u; column < columns; column += DEPTH) {
    if (ofWeights) {
      ws[2u * deep][four] = Terms(vec4f(fetched0.x, fetched1.x, fetched2.x, fetched3.x));
      ws[2u * deep + 1u][four] = Terms(vec4f(fetched0.y, fetched1.y, fetched2.y, fetched3.y));
    } else if (fetches) {
      xs[4u * deep][four] = Terms(vec4f(fetched0.x, fetched1.x, fetched2.x, fetched3.x));
      xs[4u * deep + 1u][four] = Terms(vec4f(fetched0.y, fetched1.y, fetched2.y, fetched3.y));
      xs[4u * deep + 2u][four] = Terms(vec4f(fetched0.z, fetched1.z, fetched2.z, fetched3.z));
      xs[4u * deep + 3u][four] = Terms(vec4f(fetched0.w, fetched1.w, fetched2.w, fetched3.w));
    }
    workgroupBarrier();
    let next = column + DEPTH;
    if (next < columns) {
      if (ofWeights) {
        let pair = next / 2u + deep;
        let at = placeOf(pair, columns);
        @each i in 4
        fetched$i = vec4f(two(source$i + at, scales0 + ((blocks$i + next / 64u) >> shift), pair), 0.0, 0.0);
        @end
      } else if (fetches) {
        @each i in 4
        fetched$i = workspace[source$i + next / 4u + deep];
        @end
      }
    }
    @each i in TALL
    @each j in 4
    var sum$i_$j = opened(acc$i_$j);
    @end
    @end
    for (var k = 0u; k < DEPTH; k++) {
      let w = ws[k][left];
      @each i in TALL
      let x$i = xs[k][top + 16u * $iu];
      sum$i_0 = fma(Terms(x$i.x), w, sum$i_0);
      sum$i_1 = fma(Terms(x$i.y), w, sum$i_1);
      sum$i_2 = fma(Terms(x$i.z), w, sum$i_2);
      sum$i_3 = fma(Terms(x$i.w), w, sum$i_3);
      @end
    }
    @each i in TALL
    @each j in 4
    acc$i_$j = closed(sum$i_$j, acc$i_$j);
    @end
    @end
    workgroupBarrier();
  }

  let own = output + 4u * left;
  let column = u32(ops[part].e2) + own;
  if (isBeyond(part, own, column)) { return; }
  @each i in TALL
  @each j in 4
  {
    let row = first + 4u * (top + 16u * $iu) + $ju;
    if (row < rows) { finish(part, row, column, acc$i_$j); }
  }
  @end
  @end
}
