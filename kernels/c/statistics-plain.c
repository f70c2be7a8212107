/* Row statistics for any processor. */
#include "statistics.inc.h"

const struct bw_statistics bw_statistics_plain = BW_STATISTICS_TABLE;
