/** What else the machine did while something was timed, as far as Linux tells: read between timings, never within one. */
import { readFileSync, readdirSync } from 'node:fs';
import { loadavg } from 'node:os';

export interface Conditions {
  readonly wallMs: number;
  /** CPU time of this process. */
  readonly cpuMs: number;
  /** CPU time that the host gave to others, over all processors; null where the system does not tell. */
  readonly stealMs: number | null;
  /** Of the last minute. */
  readonly loadAverage: number;
  /** Mean over processors at the end; null where the system does not tell. */
  readonly mhz: number | null;
}

/** Where the system tells: replaced in tests. */
export interface SystemFolders { readonly proc: string; readonly cpus: string }
const LINUX: SystemFolders = { proc: '/proc', cpus: '/sys/devices/system/cpu' };

/** Begins to watch; the function returned ends it. */
export function watchConditions(folders: SystemFolders = LINUX): () => Conditions {
  const startedAt = performance.now();
  const cpuBefore = process.cpuUsage();
  const stealBefore = stealMs(folders);
  return () => {
    const wallMs = performance.now() - startedAt;
    const cpu = process.cpuUsage(cpuBefore);
    const steal = stealMs(folders);
    return {
      wallMs, cpuMs: (cpu.user + cpu.system) / 1000, stealMs: steal === null || stealBefore === null ? null : steal - stealBefore,
      loadAverage: loadavg()[0] as number, mhz: meanMhz(folders),
    };
  };
}

/** Ticks of /proc/stat are hundredths of a second on every Linux that Node runs on. */
const TICK_MS = 10;

function stealMs({ proc }: SystemFolders): number | null {
  const steal = Number(/^cpu\s+(?:\d+\s+){7}(\d+)/.exec(textOr(`${proc}/stat`))?.[1] ?? NaN);
  return Number.isFinite(steal) ? steal * TICK_MS : null;
}

function meanMhz({ proc, cpus }: SystemFolders): number | null {
  const governed = foldersOf(cpus).flatMap((cpu) => Number(textOr(`${cpus}/${cpu}/cpufreq/scaling_cur_freq`)) / 1000 || []);
  // A virtual machine has no governor, and at best says what its processor is meant to run at.
  const stated = governed.length > 0 ? governed : [...textOr(`${proc}/cpuinfo`).matchAll(/^cpu MHz\s*:\s*([\d.]+)$/gm)].map(([, mhz]) => Number(mhz));
  return stated.length === 0 ? null : stated.reduce((sum, mhz) => sum + mhz, 0) / stated.length;
}

function foldersOf(cpus: string): string[] {
  try {
    return readdirSync(cpus).filter((name) => /^cpu\d+$/.test(name));
  } catch {
    return [];
  }
}

function textOr(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
