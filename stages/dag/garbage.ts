/**
 * What of the store's bytes is not among those to keep, and its removal. A pack that holds something to keep is written again
 * without the rest before it goes. Whatever moment a kill comes at, every object to keep is where the log says, in one place or in
 * two; what is left over is found by the next removal.
 */
import { readFile, readdir, rm } from 'node:fs/promises';
import type { DamageOptions } from './damage.ts';
import { fileSize, syncFolder, wrapErrors } from './disk.ts';
import { StoreUnwritable } from './errors.ts';
import { readObject } from './objects.ts';
import { sha256 } from './sha256.ts';
import { timestamp } from './timestamp.ts';
import type { Garbage } from './store.ts';
import type { Sha256 } from './types.ts';

/** So much is written to new packs before the old ones go: a bound for the memory and the disk space that it takes. */
const MAX_MOVED_BYTES = 16 << 20;
const OBJECTS_IN_LINE = 1000;

/** Store.garbage. */
export async function findGarbage({ folder, places }: Pick<DamageOptions, 'folder' | 'places'>, keep: ReadonlySet<Sha256>): Promise<Garbage> {
  places.forgetStats();
  const objects = new Map<Sha256, number>();
  const [loose, packs, strayPacks]: [Sha256[], Sha256[], string[]] = [[], [], []];
  const inPacks = places.packs();
  let [bytes, keptBytes] = [0, 0];
  const kept = new Set<Sha256>();
  for (const [name, pack] of inPacks) {
    if (places.sizeOf(places.packPath(name)) !== pack.bytes) continue; // gone, or for `check` to set aside
    let [dead, deadBytes] = [0, 0];
    for (const { sha256: sha, bytes: size, offset } of pack.objects) {
      const home = keep.has(sha) ? places.find(sha, size) : undefined;
      if (home !== undefined && home.offset === offset && places.packOf(home) === name) {
        kept.add(sha);
        keptBytes += size;
      } else {
        dead++;
        deadBytes += size;
        if (!keep.has(sha)) objects.set(sha, size);
      }
    }
    // Also where nothing in it is dead but its header, condemned places or copies.
    if (dead === 0 && pack.objects.length > 0) continue;
    packs.push(name);
    bytes += deadBytes;
  }
  for (const sha of await places.loose()) {
    const size = Math.max(0, fileSize(places.loosePath(sha)));
    if (keep.has(sha)) {
      kept.add(sha);
      keptBytes += size;
    } else {
      loose.push(sha);
      objects.set(sha, size);
      bytes += size;
    }
  }
  for (const file of await readdir(`${folder}/packs`).catch(() => [])) {
    if (!/^[0-9a-f]{64}\.pack$/.test(file) || inPacks.has(file.slice(0, 64) as Sha256)) continue;
    strayPacks.push(file);
    bytes += Math.max(0, fileSize(`${folder}/packs/${file}`));
  }
  return { objects, loose, packs, strayPacks, bytes, kept: kept.size, keptBytes };
}

/** Store.remove. Answers packs that were left because something to keep in them is damaged. */
export async function removeGarbage(options: DamageOptions, { objects, loose, packs, strayPacks }: Garbage, keep: ReadonlySet<Sha256>): Promise<readonly Sha256[]> {
  const { folder, places, outputs } = options;
  outputs.forgetAll();
  const bySize = [...loose].sort((a, b) => objects.get(b)! - objects.get(a)!);
  await options.prepare();
  try {
    await noteRemoval(options, [...objects.keys()]);
  } catch (error) {
    // On a full disk there is no room to note it before something is gone.
    if (!(error instanceof StoreUnwritable) || !['ENOSPC', 'EDQUOT'].includes(error.code) || bySize.length === 0) throw error;
    await wrapErrors(() => rm(places.loosePath(bySize.shift()!), { force: true }));
    await noteRemoval(options, [...objects.keys()]);
  }
  await wrapErrors(async () => {
    for (const sha of bySize) await rm(places.loosePath(sha), { force: true });
    for (const file of strayPacks) await rm(`${folder}/packs/${file}`, { force: true });
  });
  const left = await movePacks(options, packs, keep);
  places.forgetStats();
  return left;
}

async function noteRemoval({ commits }: DamageOptions, objects: readonly Sha256[]): Promise<void> {
  const at = timestamp();
  const lines: Promise<void>[] = [];
  for (let i = 0; i < objects.length; i += OBJECTS_IN_LINE) {
    lines.push(commits.add(new Map(), [{ kind: 'removed', body: { objects: objects.slice(i, i + OBJECTS_IN_LINE), at } }]));
  }
  await Promise.all(lines);
}

/** Writes what is to keep of these packs to new ones, then removes them. */
async function movePacks({ folder, places, commits }: DamageOptions, packs: readonly Sha256[], keep: ReadonlySet<Sha256>): Promise<readonly Sha256[]> {
  const inPacks = places.packs();
  const left: Sha256[] = [];
  let moving = new Map<Sha256, Uint8Array>();
  let [emptied, moved]: [Sha256[], number] = [[], 0];
  const removeEmptied = async (): Promise<void> => {
    if (moving.size > 0) await Promise.all([commits.add(moving, []), commits.flush()]);
    await wrapErrors(async () => {
      for (const pack of emptied) await rm(places.packPath(pack), { force: true });
      if (emptied.length > 0) await syncFolder(`${folder}/packs`);
    });
    moving = new Map();
    [emptied, moved] = [[], 0];
  };
  for (const name of packs) {
    const content = await readFile(places.packPath(name));
    const live = inPacks.get(name)!.objects.filter(({ sha256: sha }) => keep.has(sha)).map((object) => ({ ...object, content: content.subarray(object.offset, object.offset + object.bytes) }));
    const sound = live.every((object) => sha256(object.content) === object.sha256);
    // From here on its places are none, so that what has no other is written anew.
    places.markUnusable(places.packPath(name));
    if (!sound || !(await areSound(live.flatMap(({ sha256: sha, bytes }) => places.find(sha, bytes) ?? [])))) {
      places.forgetStat(places.packPath(name));
      left.push(name);
      continue;
    }
    for (const { sha256: sha, content: bytes } of live) {
      moving.set(sha, bytes);
      moved += bytes.length;
    }
    emptied.push(name);
    if (moved >= MAX_MOVED_BYTES) await removeEmptied();
  }
  await removeEmptied();
  return left;
}

/** Other places of objects whose pack goes. */
async function areSound(handles: readonly Parameters<typeof readObject>[0][]): Promise<boolean> {
  for (const handle of handles) if (!(await readObject(handle).then(() => true, () => false))) return false;
  return true;
}
