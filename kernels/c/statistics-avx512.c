/* Row statistics for AVX-512. */
#include "statistics.inc.h"

const struct bw_statistics bw_statistics_avx512 = BW_STATISTICS_TABLE;
