/** Whether the kernel has ended processes because memory ran out: of the machine, or of the group that a job or a container lives in. */
import { textOrNothing } from './disk.ts';

/** What to do about it. */
export const MORE_MEMORY = 'it needs more memory: on a cluster say how much with `memory` in the cluster\'s settings; on this machine let fewer tasks run at once (--jobs, --memory)';

/**
 * How often it has, of those that share this process's control group, as what it starts does; where groups do not count, of the whole machine since its start.
 * Undefined where nobody counts. (Linux: cgroup-v1/memory.rst, cgroup-v2.rst; /proc/vmstat since 4.13.)
 */
export function memoryKills(): number | undefined {
  for (const file of counters()) {
    const count = /^oom_kill (\d+)$/m.exec(textOrNothing(file))?.[1];
    if (count !== undefined) return Number(count);
  }
  return undefined;
}

/** Of the older groups, which have a line for each resource, of the newer ones, and of the machine. */
function counters(): readonly string[] {
  const groups = textOrNothing('/proc/self/cgroup');
  const [older, newer] = [/^\d+:(?:[^:\n]*,)?memory(?:,[^:\n]*)?:(.*)$/m.exec(groups)?.[1], /^0::(.*)$/m.exec(groups)?.[1]];
  return [
    ...(older === undefined ? [] : [`/sys/fs/cgroup/memory${older}/memory.oom_control`]), ...(newer === undefined ? [] : [`/sys/fs/cgroup${newer}/memory.events`]), '/proc/vmstat',
  ];
}
