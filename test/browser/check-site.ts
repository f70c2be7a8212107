/** `node --import tsx test/browser/check-site.ts reports/site`: everything that can be wrong with a built site; exit 1 if anything is. */
import { resolve } from 'node:path';
import { brokenLinks, filesOf, personalTraces, tooLarge } from './files.ts';
import { complaintsInChromium, missing, pagesToOpen } from './open.ts';

const folder = resolve(process.argv[2] ?? 'reports/site');
const complaints = [...brokenLinks(folder), ...personalTraces(folder, [resolve('.')]), ...tooLarge(folder)];
const absent = missing();
if (absent !== undefined) {
  console.log(`not run: opening the site in a browser: ${absent}`);
  if (process.env['BITWIDTH_REQUIRE_ALL'] === '1') complaints.push(absent);
} else {
  complaints.push(...await complaintsInChromium(folder, pagesToOpen(filesOf(folder))));
}
for (const it of complaints.slice(0, 100)) console.log(it);
console.log(`${filesOf(folder).length} files checked, ${complaints.length} complaints`);
process.exitCode = complaints.length === 0 ? 0 : 1;
