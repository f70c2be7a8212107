/* Row statistics for AVX2. */
#include "statistics.inc.h"

const struct bw_statistics bw_statistics_avx2 = BW_STATISTICS_TABLE;
