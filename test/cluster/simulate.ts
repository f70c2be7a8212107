/**
 * A study that is larger than any machine here, calculated from what was measured here: 8 models up to 70 B, 10 formats, 2,000 cells of each pair, on
 * 64 GPUs. What is measured and what is assumed stand apart in the tables. Writes them into docs/cluster.md.
 *
 *   node --import tsx test/cluster/measure.ts 10000 > measured.json
 *   node --import tsx test/cluster/simulate.ts measured.json [--write docs/cluster.md]
 */
import { readFileSync, writeFileSync } from 'node:fs';
import type { Measured } from './measure.ts';

const MODELS_B = [0.5, 1.5, 3, 7, 8, 14, 32, 70];
/** Bytes of a weight: fp32, fp16, bf16, int8, nf4, fp4, the latter two double-quantized, Q8_0, Q4_0. */
const FORMAT_BYTES = [4, 2, 2, 1.03, 0.563, 0.563, 0.516, 0.516, 1.063, 0.563];
const CELLS = 2000;
const GPUS = 64;

/** What was not measured: there is no such cluster here. */
const ASSUMED = {
  gpuMemoryBytes: 70e9,
  /** Of 2 TB/s, what decoding reaches. */
  gpuBytesPerS: 1.2e12,
  gpuFlops: 2e14,
  /** Of one cell: tokens read and written, and how many are decoded together. */
  prompt: 256, written: 64, together: 64,
  /** Of the file system that all nodes share, and of one node's way to it. */
  sharedBytesPerS: 1e10, nodeBytesPerS: 2e9,
  /** Of files made in a second there: what busy metadata servers were seen to give one user is between a few hundred and some thousands. */
  filesPerS: 500,
  /** Between a submission and its start where nodes are free. */
  jobStartS: 10,
  /** How many threads of a job hash its weights. */
  hashThreads: 1,
  /** Heap of a Node that was started without options. */
  heapMB: 4096,
} as const;

interface Job { readonly gpus: number; readonly loadBytes: number; readonly decodeS: number; readonly prefillS: number; readonly cells: number }

interface Outcome { readonly makespanS: number; readonly gpuS: { readonly decode: number; readonly prefill: number; readonly load: number; readonly start: number; readonly idle: number }; readonly longestS: number; readonly readBytes: number }

/** One task for each pair, as the study's batches are today, or for each so many cells of it. */
function jobsOf(tasksPerPair: number): readonly Job[] {
  return MODELS_B.flatMap((billions) => FORMAT_BYTES.flatMap((bytesPerWeight): Job[] => {
    const bytes = billions * 1e9 * bytesPerWeight;
    const gpus = Math.ceil(bytes / ASSUMED.gpuMemoryBytes);
    const cells = CELLS / tasksPerPair;
    const groups = Math.ceil(cells / ASSUMED.together);
    const job = {
      gpus, cells, loadBytes: bytes,
      decodeS: groups * ASSUMED.written * bytes / (ASSUMED.gpuBytesPerS * gpus),
      prefillS: cells * ASSUMED.prompt * 2 * billions * 1e9 / (ASSUMED.gpuFlops * gpus),
    };
    return Array<Job>(tasksPerPair).fill(job);
  }));
}

interface Running { readonly job: Job; readonly sinceS: number; /** Of starting, then bytes of loading, then of computing. */ startLeftS: number; bytesLeft: number; computeLeftS: number; loadS: number }

/** Longest first, as the queue of a run is; those that load at one time share the file system. In steps from one end of a phase to the next. */
function simulate(jobs: readonly Job[], measured: Measured): Outcome {
  const waiting = [...jobs].sort((a, b) => b.decodeS + b.prefillS + b.loadBytes / 1e9 - a.decodeS - a.prefillS - a.loadBytes / 1e9);
  const running: Running[] = [];
  let [nowS, free, loadGpuS, longestS] = [0, GPUS, 0, 0];
  while (waiting.length > 0 || running.length > 0) {
    for (let i = 0; i < waiting.length && free > 0;) {
      const job = waiting[i]!;
      if (job.gpus > free) { i++; continue; }
      waiting.splice(i, 1);
      free -= job.gpus;
      running.push({ job, sinceS: nowS, startLeftS: ASSUMED.jobStartS, bytesLeft: job.loadBytes, computeLeftS: job.decodeS + job.prefillS, loadS: 0 });
    }
    const loading = running.filter(({ startLeftS, bytesLeft }) => startLeftS <= 0 && bytesLeft > 0);
    // What is read is hashed on the way.
    const bytesPerS = Math.min(ASSUMED.nodeBytesPerS, measured.hashBytesPerS * ASSUMED.hashThreads, ASSUMED.sharedBytesPerS / Math.max(1, loading.length));
    const leftOf = (one: Running): number => one.startLeftS > 0 ? one.startLeftS : one.bytesLeft > 0 ? one.bytesLeft / bytesPerS : one.computeLeftS;
    const stepS = running.reduce((least, one) => Math.min(least, leftOf(one)), Infinity);
    nowS += stepS;
    for (const one of running) {
      // A phase that ends with this step leaves nothing of itself behind, roundings neither.
      const ends = leftOf(one) <= stepS * (1 + 1e-12);
      if (one.startLeftS > 0) one.startLeftS = ends ? 0 : one.startLeftS - stepS;
      else if (one.bytesLeft > 0) {
        one.bytesLeft = ends ? 0 : one.bytesLeft - stepS * bytesPerS;
        loadGpuS += stepS * one.job.gpus;
      } else one.computeLeftS = ends ? 0 : one.computeLeftS - stepS;
    }
    for (let i = running.length - 1; i >= 0; i--) {
      const { job, sinceS, startLeftS, bytesLeft, computeLeftS } = running[i]!;
      if (startLeftS > 0 || bytesLeft > 0 || computeLeftS > 0) continue;
      running.splice(i, 1);
      free += job.gpus;
      longestS = Math.max(longestS, nowS - sinceS);
    }
  }
  const sum = (of: (job: Job) => number): number => jobs.reduce((all, job) => all + of(job) * job.gpus, 0);
  const gpuS = { decode: sum((job) => job.decodeS), prefill: sum((job) => job.prefillS), load: loadGpuS, start: sum(() => ASSUMED.jobStartS) };
  return { makespanS: nowS, longestS, readBytes: jobs.reduce((all, { loadBytes }) => all + loadBytes, 0), gpuS: { ...gpuS, idle: nowS * GPUS - gpuS.decode - gpuS.prefill - gpuS.load - gpuS.start } };
}

const round = (value: number, digits = 2): string => Number(value.toPrecision(digits)).toLocaleString('en-US', { maximumSignificantDigits: digits });
const percent = (part: number): string => `${round(100 * part)} %`;
const span = (s: number): string => s < 120 ? `${round(s)} s` : s < 7200 ? `${round(s / 60)} min` : `${round(s / 3600)} h`;
const size = (bytes: number): string => bytes < 1e6 ? `${round(bytes / 1e3)} kB` : bytes < 1e9 ? `${round(bytes / 1e6)} MB` : bytes < 1e12 ? `${round(bytes / 1e9)} GB` : `${round(bytes / 1e12)} TB`;
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string => [`| ${head.join(' | ')} |`, `|${head.map((_, i) => (i === 0 ? '---' : '---:')).join('|')}|`, ...rows.map((row) => `| ${row.join(' | ')} |`)].join('\n');

export function tables(measured: Measured): string {
  const pairs = MODELS_B.length * FORMAT_BYTES.length;
  const cells = pairs * CELLS;
  const memoryKB = (measured.coordinatorPeakMB - measured.coordinatorStartPeakMB) * 1000 / measured.cells;
  const splits = [1, 2, 4, 20].map((tasksPerPair) => ({ tasksPerPair, outcome: simulate(jobsOf(tasksPerPair), measured) }));
  const best = splits.reduce((a, b) => (b.outcome.makespanS < a.outcome.makespanS ? b : a));
  const artifacts = MODELS_B.reduce((sum, billions) => sum + FORMAT_BYTES.reduce((all, bytes) => all + billions * 1e9 * bytes, 0), 0);
  const perS = cells / best.outcome.makespanS;
  const coordinatorPerS = 1000 / measured.coordinatorCpuMsPerCell;
  const heapCells = (ASSUMED.heapMB - measured.coordinatorStartPeakMB) * 1000 / memoryKB;
  const parts: readonly (readonly [string, number])[] = [['decoding', best.outcome.gpuS.decode], ['reading prompts', best.outcome.gpuS.prefill], ['loading and hashing weights', best.outcome.gpuS.load], ['starting jobs', best.outcome.gpuS.start], ['waiting for the last tasks', best.outcome.gpuS.idle]];
  const [most, part] = parts.reduce((a, b) => (b[1] > a[1] ? b : a));
  return [
    `Measured here, with ${round(measured.cells, 5)} cells that do nothing, each a task of its own, in ${measured.jobs} jobs on four nodes of this machine (two processors that others used as well):`,
    '',
    table(['', ''], [
      ['submission of an array of 64 (`sbatch`)', `${round(measured.sbatchMs)} ms`],
      [`one look at the queue (\`squeue\`), with ${measured.squeueJobs} jobs in it`, `${round(measured.squeueMs)} ms, ${round(measured.squeueBytesPerJob)} bytes a job`],
      ['from a submission to the start of the job\'s program', `${round(measured.jobBeginMs)} ms`],
      ['an empty task in a job that runs already, median', `${round(measured.emptyCellMs)} ms`],
      ['processor time of the coordinator, its programs included: the start, and for each cell', `${round(measured.coordinatorStartCpuMs)} ms, ${round(measured.coordinatorCpuMsPerCell)} ms`],
      ['memory of the coordinator: of a run of one cell, and for each further one', `${round(measured.coordinatorStartPeakMB)} MB, ${round(memoryKB)} kB`],
      ['the store for each cell, and inodes afterwards and at the height', `${round(measured.storeBytesPerCell)} bytes, ${measured.storeInodes}, ${measured.storeInodesMost}`],
      ['sha256, one thread', `${round(measured.hashBytesPerS / 1e9)} GB/s`],
    ]),
    '',
    `Calculated from it: ${MODELS_B.length} models (${MODELS_B.join(', ')} billion weights), ${FORMAT_BYTES.length} formats, ${round(CELLS, 4)} cells of each of the ${pairs} pairs, ${round(cells, 6)} in all, on ${GPUS} GPUs. Not measured but assumed: a GPU of ${size(ASSUMED.gpuMemoryBytes)} that reads ${round(ASSUMED.gpuBytesPerS / 1e12)} TB/s when it decodes and computes ${round(ASSUMED.gpuFlops / 1e12)} TFLOP/s when it reads a prompt (a model that is larger takes several, and is divided among them without loss), cells of ${ASSUMED.prompt} tokens read and ${ASSUMED.written} written, ${ASSUMED.together} together; a shared file system of ${round(ASSUMED.sharedBytesPerS / 1e9)} GB/s, ${round(ASSUMED.nodeBytesPerS / 1e9)} GB/s to a node, ${ASSUMED.filesPerS} files made in a second; ${ASSUMED.jobStartS} s to start a job.`,
    '',
    table(['tasks for each pair', 'jobs', 'whole time', 'decoding', 'prompts', 'loading and hashing weights', 'starting jobs', 'GPUs idle', 'read', 'longest task'], splits.map(({ tasksPerPair, outcome: { makespanS, gpuS, longestS, readBytes } }) => [
      String(tasksPerPair), String(tasksPerPair * pairs), span(makespanS), ...[gpuS.decode, gpuS.prefill, gpuS.load, gpuS.start, gpuS.idle].map((part) => percent(part / (makespanS * GPUS))), size(readBytes), span(longestS),
    ])),
    '',
    `With ${best.tasksPerPair === 1 ? 'one task' : `${best.tasksPerPair} tasks`} for each pair it is over first, and there ${most} takes most of the GPUs' time (${percent(part / (best.outcome.makespanS * GPUS))}). The study makes one task of what shares a loaded model. The table below is of that with ${best.tasksPerPair}.`,
    '',
    table(['what would break', 'it gives', 'this study wants', 'and breaks at'], [
      ['the coordinator\'s processor', `${round(coordinatorPerS)} cells/s`, `${round(perS)} cells/s`, `${round(GPUS * coordinatorPerS / perS)} GPUs; what comes faster for a while lies in files until it is taken in`],
      ['the coordinator\'s memory', `${round(ASSUMED.heapMB / 1000)} GB without options`, `${size((measured.coordinatorStartPeakMB + cells * memoryKB / 1000) * 1e6)}`, `${round(heapCells)} cells in one study`],
      ['files made in the store: two a job and one a task', `${ASSUMED.filesPerS}/s (assumed)`, `${round(3 * best.tasksPerPair * pairs / best.outcome.makespanS)}/s`, `tasks of less than ${round(3 * GPUS / ASSUMED.filesPerS)} s on ${GPUS} GPUs`],
      ['the shared file system\'s reading', `${round(ASSUMED.sharedBytesPerS / 1e9)} GB/s (assumed)`, `${round(best.outcome.readBytes / best.outcome.makespanS / 1e9)} GB/s on average`, `${round(GPUS * ASSUMED.sharedBytesPerS / (best.outcome.readBytes / best.outcome.makespanS))} GPUs; later with \`staging\``],
      ['the scheduler: one question in 10 s at most', 'a site allows about one a second', '0.1/s', 'not at all: an answer grows with the jobs in the queue, 256 at once'],
      ['the store\'s disk: the quantized models', 'a project\'s quota', `${size(artifacts)}, of which ${size(cells * measured.storeBytesPerCell)} are the cells`, 'the quota'],
      ['inodes of the store', 'a project\'s quota', `at most 1,000 results at once, 256 jobs, and ${round(pairs * 3)} files of models`, 'not at all: it does not grow with the cells'],
    ]),
  ].join('\n');
}

const [file, write, to] = process.argv.slice(2);
if (file !== undefined && import.meta.url === `file://${process.argv[1]!}`) {
  const text = tables(JSON.parse(readFileSync(file, 'utf8')) as Measured);
  if (write !== '--write' || to === undefined) console.log(text);
  else {
    const page = readFileSync(to, 'utf8');
    const [begin, end] = ['<!-- test/cluster/simulate.ts -->', '<!-- end -->'];
    const [from, until] = [page.indexOf(begin), page.indexOf(end)];
    if (from < 0 || until < from) throw new Error(`${to} has no place for the tables: ${begin} ... ${end}`);
    writeFileSync(to, `${page.slice(0, from + begin.length)}\n${text}\n${page.slice(until)}`);
  }
}
