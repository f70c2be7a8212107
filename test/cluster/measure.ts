/**
 * What running on a cluster costs besides the work itself: measured on a real Slurm of four nodes on this machine, with cells that do nothing.
 *
 *   node --import tsx test/cluster/measure.ts [cells]            prints the figures as JSON
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ClusterProject } from './project.ts';
import { Slurm, whyNoSlurm } from './slurm.ts';

/** Clock ticks of /proc are hundredths of a second on every Linux that Node runs on. */
const TICK_MS = 10;

export interface Measured {
  readonly cells: number;
  readonly tasks: number;
  readonly jobs: number;
  /** From the start of the command to its end. */
  readonly wallS: number;
  /** Processor time of the coordinator: the start alone, and for each cell. */
  readonly coordinatorStartCpuMs: number;
  readonly coordinatorCpuMsPerCell: number;
  readonly coordinatorStartPeakMB: number;
  readonly coordinatorPeakMB: number;
  /** Bytes that one thread hashes in a second. */
  readonly hashBytesPerS: number;
  /** sbatch of an array, and squeue with so many jobs in the queue. */
  readonly sbatchMs: number;
  readonly squeueMs: number;
  readonly squeueJobs: number;
  readonly squeueBytesPerJob: number;
  /** From the submission of a job to the start of its program, on an idle cluster; and of one empty cell of many in a job. */
  readonly jobBeginMs: number;
  readonly emptyCellMs: number;
  /** The store afterwards, and inodes at its height. */
  readonly storeBytesPerCell: number;
  readonly storeInodes: number;
  readonly storeInodesMost: number;
}

export async function measure(cells: number): Promise<Measured> {
  const slurm = new Slurm();
  const project = new ClusterProject(slurm);
  try {
    // The bundle is made, and the project known.
    const sweep = (count: number, prefix: string) => project.say({ cells: Object.fromEntries(Array.from({ length: count }, (_, i) => [`${prefix}${i}`, 'plain'])), batch: 1, cluster: { jobs: 64, tasksPerJob: 32 } });
    sweep(1, 'w');
    await project.onSlurm();
    sweep(1, 'v');
    const start = await watched(project);
    sweep(cells, 'c');
    const before = slurm.queue('%i').length;
    const run = await watched(project);
    const jobs = slurm.queue('%i').length - before;
    const timed = (act: () => void, times: number): number => {
      const took = Array.from({ length: times }, () => { const from = performance.now(); act(); return performance.now() - from; }).sort((a, b) => a - b);
      return took[Math.floor(times / 2)]!;
    };
    const sbatchMs = timed(() => { slurm.ask('sbatch', '--hold', '--parsable', '--array=0-63', '--output=/dev/null', '--wrap=true'); }, 9);
    const squeueMs = timed(() => { slurm.queue('%i %T %j %r'); }, 9);
    const lines = slurm.queue('%i %T %j %r');
    return {
      cells, tasks: cells, jobs, wallS: run.wallS, coordinatorStartCpuMs: start.cpuMs, coordinatorCpuMsPerCell: (run.cpuMs - start.cpuMs) / cells, coordinatorStartPeakMB: start.peakMB, coordinatorPeakMB: run.peakMB, hashBytesPerS: hashRate(),
      sbatchMs, squeueMs, squeueJobs: lines.length, squeueBytesPerJob: lines.join('\n').length / lines.length, jobBeginMs: start.queuedMs, emptyCellMs: run.medianMs,
      storeBytesPerCell: treeOf(project.path('.bitwidth')).bytes / cells, storeInodes: treeOf(project.path('.bitwidth')).inodes, storeInodesMost: run.inodesMost,
    };
  } finally {
    project.remove();
    slurm.remove();
  }
}

/** Runs what the project says, watching the coordinator and the store. */
async function watched(project: ClusterProject): Promise<{ readonly wallS: number; readonly cpuMs: number; readonly queuedMs: number; readonly medianMs: number; readonly peakMB: number; readonly inodesMost: number }> {
  const from = performance.now();
  const { child, end } = project.begin();
  let [cpuMs, peakMB, inodesMost, turns] = [0, 0, 0, 0];
  const timer = setInterval(() => {
    const stat = readOr(`/proc/${child.pid!}/stat`);
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // Its children's too: sbatch and squeue are the coordinator's.
    if (fields.length > 14) cpuMs = [11, 12, 13, 14].reduce((sum, i) => sum + Number(fields[i]), 0) * TICK_MS;
    peakMB = Number(/VmHWM:\s*(\d+)/.exec(readOr(`/proc/${child.pid!}/status`))?.[1] ?? peakMB * 1024) / 1024;
    if (turns++ % 20 === 0) inodesMost = Math.max(inodesMost, treeOf(project.path('.bitwidth')).inodes);
  }, 50);
  const { code, out, err } = await end;
  clearInterval(timer);
  if (code !== 0) throw new Error(`${out.slice(-1000)}\n${err}`);
  const wallS = (performance.now() - from) / 1000;
  const away = (await project.records()).filter(({ place }) => place !== undefined);
  const durations = away.map(({ durationMs }) => durationMs).sort((a, b) => a - b);
  return { wallS, cpuMs, queuedMs: away.at(-1)!.place!.queuedMs, medianMs: durations[Math.floor(durations.length / 2)]!, peakMB, inodesMost };
}

/** The store without the compiled program, which is no part of it. */
function treeOf(folder: string): { readonly bytes: number; readonly inodes: number } {
  let bytes = 0;
  // Leases are names of one file.
  const inodes = new Set<number>();
  const walk = (path: string): void => {
    for (const entry of list(path)) {
      const name = join(path, entry);
      if (name === join(folder, 'build')) continue;
      const stat = statSync(name, { throwIfNoEntry: false });
      if (stat === undefined) continue;
      if (!inodes.has(stat.ino) && stat.isFile()) bytes += stat.size;
      inodes.add(stat.ino);
      if (stat.isDirectory()) walk(name);
    }
  };
  walk(folder);
  return { bytes, inodes: inodes.size };
}

function list(path: string): string[] {
  try { return readdirSync(path); } catch { return []; }
}

function hashRate(): number {
  const bytes = new Uint8Array(1 << 28);
  // The processor's own time: others may be at work here.
  const from = process.cpuUsage();
  createHash('sha256').update(bytes).digest();
  const { user, system } = process.cpuUsage(from);
  return bytes.length / ((user + system) / 1e6);
}

function readOr(path: string): string {
  try { return readFileSync(path, 'utf8'); } catch { return ''; }
}

if (import.meta.url === `file://${process.argv[1]!}`) {
  const why = whyNoSlurm();
  if (why !== undefined) throw new Error(why);
  console.log(JSON.stringify(await measure(Number(process.argv[2] ?? 1000)), null, 1));
}
