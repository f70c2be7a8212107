/** Works through keys that other processes work through too, holding a lease on each; prints the name of each that it computed. */
import { openStore } from '../../../stages/dag/open-store.ts';
import { commitText, key } from '../store-help.ts';

const [folder, count] = process.argv.slice(2) as [string, string];
const store = openStore({ folder, env: {} });
const open = new Set(Array.from({ length: Number(count) }, (_, i) => `shared-${i}`));
while (open.size > 0) {
  for (const name of open) {
    if (await store.leases.acquire(key(name)) !== undefined) continue;
    store.refresh();
    if (store.done(key(name)) === undefined) {
      await Promise.all([commitText(store, name, `output of ${name}`), store.flush()]);
      process.stdout.write(`${name}\n`);
    }
    await store.leases.release(key(name));
    open.delete(name);
  }
}
await store.close({ ran: 0, cached: 0, failed: 0, skipped: 0 });
