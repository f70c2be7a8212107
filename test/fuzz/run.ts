/**
 * `npm run test:fuzz [-- --seconds 60 --seed 1]`: damaged weight files, one after another, until time is up or one does what none may. A finding
 * names its seed: `--seed <it> --cases 1` does it again.
 */
import { parseArgs } from 'node:util';
import { tryCase } from './weight-files.ts';

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string' }, cases: { type: 'string' } } });
const seconds = Number(values.seconds);
const first = values.seed === undefined ? Math.floor(Date.now() / 1000) * 1000 : Number(values.seed);
const most = values.cases === undefined ? Infinity : Number(values.cases);

const tally = { cases: 0, refused: 0, accepted: 0 };
const startedMs = performance.now();
const wrong: string[] = [];
for (let seed = first; performance.now() - startedMs < seconds * 1000 && tally.cases < most && wrong.length < 10; seed++) {
  const found = tryCase(seed, tally);
  if (found !== undefined) wrong.push(found);
}
for (const line of wrong) console.log(line);
console.log(`${tally.cases} files from seed ${first}: ${tally.refused} refused, ${tally.accepted} read; ${wrong.length} wrong`);
process.exit(wrong.length === 0 ? 0 : 1);
