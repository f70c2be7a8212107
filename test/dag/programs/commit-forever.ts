/** Commits cell after cell into the store given, small and large outputs mixed, until it is killed. Prints one line per commit. */
import { openStore } from '../../../stages/dag/open-store.ts';
import { commitText, large } from '../store-help.ts';

const [folder, prefix] = process.argv.slice(2) as [string, string];
const store = openStore({ folder, env: {} });
for (let i = 0; ; i++) {
  const name = `${prefix}-${i}`;
  // Some at once, some when their group is due.
  await Promise.all([commitText(store, name, { out: Buffer.from(`output of ${name}`), big: i % 5 === 0 ? large(i) : Buffer.from('small'), all: { tree: new Map([['a', Buffer.from(name)], ['b', large(1)]]) } }), i % 3 === 0 ? store.flush() : undefined]);
  process.stdout.write(`${name}\n`);
}
