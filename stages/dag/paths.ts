/** The one rule for paths that are written down: in declarations and in trees, both of which end up under some folder. */

const MAX_PATH_CHARACTERS = 400;

/**
 * Why a path cannot be used, or undefined when it can: relative, '/' between plain segments, no '.' or '..' segment, no control
 * character, at most MAX_PATH_CHARACTERS.
 */
export function unsafePath(path: unknown): string | undefined {
  if (typeof path !== 'string' || path === '') return 'is empty';
  if (path.length > MAX_PATH_CHARACTERS) return `is longer than ${MAX_PATH_CHARACTERS} characters`;
  if (path.startsWith('/') || /^[A-Za-z]:/.test(path)) return 'is absolute';
  if (/[\u0000-\u001f\u007f\\]/.test(path)) return 'has a control character or a backslash';
  for (const segment of path.split('/')) {
    if (segment === '' || segment === '.' || segment === '..') return `has the segment "${segment}"`;
  }
  return undefined;
}
