/** Words for people: the nearest known name, counts with their noun, durations, sizes. */

/** Text from outside as a line or lines for people: what would steer a terminal, or turn the direction of writing, is spelled out. */
export const plainText = (text: string): string => text.replaceAll(/\r\n?/g, '\n').replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** The known word that is most likely meant, or undefined when none is near (edit distance above a third of its length, and above 1). */
export function closest(wanted: string, known: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(wanted.length / 3)) + 1;
  for (const word of known) {
    if (Math.abs(word.length - wanted.length) >= bestDistance) continue;
    const distance = editDistance(wanted, word);
    if (distance < bestDistance) { best = word; bestDistance = distance; }
  }
  return best;
}

/** Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours, by the last two rows of the table. */
function editDistance(a: string, b: string): number {
  let above: readonly number[] = [];
  let row: readonly number[] = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? above[j - 2]! + 1 : Infinity;
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1), swapped));
    }
    above = row;
    row = next;
  }
  return row[b.length]!;
}

/** '1 cell', '1,204 cells'. */
export function count(n: number, noun: string, plural = `${noun}s`): string {
  return `${grouped(n)} ${n === 1 ? noun : plural}`;
}

/** '1,204'. */
export function grouped(n: number): string {
  return String(n).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** '0.3 s', '12 s', '4 min 05 s', '2 h 10 min'. */
export function duration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 59.5) return `${Math.round(seconds)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
  return `${Math.floor(whole / 3600)} h ${String(Math.floor(whole % 3600 / 60)).padStart(2, '0')} min`;
}

/** '2026-11-26 07:12:03 UTC', of a time stamp in ISO 8601. */
export function timeText(timestamp: string): string {
  return `${timestamp.slice(0, 19).replace('T', ' ')} UTC`;
}

/** '12/40 windows'; of bytes '1.2 GB of 14 GB, 85 MB/s, 2 min 31 s left'. `rate`: a second. */
export function amount(done: number, total: number, unit: string, rate?: number): string {
  if (unit !== 'bytes') return `${done}/${total} ${unit}`;
  const speed = rate === undefined || rate < 1 ? '' : `, ${byteSize(rate)}/s${done < total ? `, ${duration((total - done) / rate * 1000)} left` : ''}`;
  return `${byteSize(done)} of ${byteSize(total)}${speed}`;
}

/** '812 B', '1.2 MB', '31 GB': powers of 1000, as disks are sold. */
export function byteSize(bytes: number): string {
  if (bytes < 999.5) return `${Math.round(bytes)} B`;
  let size = bytes / 1000;
  let unit = 0;
  while (size >= 999.5 && unit < UNITS.length - 1) {
    size /= 1000;
    unit++;
  }
  return `${size < 9.95 ? size.toFixed(1) : Math.round(size)} ${UNITS[unit]!}`;
}

const UNITS = ['kB', 'MB', 'GB', 'TB', 'PB'] as const;
