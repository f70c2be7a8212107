/**
 * `npm run bench [name]`: every *.bench.ts of this folder whose name matches, one after the other. Figures are of this machine
 * at this moment; compare ratios within a run, not rates between runs.
 */
import { readdir } from 'node:fs/promises';

const pattern = process.argv[2] ?? '';
const names = (await readdir(new URL('.', import.meta.url))).filter((name) => name.endsWith('.bench.ts') && name.includes(pattern)).sort();
if (names.length === 0) {
  console.error(`no bench matches "${pattern}"`);
  process.exit(1);
}
for (const name of names) {
  const { bench } = (await import(new URL(name, import.meta.url).href)) as { bench(): Promise<void> };
  await bench();
}
