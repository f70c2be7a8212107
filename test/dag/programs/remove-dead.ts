/** Removes from a store, as `gc` does, everything but what cells not named work:d… cite. Says when it begins. */
import { openStore } from '../../../stages/dag/open-store.ts';

const [folder] = process.argv.slice(2) as [string];
const store = openStore({ folder, env: {} });
const keep = new Set(store.records().filter((record) => !record.cell.startsWith('work:d')).flatMap((record) => [...store.citedBy(record)].map(({ sha256 }) => sha256)));
if ((await store.leases.alone()).length > 0) process.exit(1);
const garbage = await store.garbage(keep);
process.stdout.write('removing\n');
await store.remove(garbage, keep);
await store.close();
process.stdout.write('removed\n');
