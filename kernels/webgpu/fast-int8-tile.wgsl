// The product of LLM.int8() for many prepared rows. A workgroup has a tile of 64 rows and 64 outputs; it brings 64 columns at a time, 16 words of codes, into workgroup memory,
// with words first, and fetches the next ones while it multiplies. A thread has four rows and four outputs. Words as in fast-int8-row.wgsl.
@group(0) @binding(3) var<storage, read> data: array<u32>;
@group(0) @binding(4) var<storage, read> scales: array<f32>;
@group(0) @binding(6) var<storage, read> prepared: array<u32>;

const SIDE = 64u;
const DEPTH = 16u;
const THREADS = 256u;
/** Fours of a word's row, and one that keeps neighbouring words in other banks. */
const FOURS = SIDE / 4u + 1u;

var<workgroup> xs: array<array<vec4u, FOURS>, DEPTH>;
var<workgroup> ws: array<array<vec4u, FOURS>, DEPTH>;

fn products(x: u32, w: vec4u) -> vec4i { return vec4i(dot4I8Packed(x, w.x), dot4I8Packed(x, w.y), dot4I8Packed(x, w.z), dot4I8Packed(x, w.w)); }

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let part = partOf(groupOf(group));
  let output = (groupOf(group) - u32(ops[part].begins)) * SIDE;
  let outputs = u32(ops[part].e1);
  let first = group.y * SIDE;
  let rows = u32(ops[part].rows);
  let cols = ops[part].cols;
  let words = padded(cols);
  let rowWords = preparedWords(cols);
  // What a thread fetches: a word of four outputs and of four rows.
  let deep = thread % DEPTH;
  let four = thread / DEPTH;
  @each i in 4
  let w$i = 4u * u32(ops[part].e0) + min(output + 4u * four + $iu, outputs - 1u) * words + deep;
  let x$i = min(first + 4u * four + $iu, rows - 1u) * rowWords + 16u + deep;
  @end
  var fetchedW = vec4u(data[w0], data[w1], data[w2], data[w3]);
  var fetchedX = vec4u(prepared[x0], prepared[x1], prepared[x2], prepared[x3]);

  let left = thread % 16u;
  let top = thread / 16u;
  @each j in 4
  var sums$j = vec4i();
  @end
  for (var word = 0u; word < words; word += DEPTH) {
    ws[deep][four] = fetchedW;
    xs[deep][four] = fetchedX;
    workgroupBarrier();
    let next = word + DEPTH;
    if (next < words) {
      fetchedW = vec4u(data[w0 + next], data[w1 + next], data[w2 + next], data[w3 + next]);
      fetchedX = vec4u(prepared[x0 + next], prepared[x1 + next], prepared[x2 + next], prepared[x3 + next]);
    }
    for (var k = 0u; k < DEPTH; k++) {
      let w = ws[k][left];
      let x = xs[k][top];
      sums0 += products(x.x, w);
      sums1 += products(x.y, w);
      sums2 += products(x.z, w);
      sums3 += products(x.w, w);
    }
    workgroupBarrier();
  }

  let own = output + 4u * left;
  let column = u32(ops[part].e2) + own;
  if (isBeyond(part, own, column)) { return; }
  let scales0 = u32(ops[part].e4);
  @each o in 4
  let output$o = min(own + $ou, outputs - 1u);
  let data$o = 4u * u32(ops[part].e0) + output$o * words;
  @end
  let scale = vec4f(scales[scales0 + output0], scales[scales0 + output1], scales[scales0 + output2], scales[scales0 + output3]);
  @each j in 4
  {
    let row = first + 4u * top + $ju;
    if (row < rows) {
      let begins = row * rowWords;
      var acc = vec4f();
      for (var n = 0u; n < prepared[begins + 1u]; n++) {
        let k = prepared[begins + outliersFrom(cols) + n];
        let x = workspace[line(ops[part].x) + row * words + k / 4u][k & 3u];
        acc = fma(vec4f(x), vec4f(code(data[data0 + k / 4u], k & 3u), code(data[data1 + k / 4u], k & 3u), code(data[data2 + k / 4u], k & 3u), code(data[data3 + k / 4u], k & 3u)), acc);
      }
      finish(part, row, column, dequantized(sums$j, bitcast<f32>(prepared[begins]), scale) + acc * scale * ONE_127TH);
    }
  }
  @end
}
