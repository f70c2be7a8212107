/** The program of a worker process: runs the tasks that its parent sends, one after another, and ends with its parent. */
import { Heartbeat } from '../heartbeat.ts';
import { PeakMemory } from '../peak-memory.ts';
import { runTask } from '../run-task.ts';
import { killOwnGroup } from './process-group.ts';
import { forSending } from './transfer.ts';
import type { FromWorker, ToWorker } from './protocol.ts';

// Ctrl-C in a terminal reaches the whole process group; what happens to a worker is the parent's decision.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
process.on('disconnect', killOwnGroup);

// The event loop stands still during a long computation, so a thread of its own notices when the parent is gone (SIGKILL).
const heartbeat = new Heartbeat('try { process.kill(-process.pid, "SIGKILL"); } finally { process.kill(process.pid, "SIGKILL"); }');

let stop = new AbortController();
const waiting = new Map<number, () => void>();
let sent = 0;
const memory = new PeakMemory();

process.on('message', (message: ToWorker) => {
  if (message.kind === 'task') void work(message);
  else if (message.kind === 'stop') stop.abort();
  else {
    waiting.get(message.commit)?.();
    waiting.delete(message.commit);
  }
});

async function work({ task }: Extract<ToWorker, { kind: 'task' }>): Promise<void> {
  stop = new AbortController();
  await heartbeat.ready;
  memory.begin();
  const end = await runTask(task, {
    started: () => send({ kind: 'started' }),
    async committed(cell, outputs, computedBy, tookMs) {
      const commit = sent++;
      const content = Object.fromEntries(Object.entries(outputs).map(([name, value], i) => [name, forSending(value, `${task.scratch}/out`, `${commit}-${i}`)]));
      const taken = new Promise<void>((resolve) => { waiting.set(commit, resolve); });
      const peakBytes = memory.bytes();
      send({ kind: 'committed', commit, cell, outputs: content, ...(computedBy === undefined ? {} : { computedBy }), ...(peakBytes === undefined ? {} : { peakBytes }), ...(tookMs === undefined ? {} : { tookMs }) });
      await taken;
    },
    failed: (cell, failure) => send({ kind: 'failed', cell, failure }),
    progress: (done, total, unit) => send({ kind: 'progress', done, total, unit }),
    warn: (sentence) => send({ kind: 'warning', sentence }),
    log: (text) => { process.stderr.write(text); },
  }, stop.signal, heartbeat);
  send({ kind: 'end', end });
}

function send(message: FromWorker): void {
  process.send?.(message);
}
