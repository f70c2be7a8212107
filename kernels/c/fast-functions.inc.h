/*
 * e^x, the logistic function and what is made of it, with fused multiply-add: within some units of the last place of the exact engines',
 * in half the instructions. The file that includes this has vf_fma(a, b, c) = a b + c, vf_two_to(p, n) = p 2^n and vf_quick_rcp(x).
 */

/* e^x; x from -87 to 88, beyond those the nearer of them's. Not a number stays one: a maximum gives its second operand then. */
static inline vf vf_quick_exp(vf x) {
  x = vf_min(vf_set(88.0f), vf_max(vf_set(-87.0f), x));
  vf n = vf_round(vf_mul(x, vf_set(1.4426950408889634f)));
  vf r = vf_fma(n, vf_set(-0.693359375f), x);
  r = vf_fma(n, vf_set(2.12194440e-4f), r);
  vf p = vf_fma(vf_set(1.9875691500e-4f), r, vf_set(1.3981999507e-3f));
  p = vf_fma(p, r, vf_set(8.3334519073e-3f));
  p = vf_fma(p, r, vf_set(4.1665795894e-2f));
  p = vf_fma(p, r, vf_set(1.6666665459e-1f));
  p = vf_fma(p, r, vf_set(5.0000001201e-1f));
  p = vf_fma(vf_mul(p, r), r, vf_add(r, vf_set(1.0f)));
  return vf_two_to(p, n);
}

static void quick_silu_mul(const struct bw_op *op, int32_t from, int32_t to) {
  for (size_t k = (size_t)from * BW_BLOCK; k < (size_t)to * BW_BLOCK; k += VW) {
    vf x = vf_load(op->x + k);
    vf one_more = vf_add(vf_quick_exp(vf_sub(vf_set(0.0f), x)), vf_set(1.0f));
    vf_store(op->out + k, vf_mul(vf_mul(x, vf_quick_rcp(one_more)), vf_load(op->y + k)));
  }
}
