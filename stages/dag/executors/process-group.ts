/**
 * Workers lead process groups of their own, so that what they start (a compiler) ends with them, and so that Ctrl-C in a terminal
 * reaches the run alone, which decides what becomes of them. Ctrl-Z must then be passed on, and so must its end.
 */

const leaders = new Set<number>();

/** Takes charge of a worker that was started as the leader of a group. */
export function addGroup(leader: number): void {
  if (leaders.size === 0) {
    process.on('SIGTSTP', suspend).on('SIGCONT', resume).on('exit', killAll);
  }
  leaders.add(leader);
}

/** Ends the group: its leader and whatever that started. A group that has ended already is no error. */
export function killGroup(leader: number): void {
  if (!leaders.delete(leader)) return;
  signalGroup(leader, 'SIGKILL');
  if (leaders.size === 0) process.off('SIGTSTP', suspend).off('SIGCONT', resume).off('exit', killAll);
}

/** For a worker: ends its own group, itself included. */
export function killOwnGroup(): void {
  signalGroup(process.pid, 'SIGKILL');
  // It leads no group: somebody started it in another way.
  process.kill(process.pid, 'SIGKILL');
}

function signalGroup(leader: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-leader, signal);
  } catch {
    // Nobody is left in it.
  }
}

function suspend(): void {
  for (const leader of leaders) signalGroup(leader, 'SIGSTOP');
  process.kill(process.pid, 'SIGSTOP');
}

function resume(): void {
  for (const leader of leaders) signalGroup(leader, 'SIGCONT');
}

function killAll(): void {
  for (const leader of leaders) signalGroup(leader, 'SIGKILL');
}
