/* Row statistics for 64-bit ARM. */
#include "statistics.inc.h"

const struct bw_statistics bw_statistics_neon = BW_STATISTICS_TABLE;
