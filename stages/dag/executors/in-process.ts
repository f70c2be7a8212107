/** Runs a task in this process: for short work whose failure cannot take the process down. A crash of it ends the run. */
import { Heartbeat } from '../heartbeat.ts';
import { runTask } from '../run-task.ts';
import { timeLimit } from './time-limit.ts';
import { asBytes } from './transfer.ts';
import type { Executor, RunningTask, Task, TaskEnd, TaskEvents } from '../executor.ts';

export function inProcessExecutor(): Executor {
  return {
    start(task: Task, events: TaskEvents): RunningTask {
      const stop = new AbortController();
      let log = '';
      let finish: (end: TaskEnd) => void = () => undefined;
      const early = new Promise<TaskEnd>((resolve) => { finish = resolve; });
      const unlimited = task.timeoutMs === undefined ? undefined : timeLimit(task.timeoutMs, () => { stop.abort(); finish({ kind: 'timed-out' }); });
      const heartbeat = task.timed ? new Heartbeat() : undefined;
      const work = runTask(task, {
        committed: async (cell, outputs, computedBy, tookMs) => { await events.committed(cell, Object.fromEntries(Object.entries(outputs).map(([name, value]) => [name, asBytes(value)])), computedBy, undefined, tookMs); },
        failed: (cell, failure) => events.failed(cell, failure),
        progress: (done, total, unit) => events.progress(done, total, unit),
        warn: (sentence) => events.warn(sentence),
        log: (text) => { log += text; },
      }, stop.signal, heartbeat).finally(() => heartbeat?.close());
      return {
        end: Promise.race([work, early]).finally(() => unlimited?.()),
        stop: () => stop.abort(),
        kill: () => { stop.abort(); finish({ kind: 'stopped' }); },
        log: () => log,
      };
    },
    release: () => undefined,
  };
}
