/** Names for bytes. */
import { createHash } from 'node:crypto';
import type { Sha256 } from './types.ts';

/** sha256 of bytes, or of a text's UTF-8; lower-case hex. */
export function sha256(bytes: Uint8Array | string): Sha256 {
  return createHash('sha256').update(bytes).digest('hex') as Sha256;
}

/**
 * sha256 of a text of a stated type: the pre-image begins with `bitwidth <type>\n`, so that a hash of one type of thing can
 * never stand for another. `type` ends with the version of its encoding: 'key 1'.
 */
export function taggedSha256(type: string, text: string): Sha256 {
  return sha256(taggedText(type, text));
}

/** What taggedSha256() hashes. */
export const taggedText = (type: string, text: string): string => `bitwidth ${type}\n${text}`;

/** True for 64 lower-case hex digits. */
export function isSha256(text: string): text is Sha256 {
  return /^[0-9a-f]{64}$/.test(text);
}
