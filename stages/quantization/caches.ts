/** The data caches of this machine, as Linux describes them, and which of them holds a working set. */
import { readFileSync, readdirSync } from 'node:fs';
import type { BenchCache, BenchRow } from './bench-file.ts';

const FOLDER = '/sys/devices/system/cpu/cpu0/cache/';

/** Smallest first. Empty where the system does not tell: then every working set counts as in memory. */
export function machineCaches(folder: string = FOLDER): BenchCache[] {
  try {
    return readdirSync(folder).filter((name) => /^index\d+$/.test(name)).flatMap((name) => {
      const fact = (what: string): string => readFileSync(`${folder}${name}/${what}`, 'utf8').trim();
      if (fact('type') === 'Instruction') return [];
      const [, size, unit] = /^(\d+)([KMG]?)$/.exec(fact('size')) ?? [];
      if (size === undefined) return [];
      return [{ level: Number(fact('level')), bytes: Number(size) * { '': 1, K: 1 << 10, M: 1 << 20, G: 1 << 30 }[unit as '' | 'K' | 'M' | 'G'], sharedBy: listed(fact('shared_cpu_list')) }];
    }).sort((a, b) => a.level - b.level);
  } catch {
    return [];
  }
}

/** How many processors a list like '0-3,8' names. */
function listed(list: string): number {
  return list.split(',').reduce((count, range) => {
    const [from, to = from] = range.split('-').map(Number) as [number, number?];
    return count + to! - from + 1;
  }, 0);
}

/** The smallest level that holds so many bytes, each thread having its own share of them in its core's L2. */
export function levelOf(bytes: number, threads: number, caches: readonly BenchCache[]): BenchRow['level'] {
  const largest = (level: number): number => Math.max(0, ...caches.filter((cache) => cache.level === level).map((cache) => cache.bytes));
  if (bytes / threads <= largest(2)) return 'L2';
  return bytes <= largest(3) ? 'L3' : 'memory';
}
