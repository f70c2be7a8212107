/*
 * The engine `fast` for one instruction set: an exact set's kernels with products, attention and SiLU replaced by fused ones. Norms, rotary,
 * sampling and the rest stay the exact set's, since they cost little.
 */

static void fast_execute(const struct bw_op *op, int32_t index, int32_t row_from, int32_t from, int32_t to, uint64_t program, struct bw_scratch *scratch, struct bw_refusals *refusals) {
  switch (op->code) {
    case BW_LINEAR:
      if (((const struct bw_weight *)op->handle)->family == BW_INT8) execute(op, index, row_from, from, to, program, scratch, refusals);
      else FAST_LINEAR(op, row_from, from, to, program, scratch);
      break;
    case BW_ATTEND: fast_attend(op, from, to, scratch); break;
    case BW_SILU_MUL: quick_silu_mul(op, from, to); break;
    default: execute(op, index, row_from, from, to, program, scratch, refusals);
  }
}

static size_t fast_scratch_bytes(const struct bw_op *op) {
  switch (op->code) {
    case BW_LINEAR: return ((const struct bw_weight *)op->handle)->family == BW_INT8 ? scratch_bytes(op) : FAST_LINEAR_BYTES(op);
    case BW_ATTEND: return FAST_ATTEND_BYTES(op);
    default: return scratch_bytes(op);
  }
}

/* How attention is cut: rows of a kv head a unit, few enough for all threads; a unit a chunk. (Its row_block moves no chunk: there is one block.) */
static void fast_cut_attend(struct bw_op *op, int32_t threads) {
  const struct bw_cache *cache = op->handle;
  op->row_block = op->rows >= 128 ? 64 : op->rows >= 32 ? 16 : 1;
  op->units = (op->rows + op->row_block - 1) / op->row_block * cache->kv_heads;
  op->grain = threads == 1 && op->units > 0 ? op->units : 1;
  op->chunks = (op->units + op->grain - 1) / op->grain;
}
