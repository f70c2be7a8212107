/**
 * Reads what `strace -f -y` wrote, and looks for writes in an order that a power cut could punish. A call that another thread
 * interrupts has a beginning and an end; "before" is between the end of one and the beginning of the other.
 */
import { dirname } from 'node:path';

interface Call { readonly name: string; readonly args: string; readonly begin: number; readonly end: number }

/** Broken rules in words; how many names, records and told cells were looked at. */
export interface OrderReport { readonly faults: readonly string[]; readonly names: number; readonly records: number; readonly told: number }

interface RenameCall { readonly from: string; readonly to: string; readonly call: Call }
/** `text` is read when it is asked for: most of a trace is bytes that nobody looks at. */
interface WriteCall { readonly path: string; readonly text: () => string; readonly call: Call }

const LINE = /^(\d+) +(\w+)\((.*)\) += (-?\d+)/s;
const UNFINISHED = /^(\d+) +(\w+)\((.*?) ?<unfinished \.\.\.>$/s;
const RESUMED = /^(\d+) +<\.\.\. (\w+) resumed>(.*)\) += (-?\d+)/s;
const QUOTED = /"((?:[^"\\]|\\.)*)"/g;

function callsIn(trace: string): readonly Call[] {
  const calls: Call[] = [];
  const open = new Map<string, { readonly args: string; readonly begin: number }>();
  for (const [at, line] of trace.split('\n').entries()) {
    const unfinished = UNFINISHED.exec(line);
    if (unfinished !== null) { open.set(`${unfinished[1]} ${unfinished[2]}`, { args: unfinished[3]!, begin: at }); continue; }
    const resumed = RESUMED.exec(line);
    const begun = resumed === null ? undefined : open.get(`${resumed[1]} ${resumed[2]}`);
    if (resumed !== null && begun !== undefined && Number(resumed[4]) >= 0) calls.push({ name: resumed[2]!, args: begun.args + resumed[3]!, begin: begun.begin, end: at });
    const whole = resumed === null ? LINE.exec(line) : null;
    if (whole !== null && Number(whole[4]) >= 0) calls.push({ name: whole[2]!, args: whole[3]!, begin: at, end: at });
  }
  return calls;
}

/** As strace writes text: C's escapes, bytes in octal. */
function unquoted(text: string): string {
  return text.replace(/\\(?:([0-7]{1,3})|(.))/g, (_, octal: string | undefined, letter: string) =>
    octal !== undefined ? String.fromCharCode(parseInt(octal, 8)) : ({ n: '\n', t: '\t', r: '\r', f: '\f', v: '\v' } as { [letter: string]: string })[letter] ?? letter);
}

const pathOf = ({ args }: Call): string => /^\d+<([^>]*)>/.exec(args)?.[1] ?? '';

/** `store`: the folder of the run's store. */
export function orderFaults(trace: string, store: string): OrderReport {
  const calls = callsIn(trace);
  const syncs = calls.filter(({ name }) => name === 'fsync' || name === 'fdatasync').map((call) => ({ path: pathOf(call), call }));
  const writes: WriteCall[] = calls.filter(({ name }) => ['write', 'pwrite64', 'writev'].includes(name)).map((call) => ({ path: pathOf(call), text: () => [...call.args.matchAll(QUOTED)].map(([, text]) => unquoted(text!)).join(''), call }));
  const renames: RenameCall[] = calls.filter(({ name }) => name.startsWith('rename')).map((call) => {
    const [from, to] = [...call.args.matchAll(QUOTED)].map(([, text]) => unquoted(text!));
    return { from: from!, to: to!, call };
  });
  const isSynced = (path: string, after: number, before: number): boolean => syncs.some((sync) => sync.path === path && sync.call.begin > after && sync.call.end < before);
  const lastEnd = (of: readonly { readonly call: Call }[]): number => Math.max(-1, ...of.map(({ call }) => call.end));
  const faults: string[] = [];

  // What is only remembered (cache/) may be lost, and is not synced.
  const named = renames.filter(({ to }) => to.startsWith(`${store}/`) && !/\/(cache|scratch|build|logs|leases|holders)\/|\/\.tmp-[^/]*$/.test(to.slice(store.length)));
  for (const { from, to, call } of named) {
    if (!isSynced(from, lastEnd(writes.filter(({ path }) => path === from)), call.begin)) faults.push(`${to.slice(store.length + 1)} was named before its bytes were synced`);
  }
  const isDurable = (path: string, before: number): boolean => named.some(({ to, call }) => to === path && call.end < before && isSynced(dirname(path), call.end, before));

  const packOf = new Map<string, string>();
  const recorded = new Map<string, number>();
  for (const { path, text, call } of writes) {
    if (!path.startsWith(`${store}/records/`)) continue;
    for (const line of text().split('\n').filter((one) => one !== '')) {
      const body = JSON.parse(line) as { is: string; pack?: string; objects?: [string, number, number][]; cell?: string; outputs?: { [name: string]: { sha256: string } } };
      if (body.is === 'pack') for (const [sha] of body.objects!) packOf.set(sha, body.pack!);
      if (body.is !== 'record') continue;
      for (const { sha256 } of Object.values(body.outputs!)) {
        const pack = packOf.get(sha256);
        const file = pack === undefined ? `${store}/objects/${sha256.slice(0, 2)}/${sha256}` : `${store}/packs/${pack}.pack`;
        if (!isDurable(file, call.begin)) faults.push(`${body.cell!} was recorded before its bytes were durable`);
      }
      const sync = syncs.find((one) => one.path === path && one.call.begin > call.end);
      recorded.set(body.cell!, sync?.call.end ?? Infinity);
    }
  }

  let told = 0;
  for (const { path, text, call } of writes) {
    if (!/^\d+<(pipe|socket)/.test(call.args) || path.startsWith('/')) continue;
    for (const [, cell] of text().matchAll(/\{"event":"ran","cell":"([^"]+)"/g)) {
      told++;
      if ((recorded.get(cell!) ?? Infinity) >= call.begin) faults.push(`${cell!} was told of before its record was synced`);
    }
  }
  return { faults, names: named.length, records: recorded.size, told };
}
