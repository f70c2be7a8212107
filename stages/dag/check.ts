/**
 * Looks at every byte of the store: objects, cited or not (an uncited one would be taken for sound by the next commit of equal
 * bytes), and what is cited and nowhere. `repair` sets aside what was found; nothing is deleted.
 */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { asideFromPack, asideLoose, asidePath } from './damage.ts';
import type { DamageOptions } from './damage.ts';
import { wrapErrors } from './disk.ts';
import { hashFile } from './facts.ts';
import { sha256 } from './sha256.ts';
import type { CheckReport, DamageFinding } from './store.ts';
import { timestamp } from './timestamp.ts';
import type { Sha256 } from './types.ts';

interface Citation { readonly bytes: number; readonly cells: Set<string>; /** When the newest record of a cell that cites it was made; '' where only superseded ones do. */ needed: string }

/** Store.check, but for the log. */
export async function checkObjects(options: DamageOptions, onObject: (bytes: number) => void = () => undefined): Promise<Omit<CheckReport, 'damagedLines'>> {
  const { index, outputs, places } = options;
  places.forgetStats();
  outputs.forgetAll();
  const cited = citations(options);
  const damagedObjects: DamageFinding[] = [];
  const sound = new Set<Sha256>();
  let bytes = 0;
  const found = (sha: Sha256, size: number, what: string | undefined, where: string, pack?: DamageFinding['pack']): void => {
    bytes += size;
    if (what === undefined) sound.add(sha);
    else damagedObjects.push({ sha256: sha, what, cells: [...cited.get(sha)?.cells ?? []], where, ...(pack === undefined ? {} : { pack }) });
    onObject(size);
  };
  for (const [name, { bytes: packBytes, objects }] of places.packs()) {
    const where = `packs/${name}.pack`;
    const content = await readFile(places.packPath(name)).catch((error: NodeJS.ErrnoException) => error.code === 'ENOENT' ? undefined : error.code ?? 'unknown');
    if (content === undefined) continue;
    const whole = typeof content === 'string' ? `its file cannot be read (${content})` : content.length !== packBytes ? `its pack has ${content.length} bytes instead of ${packBytes}` : undefined;
    for (const { sha256: sha, offset, bytes: size } of objects) {
      const what = whole ?? faultIn((content as Uint8Array).subarray(offset, offset + size), sha);
      found(sha, size, what, where, { name, offset, bytes: size, whole: whole !== undefined });
    }
  }
  for (const sha of await places.loose()) {
    const path = places.loosePath(sha);
    const fact = await hashFile(path).catch((error: NodeJS.ErrnoException) => error.code ?? 'unknown');
    if (fact === 'ENOENT') continue; // set aside by a run while we looked
    const what = typeof fact === 'string' ? `its file cannot be read (${fact})` : fact.sha256 === sha ? undefined : `its bytes hash to ${fact.sha256.slice(0, 12)}`;
    found(sha, typeof fact === 'string' ? 0 : fact.bytes, what, `objects/${sha.slice(0, 2)}/${sha}`);
  }
  const known = new Set([...sound, ...damagedObjects.map((finding) => finding.sha256)]);
  for (const [sha, { bytes: size, cells, needed }] of cited) {
    // What only superseded records cite may be gone, and what was removed or set aside since is known to be.
    if (known.has(sha) || needed === '' || (index.absentSince(sha) ?? '') > needed) continue;
    if (outputs.isElsewhere({ sha256: sha, bytes: size })) continue;
    damagedObjects.push({ sha256: sha, what: 'it is not in the store', cells: [...cells] });
  }
  return { objects: known.size, bytes, records: index.records().length, damagedObjects };
}

function citations({ index, outputs }: DamageOptions): ReadonlyMap<Sha256, Citation> {
  const newest = new Set(index.newest());
  const cited = new Map<Sha256, Citation>();
  for (const record of index.records()) {
    for (const output of outputs.citedBy(record)) {
      let entry = cited.get(output.sha256);
      if (entry === undefined) cited.set(output.sha256, entry = { bytes: output.bytes, cells: new Set(), needed: '' });
      entry.cells.add(record.cell);
      if (newest.has(record) && record.finishedAt > entry.needed) entry.needed = record.finishedAt;
    }
  }
  return cited;
}

function faultIn(bytes: Uint8Array, sha: Sha256): string | undefined {
  const actual = sha256(bytes);
  return actual === sha ? undefined : `its bytes hash to ${actual.slice(0, 12)}`;
}

/** Store.repair. */
export async function repairStore(options: DamageOptions, { damagedObjects, damagedLines }: CheckReport): Promise<void> {
  const { places, outputs, commits } = options;
  await options.prepare();
  const moved = new Set<string>();
  const noteLoss = ({ sha256: sha, what }: DamageFinding): Promise<void> => commits.add(new Map(), [{ kind: 'aside', body: { sha256: sha, what, at: timestamp() } }]);
  const setAside = async (finding: DamageFinding): Promise<void> => {
    const { sha256: sha, what, where, pack } = finding;
    outputs.forget(sha);
    if (where === undefined) await noteLoss(finding);
    else if (pack === undefined) {
      places.markUnusable(places.loosePath(sha));
      await asideLoose(options, sha, what);
    } else if (pack.whole) {
      if (!moved.has(where)) await movePack(options, pack.name, what);
      moved.add(where);
      await noteLoss(finding);
    } else {
      places.condemn(sha, pack.name, pack.offset);
      await asideFromPack(options, { sha256: sha, bytes: pack.bytes, offset: pack.offset, path: places.packPath(pack.name) }, pack.name, what);
    }
  };
  await wrapErrors(async () => {
    // Side by side, so that one sync serves many; the first of a pack moves it before its others are noted.
    const packs = new Map<string, Promise<void>>();
    await Promise.all(damagedObjects.map((finding) => {
      const { where } = finding;
      if (finding.pack?.whole !== true || where === undefined) return setAside(finding);
      const before = packs.get(where);
      const ending = before === undefined ? setAside(finding) : before.then(() => setAside(finding));
      if (before === undefined) packs.set(where, ending);
      return ending;
    }));
    await Promise.all(damagedLines.map(({ file, offset }) => commits.add(new Map(), [{ kind: 'noted', body: { file, offset, at: timestamp() } }])));
  });
  places.forgetStats();
}

async function movePack(options: DamageOptions, pack: Sha256, why: string): Promise<void> {
  const copy = `${await asidePath(options, pack)}.pack`;
  await rename(options.places.packPath(pack), copy);
  await writeFile(`${copy}.reason`, `${why}\n`, { mode: 0o400 });
}
