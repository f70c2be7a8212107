/** Timing and tables for the benches. */

/** Long enough for the clock that counts a process's time. */
const SHORTEST_MS = 10;

/**
 * Seconds of one call, the fastest of several, counted in processor time of this process (all its threads): on a machine that others
 * share, elapsed time would measure them. A first call is not counted; the rest go on for about `budgetSeconds`.
 */
export async function fastest(work: () => Promise<unknown> | unknown, budgetSeconds = 0.3): Promise<number> {
  await work();
  let calls = 1;
  let best = Infinity;
  let left = budgetSeconds * 1000;
  do {
    const begin = process.cpuUsage();
    for (let call = 0; call < calls; call++) await work();
    const { user, system } = process.cpuUsage(begin);
    const milliseconds = (user + system) / 1000;
    left -= milliseconds;
    if (milliseconds < SHORTEST_MS) calls *= 2;
    else best = Math.min(best, milliseconds / calls / 1000);
  } while (left > 0 || best === Infinity);
  return best;
}

/** Prints rows under headings, numbers to the right. */
export function printTable(title: string, headings: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = headings.map((heading, column) => Math.max(heading.length, ...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]): string => cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join('  ');
  console.log(`\n${title}\n${line(headings)}`);
  for (const row of rows) console.log(line(row));
}

/** Three significant digits without an exponent. */
export function short(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
