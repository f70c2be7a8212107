/** Every file against data/files.json, size and sha256; and the statement that is signed of that list, where one is published. */
import { count } from '../../stages/dag/index.ts';
import { MANIFEST_FILE, REQUIRED, SIZES_FILE, UNLISTED, isOfSystem, readManifest } from '../manifest.ts';
import { cellPath } from '../num.ts';
import { MissingFile, sha256Of, textOf } from './objects.ts';
import { PLAN_FILE, siteHas } from './plan.ts';
import { TABLE_FILE } from './published-tables.ts';
import { signatureFindings } from './signatures.ts';
import type { Check, CheckContext, Finding, Place } from './checks.ts';
import type { Manifest } from '../manifest.ts';
import type { Plan } from './plan.ts';

/** As many at once as browsers ask one server for. */
const AT_ONCE = 6;
/** Files that differ are told up to this many. */
const TOLD = 50;

export const filesCheck: Check = {
  name: 'files', about: 'the files',
  offer(place, { files }) {
    if (files === undefined) return { because: `${SIZES_FILE} cannot be loaded`, note: `${SIZES_FILE}, which says how large this report’s files are, cannot be loaded: it is missing from this copy, or the connection broke. Without it they cannot be checked here; the command check-site checks them.` };
    return {
      title: place.cell === undefined ? 'Check every file against the list of their hashes, and the signature of that list' : 'Check this page, the tables and the records against the list of hashes, and the signature of that list', readsFiles: true,
      downloads: () => Object.entries({ ...files, ...beside(files) }).filter(([path]) => UNLISTED.has(path) || wanted(place, path)).map(([path, bytes]) => ({ path, bytes })),
    };
  },
  run: checkFiles,
};

/** How large the list is nobody has said: a line for each file, of its path and some hundred characters. */
const beside = (files: NonNullable<Plan['files']>): { readonly [path: string]: number } => ({ [MANIFEST_FILE]: Object.keys(files).reduce((sum, path) => sum + path.length + 110, 0), [SIZES_FILE]: JSON.stringify(files).length });

/** Of a cell's page what it shows and rests on. */
const wanted = ({ cell }: Place, path: string): boolean => cell === undefined || path === cellPath(cell) || path.startsWith('assets/') || TABLE_FILE.test(path);

async function checkFiles(context: CheckContext): Promise<void> {
  const { place, say } = context;
  let listed: Manifest['files'], list: Uint8Array<ArrayBuffer>;
  try {
    list = await context.file(MANIFEST_FILE);
    listed = readManifest(textOf(list));
  } catch (error) {
    if (!(error instanceof SyntaxError) && !(error instanceof MissingFile)) throw error;
    return say({ verdict: 'differs', what: `${MANIFEST_FILE}, the list of files: ${error.message}` });
  }
  // What the offer did not tell of is not loaded: that the lists do not agree is said below.
  const own = Object.entries(listed).filter(([path]) => wanted(place, path) && siteHas(context.plan, path));
  if (place.cell !== undefined && !Object.hasOwn(listed, cellPath(place.cell))) say({ verdict: 'differs', what: `${cellPath(place.cell)} is not in ${MANIFEST_FILE}` });
  const faults: Finding[] = [], unpacked: string[] = [];
  const total = own.reduce((sum, [, { bytes }]) => sum + bytes, 0);
  let done = 0, looked = 0;
  let broken: Error | undefined;
  const left = [...own];
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (let next = left.shift(); next !== undefined && broken === undefined; next = left.shift()) {
      context.signal.throwIfAborted();
      const [path, file] = next;
      try {
        const fault = await faultOf(context, path, file);
        looked++;
        if (context.sentUnpacked(path)) unpacked.push(path);
        else if (fault !== undefined) faults.push({ verdict: 'differs', what: path, detail: fault });
        context.progress(done += file.bytes, total, 'bytes');
      } catch (error) {
        context.signal.throwIfAborted();
        // What was compared until then is said all the same.
        broken ??= error as Error;
      }
    }
  }));
  const sound = looked - unpacked.length - faults.length;
  faults.push(...listFaults(context.plan, listed));
  // A server does not tell what else it has.
  const more = place.cell === undefined ? (context.chosen ?? []).filter((path) => !Object.hasOwn(listed, path) && !UNLISTED.has(path)) : [];
  for (const path of more) if (!isOfSystem(path)) faults.push({ verdict: 'differs', what: path, detail: `it is in the folder, and not in ${MANIFEST_FILE}` });
  faults.sort((a, b) => (a.what < b.what ? -1 : 1));
  for (const fault of faults.slice(0, TOLD)) say(fault);
  if (faults.length > TOLD) say({ verdict: 'differs', what: `and ${faults.length - TOLD} more differences` });
  const compared = count(looked - unpacked.length, 'file');
  if (faults.length > 0) say({ verdict: 'differs', what: `in all: ${sound} of ${compared} have the size and the sha256 that ${MANIFEST_FILE} gives them` });
  else if (looked > 0) say({ verdict: 'equal', what: `${compared}, each with the size and the sha256 that ${MANIFEST_FILE} gives it` });
  const ofSystem = more.filter(isOfSystem).sort();
  if (ofSystem.length > 0) say({ verdict: 'note', what: `${count(ofSystem.length, 'file')} in the folder that systems leave in folders, and no part of the report`, detail: ofSystem.slice(0, TOLD).join(', ') });
  // Whoever serves a file so keeps it from being hashed: the rest is not all.
  if (unpacked.length > 0) say({ verdict: 'note', unfinished: true, what: `${unpacked.sort().join(', ')}: not hashed`, detail: `the server unpacks ${count(unpacked.length, 'file')} that the report has packed (it sends .gz files with Content-Encoding), so that no page has their bytes; check-site compares them` });
  if (broken !== undefined) return say({ verdict: 'note', unfinished: true, what: `${count(own.length - looked, 'more file')} and the signature: not looked at, broken off`, detail: broken.message });
  for (const finding of await signatureFindings(context, list)) say(finding);
}

/** Where the list of hashes, the list of sizes (what the other checks and the offer go by) and what a site must have do not name the same files. */
function* listFaults(plan: Plan, listed: Manifest['files']): Generator<Finding> {
  const sizes = plan.files ?? {};
  for (const [path, { bytes }] of Object.entries(listed)) {
    if (path === SIZES_FILE) continue;
    if (!Object.hasOwn(sizes, path)) yield { verdict: 'differs', what: path, detail: `it is in ${MANIFEST_FILE}, and not in ${SIZES_FILE}` };
    else if (sizes[path] !== bytes) yield { verdict: 'differs', what: path, detail: `${SIZES_FILE} says that it has ${String(sizes[path])} bytes, and ${MANIFEST_FILE} says ${bytes}` };
  }
  for (const path of Object.keys(sizes)) if (!Object.hasOwn(listed, path)) yield { verdict: 'differs', what: path, detail: `it is in ${SIZES_FILE}, and not in ${MANIFEST_FILE}: nothing says which bytes it should have` };
  for (const path of [...REQUIRED, SIZES_FILE, PLAN_FILE, ...Object.keys(plan.programs), ...Object.values(plan.objects).map((object) => object.path)]) {
    if (!Object.hasOwn(listed, path) && !Object.hasOwn(sizes, path)) yield { verdict: 'differs', what: path, detail: `a report has such a file, and ${MANIFEST_FILE} does not list it` };
  }
}

/** In words; undefined: it is as listed. */
async function faultOf(context: CheckContext, path: string, { bytes, sha256 }: Manifest['files'][string]): Promise<string | undefined> {
  try {
    const found = await context.file(path);
    if (found.length !== bytes) return `it has ${found.length} bytes, and ${MANIFEST_FILE} says ${bytes}`;
    const hash = await sha256Of(found);
    return hash === sha256 ? undefined : `its bytes have the sha256 ${hash}, and ${MANIFEST_FILE} says ${sha256}`;
  } catch (error) {
    if (!(error instanceof MissingFile)) throw error;
    return error.message;
  }
}
