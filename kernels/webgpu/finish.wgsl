// How products of webgpu-fast end. e1: how many outputs this piece of the weight has, e3: first value of the bias, or -1.
@group(0) @binding(5) var<storage, read> bias: array<f32>;

/** Whether there are no outputs here, at `output` of this piece: those behind the last are the last piece's, and one that is not the last ends with whole vectors. */
fn isBeyond(part: u32, output: u32, column: u32) -> bool {
  return column / 4u >= padded(ops[part].a0) || (output >= u32(ops[part].e1) && column < u32(ops[part].a0));
}

/** Four outputs of a row: bias and residual are added; what is behind the last output is +0. */
fn finish(part: u32, row: u32, column: u32, sums: vec4f) {
  let at = row * padded(ops[part].a0) + column / 4u;
  var y = sums;
  if (ops[part].e3 >= 0) {
    let b = u32(ops[part].e3) + column;
    y += vec4f(bias[b], bias[b + 1u], bias[b + 2u], bias[b + 3u]);
  }
  if (ops[part].y >= 0) { y += workspace[line(ops[part].y) + at]; }
  workspace[line(ops[part].out) + at] = select(vec4f(), y, vec4u(column) + vec4u(0u, 1u, 2u, 3u) < vec4u(u32(ops[part].a0)));
}
