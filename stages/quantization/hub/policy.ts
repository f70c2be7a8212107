/** How patient a download is. One place for every limit, so that tests can be impatient. */

export interface Policy {
  /** From asking to the first line of the answer. */
  readonly answerMs: number;
  /** Between two pieces of a body. */
  readonly idleMs: number;
  /** Tries in a row that bring nothing. */
  readonly attempts: number;
  /** The pause before the second try; it doubles up to the longest. */
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
  /** Who asks to wait longer (Retry-After) is taken at their word, and the run ends. */
  readonly longestRetryAfterMs: number;
  /** A file may take `graceMs`, and as long as it takes at this rate: a server that drips is left. */
  readonly leastBytesPerSecond: number;
  readonly graceMs: number;
  /** Whole downloads of a file that came out as other bytes. */
  readonly wrongDownloads: number;
  readonly redirects: number;
  /** Files at once, of all models together. More make a hub answer "too many requests" sooner than the line full. */
  readonly filesAtOnce: number;
  readonly largestJsonBytes: number;
  readonly largestHeaderBytes: number;
}

export const POLICY: Policy = {
  answerMs: 30_000, idleMs: 30_000, attempts: 6, firstPauseMs: 1000, longestPauseMs: 60_000, longestRetryAfterMs: 300_000,
  leastBytesPerSecond: 50_000, graceMs: 600_000, wrongDownloads: 2, redirects: 5, filesAtOnce: 4, largestJsonBytes: 32_000_000, largestHeaderBytes: 64_000,
};
