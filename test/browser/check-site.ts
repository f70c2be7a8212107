/** `node --import tsx test/browser/check-site.ts reports/site`: everything that can be wrong with a built site; exit 1 if anything is. */
import { resolve } from 'node:path';
import { missing } from './chromium.ts';
import { brokenLinks, filesOf, personalTraces, tooLarge } from './files.ts';
import { lowScores, overviewTooLarge } from './lighthouse.ts';
import { complaintsInChromium, pagesToOpen } from './open.ts';

const folder = resolve(process.argv[2] ?? 'reports/site');
const complaints = [...brokenLinks(folder), ...personalTraces(folder, [resolve('.')]), ...tooLarge(folder), ...overviewTooLarge(folder)];
const absent = missing();
if (absent !== undefined) {
  console.log(`not run: opening the site in a browser: ${absent}`);
  if (process.env['BITWIDTH_REQUIRE_ALL'] === '1') complaints.push(absent);
} else {
  const paths = pagesToOpen(folder, filesOf(folder));
  complaints.push(...await complaintsInChromium(folder, paths));
  console.log(`${paths.length} pages opened in Chromium, light and dark, 1280 and 360 px, from a file and from a server, with and without JavaScript`);
  const { scores, complaints: low } = await lowScores(folder);
  console.log(`Lighthouse, overview: ${Object.entries(scores).map(([name, score]) => `${name} ${score.toFixed(2)}`).join(', ')}`);
  complaints.push(...low);
}
for (const it of complaints.slice(0, 100)) console.log(it);
console.log(`${filesOf(folder).length} files checked, ${complaints.length} complaints`);
process.exitCode = complaints.length === 0 ? 0 : 1;
