/*
 * rcp, rsqrt, exp, log, the logistic function and GELU of docs/arithmetic.md, VW numbers at a time and one by one. The steps, their order and
 * the constants are those of ../arithmetic.ts and ../functions.ts; the scalar forms here are the loops that the vector forms replace.
 */

static inline float bw_float(uint32_t bits) { float value; __builtin_memcpy(&value, &bits, 4); return value; }
static inline uint32_t bw_bits(float value) { uint32_t bits; __builtin_memcpy(&bits, &value, 4); return bits; }

/* Sums 16 lanes as a tree. */
static inline float bw_fold(float *a) {
  for (int h = 8; h >= 1; h >>= 1) for (int i = 0; i < h; i++) a[i] = a[i] + a[i + h];
  return a[0];
}

static inline float bw_rcp(float x) {
  float r = bw_float(0x7ef311c7u - bw_bits(x));
  for (int i = 0; i < 4; i++) r = r * (2.0f - x * r);
  return r;
}

static inline float bw_rsqrt(float x) {
  float half = 0.5f * x;
  float r = bw_float(0x5f375a86u - (uint32_t)((int32_t)bw_bits(x) >> 1));
  for (int i = 0; i < 4; i++) r = r * (1.5f - (half * r) * r);
  return r;
}

/* ln x for normal positive x. */
static inline float bw_log(float x) {
  static const float p[9] = { 7.0376836292e-2f, -1.151461031e-1f, 1.167699874e-1f, -1.2420140846e-1f, 1.4249322787e-1f,
    -1.6668057665e-1f, 2.0000714765e-1f, -2.4999993993e-1f, 3.3333331174e-1f };
  int32_t exponent = (int32_t)(bw_bits(x) - 0x3f3504f3u) >> 23;
  float f = bw_float(bw_bits(x) - ((uint32_t)exponent << 23)) - 1.0f;
  float z = f * f;
  float q = p[0];
  for (int i = 1; i < 9; i++) q = q * f + p[i];
  float y = (q * f) * z;
  y = y + (float)exponent * bw_float(0xb95e8083u);
  y = y - 0.5f * z;
  return (f + y) + (float)exponent * bw_float(0x3f318000u);
}

static inline vf vf_bits(uint32_t pattern) { return vf_set(bw_float(pattern)); }
static inline vf vf_horner(vf p, vf x, uint32_t coefficient) { return vf_add(vf_mul(p, x), vf_bits(coefficient)); }

static inline vf vf_rcp(vf x) {
  vf r = vf_of(vi_sub(vi_set(0x7ef311c7), vi_of(x)));
  for (int i = 0; i < 4; i++) r = vf_mul(r, vf_sub(vf_set(2.0f), vf_mul(x, r)));
  return r;
}

/* e^x for x <= 88; 0 where x < -87. */
static inline vf vf_exp(vf x) {
  vf n = vf_floor(vf_add(vf_mul(x, vf_set(1.4426950408889634f)), vf_set(0.5f)));
  vf r = vf_sub(x, vf_mul(n, vf_bits(0x3f318000u)));
  r = vf_sub(r, vf_mul(n, vf_bits(0xb95e8083u)));
  vf p = vf_horner(vf_bits(0x3ab511e8u), r, 0x3c091d10u);
  p = vf_horner(p, r, 0x3d2aac79u);
  p = vf_horner(p, r, 0x3e2aaa49u);
  p = vf_horner(p, r, 0x3efffffeu);
  p = vf_horner(p, r, 0x3f800000u);
  p = vf_horner(p, r, 0x3f800000u);
  vf scale = vf_of(vi_shl23(vi_add(vi_from(n), vi_set(127))));
  return vf_less(x, vf_set(-87.0f), vf_set(0.0f), vf_mul(p, scale));
}

/* 1 / (1 + e^-x): s = rcp(1 + e) with e = exp(-|x|); s for x >= 0, e s below. */
static inline vf vf_sigmoid(vf x) {
  vf e = vf_exp(vf_of(vi_or(vi_of(x), vi_set((int32_t)0x80000000u))));
  vf s = vf_rcp(vf_add(vf_set(1.0f), e));
  return vf_less(x, vf_set(0.0f), vf_mul(e, s), s);
}

static inline vf vf_gelu_tanh(vf x) {
  vf u = vf_add(vf_mul(vf_mul(x, x), vf_set(0.044715f)), vf_set(1.0f));
  u = vf_mul(vf_mul(u, x), vf_set(1.5957691216057308f));
  return vf_mul(x, vf_sigmoid(u));
}

static inline vf vf_gelu_erf(vf x) {
  vf a = vf_of(vi_and(vi_of(x), vi_set(0x7fffffff)));
  vf t = vf_rcp(vf_add(vf_set(1.0f), vf_mul(vf_set(0.3f), a)));
  vf p = vf_horner(vf_bits(0x3d139aafu), t, 0xbe2285b3u);
  p = vf_horner(p, t, 0x3e55fa9bu);
  p = vf_horner(p, t, 0xbd65c413u);
  p = vf_horner(p, t, 0x3e04f595u);
  p = vf_horner(p, t, 0x3dcbd2cdu);
  p = vf_horner(p, t, 0x3df76ed7u);
  p = vf_horner(p, t, 0x3df4fe0bu);
  p = vf_mul(p, t);
  vf q = vf_mul(vf_exp(vf_mul(vf_mul(vf_set(-0.5f), a), a)), p);
  return vf_mul(x, vf_less(x, vf_set(0.0f), q, vf_sub(vf_set(1.0f), q)));
}
