/** Takes a lease, says so, and holds it until it is killed. */
import { openStore } from '../../../stages/dag/open-store.ts';
import { key } from '../store-help.ts';

const [folder, name] = process.argv.slice(2) as [string, string];
const holder = await openStore({ folder, env: {} }).leases.acquire(key(name));
process.stdout.write(holder === undefined ? 'held\n' : 'refused\n');
setInterval(() => undefined, 1000);
