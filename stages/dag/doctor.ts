/** What the machinery itself needs: Node, the platform, its store, processors. What a pipeline needs is told by the pipeline. */
import { accessSync, constants, existsSync, statfsSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { dirname } from 'node:path';
import { representative } from './decide.ts';
import { isConfigurationError } from './declare.ts';
import { DamagedObject } from './errors.ts';
import { openStoreOf, readGround, storeFolder } from './ground.ts';
import { describeMachine } from './machine.ts';
import { preview } from './preview.ts';
import { select } from './selection.ts';
import { STORE_FORMAT } from './store.ts';
import { count } from './words.ts';
import type { DoctorItem, DoctorSection, Pipeline } from './types.ts';

const OLDEST_NODE = 20;
const PLATFORMS = ['linux', 'darwin'];
/** With less, a group of commits may not find room. */
const LITTLE_SPACE = 256 * 2 ** 20;

/** Writes nothing. */
export async function ownChecks(pipeline: Pipeline): Promise<DoctorSection> {
  const { cpu, os, node } = describeMachine();
  const jobs = availableParallelism();
  return { section: 'machinery', items: [
    Number(process.versions.node.split('.')[0]) >= OLDEST_NODE ? { name: 'node', state: 'ok', what: node }
      : { name: 'node', state: 'broken', what: node, hint: `install Node ${OLDEST_NODE} or newer` },
    PLATFORMS.includes(process.platform) ? { name: 'platform', state: 'ok', what: `${os}, ${process.arch}` }
      : { name: 'platform', state: 'broken', what: `${os}, ${process.arch}`, hint: 'use Linux, macOS, or WSL on Windows' },
    { name: 'processors', state: 'ok', what: `${cpu}; ${count(jobs, 'job')} at once, ${inBytes(totalmem())} of memory` },
    ...await storeChecks(pipeline),
  ] };
}

async function storeChecks(pipeline: Pipeline): Promise<readonly DoctorItem[]> {
  const folder = storeFolder(pipeline);
  // What is not there yet is made by the first run, in the nearest folder that is.
  let nearest = folder;
  while (!existsSync(nearest) && dirname(nearest) !== nearest) nearest = dirname(nearest);
  return [await formatCheck(pipeline, nearest === folder), writableCheck(nearest), spaceCheck(nearest)];
}

async function formatCheck(pipeline: Pipeline, exists: boolean): Promise<DoctorItem> {
  if (!exists) return { name: 'store', state: 'ok', what: 'there is none yet: the first run makes it' };
  try {
    const store = openStoreOf(pipeline);
    const records = store.records().length;
    const damaged = store.untoldDamage().length;
    await store.close();
    if (damaged > 0) return { name: 'store', state: 'broken', what: `${count(damaged, 'line')} of its log cannot be trusted`, hint: 'the command run computes again what stood there' };
    return { name: 'store', state: 'ok', what: `format ${STORE_FORMAT}, ${count(records, 'record')}` };
  } catch (error) {
    if (!isConfigurationError(error)) throw error;
    return { name: 'store', state: 'broken', what: error.message };
  }
}

function writableCheck(folder: string): DoctorItem {
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    return { name: 'writing', state: 'ok', what: 'the store can be written' };
  } catch (error) {
    return { name: 'writing', state: 'broken', what: `the store cannot be written (${(error as NodeJS.ErrnoException).code})`, hint: 'what is there is used, but what is missing cannot be computed: make the folder writable' };
  }
}

function spaceCheck(folder: string): DoctorItem {
  const { bavail, bsize } = statfsSync(folder);
  const free = bavail * bsize;
  return free >= LITTLE_SPACE ? { name: 'space', state: 'ok', what: `${inBytes(free)} free` }
    : { name: 'space', state: 'broken', what: `only ${inBytes(free)} free`, hint: 'free some space before the next run' };
}

/** For the project's checks: what they would make is there already. Writes no result; what was learned of files and code is remembered, as `status` does. */
export async function storedOutputs(pipeline: Pipeline, cell: string): Promise<{ readonly [output: string]: Uint8Array } | undefined> {
  if (!existsSync(storeFolder(pipeline)) || !pipeline.cells.some(({ id }) => id === cell)) return undefined;
  let store: ReturnType<typeof openStoreOf> | undefined;
  try {
    store = openStoreOf(pipeline);
    const selection = select(pipeline, [cell]);
    const found = preview(selection, await readGround(pipeline, store, selection.cells)).get(cell)!;
    if (found.kind !== 'done') return undefined;
    const outputs: { [output: string]: Uint8Array } = {};
    for (const [name, output] of Object.entries(representative(found.records, store).outputs)) if (output.tree !== true) outputs[name] = await store.read(store.handle(output));
    return outputs;
  } catch (error) {
    if (!(error instanceof DamagedObject) && !isConfigurationError(error)) throw error;
    return undefined;
  } finally {
    await store?.close();
  }
}

function inBytes(bytes: number): string {
  return bytes >= 2 ** 30 ? `${(bytes / 2 ** 30).toFixed(1)} GiB` : `${Math.round(bytes / 2 ** 20)} MiB`;
}
