/** What a run moved through a shared cache. */
import { byteSize, count } from '../words.ts';

/** What went through it, for people and programs. */
export interface CacheTraffic {
  /** Results that were taken from it, and those that were put into it. */
  readonly taken: number;
  readonly sent: number;
  readonly bytesDown: number;
  readonly bytesUp: number;
  readonly requests: number;
  /** Results that are not there yet. */
  readonly left: number;
}

/** 'Shared cache: 12 results taken (3 MB), 4 put there (1 MB).' */
export function trafficText({ taken, sent, bytesDown, bytesUp }: CacheTraffic): string {
  return `Shared cache: ${count(taken, 'result')} taken (${byteSize(bytesDown)}), ${count(sent, 'result')} put there (${byteSize(bytesUp)}).`;
}

/** 'shared cache: 12 results taken, 3 MB down; 4 put there, 1 MB up, 3 to go'. */
export function movingText({ taken, sent, bytesDown, bytesUp, left }: CacheTraffic): string {
  return `shared cache: ${count(taken, 'result')} taken, ${byteSize(bytesDown)} down; ${count(sent, 'result')} put there, ${byteSize(bytesUp)} up${left > 0 ? `, ${count(left, 'result')} to go` : ''}`;
}
