// exp, log, SiLU and GELU: the steps and coefficients of kernels/functions.ts.

const LN2_HIGH = bitcast<f32>(0x3f318000u);
const LN2_LOW = bitcast<f32>(0xb95e8083u);

fn exp32(x: f32) -> f32 {
  let n = floor(mul(x, 1.4426950408889634) + 0.5);
  var r = x - mul(n, LN2_HIGH);
  r = r - mul(n, LN2_LOW);
  var p = bitcast<f32>(0x3ab511e8u);
  p = mul(p, r) + bitcast<f32>(0x3c091d10u);
  p = mul(p, r) + bitcast<f32>(0x3d2aac79u);
  p = mul(p, r) + bitcast<f32>(0x3e2aaa49u);
  p = mul(p, r) + bitcast<f32>(0x3efffffeu);
  p = mul(p, r) + 1.0;
  p = mul(p, r) + 1.0;
  return select(mul(p, bitcast<f32>((i32(n) + 127) << 23u)), 0.0, x < -87.0);
}

fn log32(x: f32) -> f32 {
  let bits = bitcast<i32>(x);
  let exponent = (bits - 0x3f3504f3) >> 23u;
  let f = bitcast<f32>(bits - (exponent << 23u)) - 1.0;
  let z = mul(f, f);
  var p = f32(7.0376836292e-2);
  p = mul(p, f) + f32(-1.151461031e-1);
  p = mul(p, f) + f32(1.167699874e-1);
  p = mul(p, f) + f32(-1.2420140846e-1);
  p = mul(p, f) + f32(1.4249322787e-1);
  p = mul(p, f) + f32(-1.6668057665e-1);
  p = mul(p, f) + f32(2.0000714765e-1);
  p = mul(p, f) + f32(-2.4999993993e-1);
  p = mul(p, f) + f32(3.3333331174e-1);
  var y = mul(mul(p, f), z);
  y = y + mul(f32(exponent), LN2_LOW);
  y = y - mul(0.5, z);
  return (f + y) + mul(f32(exponent), LN2_HIGH);
}

fn sigmoid(x: f32) -> f32 {
  let e = exp32(select(-x, x, negative(x)));
  let s = rcp(1.0 + e);
  return select(s, mul(e, s), negative(x));
}

fn silu(x: f32) -> f32 { return mul(x, sigmoid(x)); }

fn geluTanh(x: f32) -> f32 {
  var u = mul(mul(x, x), 0.044715) + 1.0;
  u = mul(mul(u, x), 1.5957691216057308);
  return mul(x, sigmoid(u));
}

fn geluErf(x: f32) -> f32 {
  let a = select(x, -x, negative(x));
  let t = rcp(1.0 + mul(0.3, a));
  var p = bitcast<f32>(0x3d139aafu);
  p = mul(p, t) + bitcast<f32>(0xbe2285b3u);
  p = mul(p, t) + bitcast<f32>(0x3e55fa9bu);
  p = mul(p, t) + bitcast<f32>(0xbd65c413u);
  p = mul(p, t) + bitcast<f32>(0x3e04f595u);
  p = mul(p, t) + bitcast<f32>(0x3dcbd2cdu);
  p = mul(p, t) + bitcast<f32>(0x3df76ed7u);
  p = mul(p, t) + bitcast<f32>(0x3df4fe0bu);
  p = mul(p, t);
  let q = mul(exp32(mul(mul(-0.5, a), a)), p);
  return mul(x, select(1.0 - q, q, negative(x)));
}
