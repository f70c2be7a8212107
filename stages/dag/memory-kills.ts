/** Whether the kernel has ended processes because memory ran out: of the machine, or of the group that a job or a container lives in. */
import { readFileSync } from 'node:fs';

/** What to do about it. */
export const MORE_MEMORY = 'it needs more memory: on a cluster say how much with `memory` in the cluster\'s settings; on this machine let fewer tasks run at once (--jobs, --memory)';

/** How often it has, since the machine was started; undefined where nobody counts (Linux does, since 4.13). */
export function memoryKills(): number | undefined {
  try {
    const count = /^oom_kill (\d+)$/m.exec(readFileSync('/proc/vmstat', 'utf8'))?.[1];
    return count === undefined ? undefined : Number(count);
  } catch {
    return undefined;
  }
}
