#include "weights.h"
#include "memory.h"
#include <string.h>

/* Where column k of a block lies in [step][lane]. */
static int place(int k) { return (k >> 5 << 5) + ((k & 1) << 4) + ((k & 31) >> 1); }

static size_t blocks_of(int32_t in) { return ((size_t)in + BW_BLOCK - 1) / BW_BLOCK; }
static size_t padded_rows(int32_t out) { return ((size_t)out + BW_PANEL - 1) / BW_PANEL * BW_PANEL; }

static int shape(struct bw_weight *w, enum bw_family family, int32_t out, int32_t in, size_t row_bytes, size_t rows) {
  w->family = family;
  w->out = out;
  w->in = in;
  w->blocks = (int32_t)blocks_of(in);
  w->panels = (int32_t)(padded_rows(out) / BW_PANEL);
  w->row_bytes = row_bytes;
  w->data = bw_take_beside(rows * row_bytes);
  return w->data ? 0 : -1;
}

int bw_pack_fp32(struct bw_weight *w, const float *values, int32_t out, int32_t in, struct bw_weight_bytes *bytes) {
  if (shape(w, BW_FP32, out, in, blocks_of(in) * BW_BLOCK * 4, padded_rows(out))) return -1;
  *bytes = (struct bw_weight_bytes){ bw_held(padded_rows(out) * w->row_bytes), 0 };
  for (int32_t o = 0; o < out; o++) {
    float *row = (float *)(w->data + (size_t)o * w->row_bytes);
    for (int32_t k = 0; k < in; k++) row[k / BW_BLOCK * BW_BLOCK + place(k % BW_BLOCK)] = *values++;
  }
  return 0;
}

int bw_pack_16(struct bw_weight *w, enum bw_family family, const uint16_t *bits, int32_t out, int32_t in, struct bw_weight_bytes *bytes) {
  if (shape(w, family, out, in, blocks_of(in) * BW_BLOCK * 2, padded_rows(out))) return -1;
  *bytes = (struct bw_weight_bytes){ bw_held(padded_rows(out) * w->row_bytes), 0 };
  for (int32_t o = 0; o < out; o++) {
    uint16_t *row = (uint16_t *)(w->data + (size_t)o * w->row_bytes);
    for (int32_t k = 0; k < in; k++) row[k / BW_BLOCK * BW_BLOCK + place(k % BW_BLOCK)] = *bits++;
  }
  return 0;
}

int bw_pack_table4(struct bw_weight *w, const uint8_t *codes, const float *scales, const float *table, int32_t block_size, int32_t out, int32_t in, struct bw_weight_bytes *bytes) {
  size_t blocks = blocks_of(in);
  if (shape(w, BW_TABLE4, out, in, blocks * BW_TABLE4_BYTES, padded_rows(out))) return -1;
  size_t scale_bytes = padded_rows(out) * blocks * 4;
  *bytes = (struct bw_weight_bytes){ bw_held(padded_rows(out) * w->row_bytes) - scale_bytes, scale_bytes };
  memcpy(w->table, table, sizeof w->table);
  for (size_t block = 0; block < (size_t)out * blocks; block++) {
    uint8_t *to = w->data + block * BW_TABLE4_BYTES;
    memcpy(to, codes + block * 32, 32);
    memcpy(to + 32, scales + block * BW_BLOCK / block_size, 4);
  }
  return 0;
}

int bw_pack_int8(struct bw_weight *w, const int8_t *codes, const float *scales, int32_t out, int32_t in, struct bw_weight_bytes *bytes) {
  size_t panels = padded_rows(out) / BW_PANEL;
  if (shape(w, BW_INT8, out, in, blocks_of(in) * BW_BLOCK * BW_PANEL, panels)) return -1;
  w->scales = bw_take(padded_rows(out) * 4);
  if (w->scales == NULL) return -1;
  *bytes = (struct bw_weight_bytes){ bw_held(panels * w->row_bytes) + bw_held(padded_rows(out) * 4), 0 };
  memset(w->data, 128, panels * w->row_bytes);
  memcpy(w->scales, scales, (size_t)out * 4);
  for (int32_t o = 0; o < out; o++) {
    uint8_t *panel = w->data + (size_t)(o / BW_PANEL) * w->row_bytes + (size_t)(o % BW_PANEL) * 4;
    for (int32_t k = 0; k < in; k++) panel[(size_t)(k >> 2) * 64 + (k & 3)] = (uint8_t)(*codes++ + 128);
  }
  return 0;
}

void bw_free_weight(struct bw_weight *w) {
  bw_give(w->data);
  bw_give(w->scales);
}

float *bw_padded(const float *values, size_t length) {
  float *padded = bw_take((length + BW_BLOCK - 1) / BW_BLOCK * BW_BLOCK * 4);
  if (padded) memcpy(padded, values, length * 4);
  return padded;
}
