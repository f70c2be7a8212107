/**
 * Formats of a project that is made with this package, which has none: a project's own file of this path stands in for it (docs/own-study.md).
 * Each is a file beside it, named as the format is, as the package's are.
 */
import type { Format } from '../formats.ts';

export const ownFormats: readonly Format[] = [];
