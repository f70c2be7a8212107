// out = x w^T (+ bias) (+ residual) for ROWS rows of x: what decoding spends its time with. A team of TEAM threads has four outputs; each thread takes quads (16 bytes) of
// the four rows of w, which are on their way before the first is used: that is what the memory's rate takes.
// e0: first quad of this piece of the weight, e1: how many outputs it has, e2: its first output, e3: first value of the bias, or -1; e4: its first scale,
// e5: log2 of the blocks of 64 that share one.
@group(0) @binding(3) var<storage, read> data: array<vec4u>;
@group(0) @binding(4) var<storage, read> scales: array<f32>;

const GROUP = 128u;
const TEAMS = GROUP / TEAM;

/** [row of x][team x subgroup] of four outputs. */
var<workgroup> partial: array<array<vec4f, GROUP / WIDTH>, ROWS>;

@compute @workgroup_size(GROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let part = partOf(groupOf(group));
  begin(u32(ops[part].e4), thread);
  let team = thread / TEAM;
  let own = thread % TEAM;
  let output = ((groupOf(group) - u32(ops[part].begins)) * TEAMS + team) * 4u;
  let outputs = u32(ops[part].e1);
  let stride = padded(ops[part].cols);
  let quads = stride / (SPANS * VECTORS);
  let first = group.y * ROWS;
  let rows = u32(ops[part].rows);
  let scales0 = u32(ops[part].e4) + 16u;
  let shift = u32(ops[part].e5);
  @each o in 4
  let w$o = min(output + $ou, outputs - 1u);
  let data$o = u32(ops[part].e0) + w$o * quads;
  let blocks$o = w$o * (stride / 16u);
  @end
  @each r in ROWS
  let x$r = line(ops[part].x) + min(first + $ru, rows - 1u) * stride;
  var acc$r = vec4f();
  @end

  for (var q = own; q < quads; q += TEAM) {
    @each o in 4
    let quad$o = data[data$o + q];
    @end
    @each s in SCALES
    let scale$s = vec4f(
      @each o in 4
      scales[scales0 + ((blocks$o + (q + $su * quads) / 8u) >> shift)],
      @end
    );
    @end
    @each s in SPANS
    {
      let at = VECTORS * (q + $su * quads);
      @each r in ROWS
      let low$r = Terms(workspace[x$r + at]);
      let high$r = second(x$r + at);
      @end
      @each o in 4
      let values$o = decoded(quad$o, $su);
      @end
      var scale = vec4f(1.0);
      @each z in SCALED
      scale = scale$s;
      @end
      @each r in ROWS
      acc$r = fma(scale, vec4f(product(values0, low$r, high$r), product(values1, low$r, high$r), product(values2, low$r, high$r), product(values3, low$r, high$r)), acc$r);
      @end
    }
    @end
  }

  @each r in ROWS
  {
    let sum = pooled(acc$r);
    if (thread % WIDTH == 0u) { partial[$r][thread / WIDTH] = sum; }
  }
  @end
  workgroupBarrier();
  // From here a thread of the team finishes a row.
  let row = first + own;
  let column = u32(ops[part].e2) + output;
  if (own >= ROWS || row >= rows || isBeyond(part, output, column)) { return; }
  var sum = vec4f();
  for (var i = 0u; i < TEAM / WIDTH; i++) { sum += partial[own][team * (TEAM / WIDTH) + i]; }
  finish(part, row, column, sum);
}
