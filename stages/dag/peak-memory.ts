/**
 * The most memory that this process held at once, from a moment on: pages that were in memory, whatever they hold, what earlier tasks of the process
 * left lying among them. Linux forgets an earlier height when it is asked to; elsewhere a height is known only where it is a new one.
 */
import { readFileSync, writeFileSync } from 'node:fs';

/** Writing 5 sets the height back to what is held now (proc(5), clear_refs). */
const FORGET = '/proc/self/clear_refs', STATUS = '/proc/self/status';

export class PeakMemory {
  #before: number | undefined;

  /** From here on. */
  begin(): void {
    try {
      writeFileSync(FORGET, '5');
      this.#before = undefined;
    } catch {
      this.#before = heightOfProcess();
    }
  }

  /** Undefined where the system does not tell. */
  bytes(): number | undefined {
    if (this.#before !== undefined) {
      const height = heightOfProcess();
      return height > this.#before ? height : undefined;
    }
    try {
      const kibibytes = Number(/^VmHWM:\s*(\d+) kB$/m.exec(readFileSync(STATUS, 'utf8'))?.[1]);
      return kibibytes > 0 ? kibibytes * 1024 : undefined;
    } catch {
      return undefined;
    }
  }
}

/** Since it was started. */
const heightOfProcess = (): number => process.resourceUsage().maxRSS * 1024;
