/** The macros that a site publishes for papers: those of its tables' numbers, word for word. */
import { TEX_FILE } from '../reports/drawn-with-file.ts';
import { macroLine } from '../reports/numbers-tex.ts';
import { numbersIn } from '../reports/numbers.ts';
import { BULK } from '../reports/tables.ts';
import type { SiteFault, SiteFolder } from './site-folder.ts';
import type { SiteTables } from './site-tables.ts';

export function checkTex(site: SiteFolder, { rows }: SiteTables): readonly SiteFault[] {
  const text = site.read(TEX_FILE)?.toString('utf8');
  if (text === undefined) return [];
  const found = new Map(text.split('\n').flatMap((line) => { const id = /^\\bwdefine\{([^}]*)\}/.exec(line)?.[1]; return id === undefined ? [] : [[id, line] as const]; }));
  const faults: SiteFault[] = [];
  for (const [table, own] of rows) {
    if (BULK.has(table)) continue;
    for (const number of numbersIn(table, own)) {
      const line = found.get(number.id);
      if (line !== macroLine(number)) faults.push({ file: TEX_FILE, what: `the number ${number.id}`, expected: macroLine(number), found: line ?? 'nothing' });
      found.delete(number.id);
    }
  }
  for (const [id, line] of found) faults.push({ file: TEX_FILE, what: `the number ${id}`, expected: 'a number of the tables', found: line });
  return faults;
}
