/**
 * Names for running processes, so that what a dead one left behind (a lease, a temporary file) is known to be nobody's.
 *
 * A process id is `<space>-<pid>-<start>`: `space` is 12 hex digits standing for this boot of this machine and this PID
 * namespace (two containers can share a folder and have a process 7 each); `start` tells a process from a later one with
 * the same pid; `.n` may follow, where a process has several of something. It is safe in file names and says nothing about who or where.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { sha256 } from './sha256.ts';

const SHAPE = /^([0-9a-f]{12})-(\d{1,10})-(\d{1,20})(?:\.\d+)?$/;

let own: string | undefined;

/** This process. */
export function ownProcessId(): string {
  own ??= `${pidSpace()}-${process.pid}-${startOf(process.pid) ?? '0'}`;
  return own;
}

/** `elsewhere`: on another machine, in another container, before a restart, or hidden: only its heartbeat can tell. */
export function processState(id: string): 'alive' | 'dead' | 'elsewhere' {
  const parts = SHAPE.exec(id);
  if (parts === null || parts[1] !== pidSpace()) return 'elsewhere';
  const started = startOf(Number(parts[2]));
  if (started === undefined && isHidden(Number(parts[2]))) return 'elsewhere';
  return started === parts[3] ? 'alive' : 'dead';
}

/** A process of this machine that was stopped (Ctrl-Z, SIGSTOP) and not let go on. False where that cannot be seen. */
export function processIsStopped(id: string): boolean {
  const pid = SHAPE.exec(id)?.[2];
  if (pid === undefined || processState(id) !== 'alive') return false;
  try {
    const state = process.platform === 'linux' ? / ([A-Za-z]) [^)]*$/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1] : ask('ps', ['-o', 'stat=', '-p', pid]);
    return state?.startsWith('T') === true;
  } catch {
    return false;
  }
}

let space: string | undefined;

function pidSpace(): string {
  if (space === undefined) {
    space = sha256(`pid space ${bootAndNamespace()}`).slice(0, 12);
  }
  return space;
}

function bootAndNamespace(): string {
  try {
    return process.platform === 'linux'
      ? readFileSync('/proc/sys/kernel/random/boot_id', 'utf8') + readlinkSync('/proc/self/ns/pid')
      : ask('sysctl', ['-n', 'kern.bootsessionuuid']);
  } catch {
    // A sandbox that hides these. Two processes with equal pids and starts must then meet on one host to be confused.
    return hostname();
  }
}

/** Another user's process on a machine that hides those (hidepid): it exists, and nothing more can be said. */
function isHidden(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** When a process started, in a unit of the platform's; undefined if there is no such process or it is a zombie. */
function startOf(pid: number): string | undefined {
  try {
    if (process.platform === 'linux') {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      // The name (field 2) may hold spaces and parentheses; fields are counted from behind it. See proc(5).
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const state = fields[0];
      return state === 'Z' || state === 'X' ? undefined : fields[19];
    }
    const [state, ...started] = ask('ps', ['-o', 'stat=,lstart=', '-p', String(pid)]).trim().split(/\s+/);
    return state === undefined || state.startsWith('Z') ? undefined : String(Date.parse(`${started.join(' ')} UTC`));
  } catch {
    return undefined;
  }
}

function ask(program: string, args: readonly string[]): string {
  return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', TZ: 'UTC' } });
}
