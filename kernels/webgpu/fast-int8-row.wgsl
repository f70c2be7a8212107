// The product of LLM.int8() for ROWS prepared rows: teams of TEAM threads with four outputs each, as in fast-row.wgsl, that take quads of sixteen codes.
// e0: first quad of this piece of the weight, e1: how many outputs it has, e2: its first output, e3: first value of the bias, or -1; e4: its first scale.
@group(0) @binding(3) var<storage, read> data: array<vec4u>;
@group(0) @binding(4) var<storage, read> scales: array<f32>;
@group(0) @binding(6) var<storage, read> prepared: array<vec4u>;

const GROUP = 128u;
const TEAMS = GROUP / TEAM;

/** [row of x][team x subgroup] of four outputs: sums of codes, and of outliers. */
var<workgroup> partial: array<array<vec4i, GROUP / WIDTH>, ROWS>;
var<workgroup> outlying: array<array<vec4f, GROUP / WIDTH>, ROWS>;

fn products(a: vec4u, b: vec4u) -> i32 { return dot4I8Packed(a.x, b.x) + dot4I8Packed(a.y, b.y) + dot4I8Packed(a.z, b.z) + dot4I8Packed(a.w, b.w); }

/** Code of column k of the row that begins at that quad. */
fn codeOf(begins: u32, k: u32) -> f32 { return code(data[begins + k / 16u][(k / 4u) & 3u], k & 3u); }

@compute @workgroup_size(GROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let part = partOf(groupOf(group));
  let team = thread / TEAM;
  let own = thread % TEAM;
  let output = ((groupOf(group) - u32(ops[part].begins)) * TEAMS + team) * 4u;
  let outputs = u32(ops[part].e1);
  let cols = ops[part].cols;
  let stride = padded(cols);
  let quads = stride / 4u;
  let first = group.y * ROWS;
  let rows = u32(ops[part].rows);
  @each o in 4
  let w$o = min(output + $ou, outputs - 1u);
  let data$o = u32(ops[part].e0) + w$o * quads;
  @end
  @each r in ROWS
  let row$r = min(first + $ru, rows - 1u);
  let prepared$r = row$r * (preparedWords(cols) / 4u);
  var sums$r = vec4i();
  var acc$r = vec4f();
  @end

  for (var q = own; q < quads; q += TEAM) {
    @each o in 4
    let quad$o = data[data$o + q];
    @end
    @each r in ROWS
    {
      let x = prepared[prepared$r + 4u + q];
      sums$r += vec4i(products(quad0, x), products(quad1, x), products(quad2, x), products(quad3, x));
    }
    @end
  }

  let scales0 = u32(ops[part].e4);
  let scale = vec4f(scales[scales0 + w0], scales[scales0 + w1], scales[scales0 + w2], scales[scales0 + w3]);
  @each r in ROWS
  {
    let outliers = prepared[prepared$r].y;
    for (var n = own; n < outliers; n += TEAM) {
      let at = outliersFrom(cols) + n;
      let k = prepared[prepared$r + at / 4u][at & 3u];
      let x = workspace[line(ops[part].x) + row$r * stride + k / 4u][k & 3u];
      acc$r = fma(vec4f(x), vec4f(codeOf(data0, k), codeOf(data1, k), codeOf(data2, k), codeOf(data3, k)), acc$r);
    }
  }
  @end
  @each r in ROWS
  {
    let sums = pooledWhole(sums$r);
    let acc = pooled(acc$r * scale * ONE_127TH);
    if (thread % WIDTH == 0u) {
      partial[$r][thread / WIDTH] = sums;
      outlying[$r][thread / WIDTH] = acc;
    }
  }
  @end
  workgroupBarrier();
  // From here a thread of the team finishes a row.
  let row = first + own;
  let column = u32(ops[part].e2) + output;
  if (own >= ROWS || row >= rows || isBeyond(part, output, column)) { return; }
  var sums = vec4i();
  var acc = vec4f();
  for (var i = 0u; i < TEAM / WIDTH; i++) {
    sums += partial[own][team * (TEAM / WIDTH) + i];
    acc += outlying[own][team * (TEAM / WIDTH) + i];
  }
  let y = dequantized(sums, bitcast<f32>(prepared[row * (preparedWords(cols) / 4u)].x), scale) + acc;
  finish(part, row, column, y);
}
