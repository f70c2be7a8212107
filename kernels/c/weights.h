/* Packing weights into the layouts of bitwidth.h. Each returns 0, or -1 when there is no memory. */
#ifndef BW_WEIGHTS_H
#define BW_WEIGHTS_H
#include "bitwidth.h"

/* Bytes that a weight holds, apart from its struct: `data` without scales, and scales. */
struct bw_weight_bytes { size_t data, scales; };

int bw_pack_fp32(struct bw_weight *w, const float *values, int32_t out, int32_t in, struct bw_weight_bytes *bytes);
int bw_pack_16(struct bw_weight *w, enum bw_family family, const uint16_t *bits, int32_t out, int32_t in, struct bw_weight_bytes *bytes);
/* `in` and `block_size` are multiples of 64. */
int bw_pack_table4(struct bw_weight *w, const uint8_t *codes, const float *scales, const float *table, int32_t block_size, int32_t out, int32_t in, struct bw_weight_bytes *bytes);
int bw_pack_int8(struct bw_weight *w, const int8_t *codes, const float *scales, int32_t out, int32_t in, struct bw_weight_bytes *bytes);
void bw_free_weight(struct bw_weight *w);
/* Copies `length` floats and pads them with +0 to whole blocks; null without memory. */
float *bw_padded(const float *values, size_t length);
#endif
