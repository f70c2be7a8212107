/**
 * The coordinator as a small job of its own, for runs that last longer than a person's session on the login node. Before its time is over the
 * scheduler sends it SIGUSR2: it submits itself once more, to begin when it has ended, and leaves all jobs to that one.
 */
import { needsOfStage } from '../cluster.ts';
import { ensureFolder, writeDurably } from '../disk.ts';
import { ask, jobEnvironment } from './ask.ts';
import { clusterPlaces, namePrefix } from './places.ts';
import { SCRIPT } from './sbatch.ts';
import { queuedJobs } from './squeue.ts';
import type { Cluster, JobNeeds } from '../cluster.ts';

/** What tells a run that it is such a job. */
const VARIABLE = 'BITWIDTH_DETACHED';
/** So long before its time is over it is told. */
const TOLD_BEFORE_S = 120;

export type Detached =
  | { readonly kind: 'submitted'; readonly job: string; readonly log: string }
  | { readonly kind: 'there'; readonly job: string }
  | { readonly kind: 'refused'; readonly sentence: string };

/** `command`: the run, as it is to be started there; `folder`: where. Of a store there is one such job at most. */
export async function detach(store: string, cluster: Cluster, folder: string, command: readonly string[]): Promise<Detached> {
  const places = clusterPlaces(store);
  await ensureFolder(places.folder);
  await writeDurably(places.folder, 'job.sh', [Buffer.from(SCRIPT)]);
  const name = `${namePrefix(store)}run`;
  const seen = await queuedJobs(name);
  if ('trouble' in seen) return { kind: 'refused', sentence: seen.absent ? 'there is no squeue on this machine' : seen.trouble };
  const live = seen.jobs.find(({ standing }) => standing === 'live');
  if (live !== undefined) return { kind: 'there', job: live.id };
  return await submitSelf(places.folder, places.script, name, cluster, folder, command, []);
}

/** Whether this process is a coordinator that is a job. */
export const isDetached = (env: NodeJS.ProcessEnv = process.env): boolean => env[VARIABLE] !== undefined;

/** In such a job: has the next one submitted when this one's time is nearly over. Answers what takes the handler away. */
export function continueInNextJob(store: string, cluster: Cluster, folder: string, command: readonly string[], say: (sentence: string) => void): () => void {
  const places = clusterPlaces(store);
  const own = process.env['SLURM_JOB_ID'];
  const handler = (): void => {
    void submitSelf(places.folder, places.script, `${namePrefix(store)}run`, cluster, folder, command, own === undefined ? [] : [`--dependency=afterany:${own}`]).then((next) => {
      say(next.kind === 'submitted' ? `the time of this job is nearly over: job ${next.job} goes on with the run` : `the time of this job is nearly over, and no next one could be submitted: ${next.kind === 'refused' ? next.sentence : ''}`);
      process.kill(process.pid, 'SIGTERM');
    });
  };
  process.once('SIGUSR2', handler);
  return () => { process.off('SIGUSR2', handler); };
}

async function submitSelf(cluster: string, script: string, name: string, settings: Cluster, folder: string, command: readonly string[], more: readonly string[]): Promise<Detached> {
  const log = `${cluster}/coordinator.log`;
  const { partition, timeMs, cpus, memoryBytes, options = [] } = coordinatorNeeds(settings);
  const { code, out, said } = await ask('sbatch', [
    '--parsable', `--job-name=${name}`, '--nodes=1', '--ntasks=1', `--chdir=${folder}`, '--input=/dev/null', `--output=${log.replaceAll('%', '%%')}`, '--open-mode=append', '--requeue', `--signal=B:USR2@${TOLD_BEFORE_S}`,
    ...(partition === undefined ? [] : [`--partition=${partition}`]), ...(cpus === undefined ? [] : [`--cpus-per-task=${cpus}`]), ...(memoryBytes === undefined ? [] : [`--mem=${Math.ceil(memoryBytes / 2 ** 20)}M`]),
    ...(timeMs === undefined ? [] : [`--time=${Math.ceil(timeMs / 60_000)}`]), ...more, ...options, script, ...command,
  ], jobEnvironment({ ...settings.environment, ...settings.coordinator, [VARIABLE]: '1' }));
  return code === 0 ? { kind: 'submitted', job: out.trim().split(';')[0]!, log } : { kind: 'refused', sentence: said.split('\n').at(-1) ?? '' };
}

/** What `stages: { coordinator: ... }` says; of what all jobs are given, nothing that is for computing. */
function coordinatorNeeds(cluster: Cluster): JobNeeds {
  const { gpus: _, nodeType: __, cpus: ___, memoryBytes: ____, ...all } = cluster.all ?? {};
  return needsOfStage({ ...cluster, all }, 'coordinator');
}
