/** What the scheduler's words for the state of a job mean for the task in it. */

export type Standing =
  /** Queued, running, or about to be again. */
  | 'live'
  /** It will never start. */
  | 'stuck'
  /** The job was taken from its task, which has done nothing wrong. */
  | 'taken'
  /** A person or the site ended it. */
  | 'cancelled'
  /** Its time was over. */
  | 'timed-out'
  /** It wanted more memory than it was given. */
  | 'out-of-memory'
  /** Its program ended: well or not, the file of results tells. */
  | 'over';

const STANDINGS: { readonly [state: string]: Standing } = {
  NODE_FAIL: 'taken', BOOT_FAIL: 'taken', PREEMPTED: 'taken', REVOKED: 'taken', LAUNCH_FAILED: 'taken', RECONFIG_FAIL: 'taken',
  CANCELLED: 'cancelled', TIMEOUT: 'timed-out', DEADLINE: 'timed-out', OUT_OF_MEMORY: 'out-of-memory', COMPLETED: 'over', FAILED: 'over',
};

/** Reasons for which a queued job waits forever. (A reason like Resources or Priority passes.) */
const FOREVER = new Set(['DependencyNeverSatisfied', 'BadConstraints', 'InvalidAccount', 'InvalidQOS', 'AccountNotAllowed', 'QOSNotAllowed', 'PartitionNodeLimit', 'PartitionTimeLimit']);
/** Held because nodes failed to start it: as if they had failed. */
const NOT_LAUNCHED = /launch failed requeued held|launch_failed_requeued_held/;

/** A state and a reason as `squeue` writes them (%T, %r). States that this does not know are live: they change, or the file of results comes. */
export function standing(state: string, reason: string): Standing {
  if (state === 'PENDING' && NOT_LAUNCHED.test(reason)) return 'taken';
  if (state === 'PENDING' && FOREVER.has(reason)) return 'stuck';
  return STANDINGS[state] ?? 'live';
}
