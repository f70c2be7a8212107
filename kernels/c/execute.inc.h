/* Does a chunk of an op; the same for every instruction set, which has defined the vectors (vf, vi), pack_row, fold_panel and int8_product. */

static size_t scratch_bytes(const struct bw_op *op) {
  switch (op->code) {
    case BW_LINEAR: return ((const struct bw_weight *)op->handle)->family == BW_INT8 ? int8_scratch_bytes(op) : linear_scratch_bytes(op);
    case BW_ATTEND: return attend_scratch_bytes(op);
    case BW_RMS_NORM: case BW_LAYER_NORM: return (size_t)op->x_stride * 8;
    case BW_HEAD_NORM: return (size_t)bw_stride(op->a1) * 8;
    default: return 0;
  }
}

static void execute(const struct bw_op *op, int32_t index, int32_t row_from, int32_t from, int32_t to, uint64_t program, struct bw_scratch *scratch, struct bw_refusals *refusals) {
  switch (op->code) {
    case BW_EMBED: embed(op, from, to); break;
    case BW_RMS_NORM: scratch->packed_program = 0; rms_norm(op, from, to, (float *)scratch->memory); break;
    case BW_LAYER_NORM: scratch->packed_program = 0; layer_norm(op, from, to, (float *)scratch->memory); break;
    case BW_LINEAR:
      if (((const struct bw_weight *)op->handle)->family == BW_INT8) int8_panels(op, index, row_from, from, to, program, scratch, refusals);
      else linear_panels(op, row_from, from, to, program, scratch);
      break;
    case BW_ROTATE: rotate(op, from, to); break;
    case BW_REMEMBER: remember(op, from, to); break;
    case BW_ATTEND: attend(op, from, to, scratch); break;
    case BW_SILU_MUL: silu_mul(op, from, to); break;
    case BW_GELU: gelu(op, from, to); break;
    case BW_ADD: add(op, from, to); break;
    case BW_TAKE: take(op, from, to); break;
    case BW_SAMPLE: sample(op, from, to); break;
    case BW_HEAD_NORM: scratch->packed_program = 0; head_norm(op, from, to, (float *)scratch->memory); break;
    case BW_MUL: mul(op, from, to); break;
    case BW_SCALE: scale(op, from, to); break;
    case BW_COLUMNS: columns(op, from, to); break;
  }
}
