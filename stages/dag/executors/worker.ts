/**
 * Runs tasks in processes of their own: native code that crashes takes its task and not the run. A process that ended a task
 * well is used for the next one that would find in it what a process of its own would have, so that thousands of small tasks do not
 * each start Node.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { execaNode } from 'execa';
import type { Options } from 'execa';
import { canonicalJson } from '../canonical.ts';
import { MORE_MEMORY, memoryKills } from '../memory-kills.ts';
import { workerProgram } from '../modules.ts';
import { addGroup, killGroup } from './process-group.ts';
import { timeLimit } from './time-limit.ts';
import type { Executor, RunningTask, Task, TaskEnd, TaskEvents } from '../executor.ts';
import type { FromWorker, ToWorker } from './protocol.ts';

/** A process of Node that runs one of the machinery's programs and is spoken to by messages: nothing to read from, both streams as one, and an end that is a value. */
export function startNode<Own extends Options>(program: string, own: Own) {
  return execaNode(program, [], { ipc: true, reject: false, stdin: 'ignore', all: true, nodeOptions: inheritedOptions(process.execArgv), ...own });
}

const SCRIPT = /^(-e|--eval|-p|-pe|--print)$/;

/** Of this process's Node, without a script on its command line: who inherited that would run it as well, and start the next who does. */
export function inheritedOptions(options: readonly string[]): string[] {
  return options.filter((option, i) => !SCRIPT.test(option) && !SCRIPT.test(options[i - 1] ?? '') && !option.startsWith('--input-type'));
}

/** Of each task's output so much is kept, from its end. */
const LOG_CHARACTERS = 64 * 1024;
/** A process is replaced after so many tasks: whatever it leaks stays small. */
const TASKS_PER_PROCESS = 100;
/** A stage's time limit counts from when its module is loaded; loading it has this long, on a machine however busy. */
const START_LIMIT_MS = 60_000;

interface Process {
  readonly kind: string;
  tasks: number;
  log: string;
  /** Set while a task runs. */
  current: { readonly onMessage: (message: FromWorker) => void; readonly onExit: (sentence: string, hint?: string) => void } | undefined;
  send(message: ToWorker): void;
  kill(): void;
}

export function workerExecutor(): Executor {
  const idle: Process[] = [];
  const release = (): void => { for (const worker of idle.splice(0)) worker.kill(); };
  return {
    start(task: Task, events: TaskEvents): RunningTask {
      const kind = kindOf(task);
      const found = task.fresh ? -1 : idle.findIndex((process) => process.kind === kind);
      // What idles holds the memory of other work: no more processes live than tasks run.
      if (found < 0) release();
      const worker = found < 0 ? startProcess(kind, task.environment, idle) : idle.splice(found, 1)[0]!;
      return startTask(worker, task, events, () => {
        if (!task.fresh && worker.tasks < TASKS_PER_PROCESS) idle.push(worker);
        else worker.kill();
      });
    },
    release,
  };
}

/**
 * What a process is used for again: any stage, in the same environment, with the same tools. A module may keep what it
 * opened (an engine) for the next task, so that must be what the next task would have opened as well.
 */
function kindOf({ environment = {}, cells }: Task): string {
  const tools = cells.flatMap((cell) => Object.entries(cell.tools ?? {}).map(([name, tool]) => `${name} ${tool.kind === 'object' ? tool.handle.sha256 : 'missing'}`));
  return canonicalJson([environment, [...new Set(tools)].sort()]);
}

function startTask(worker: Process, task: Task, events: TaskEvents, reuse: () => void): RunningTask {
  worker.tasks++;
  worker.log = '';
  let finish: (end: TaskEnd) => void = () => undefined;
  const end = new Promise<TaskEnd>((resolve) => { finish = resolve; });
  const ended = (how: TaskEnd): void => {
    unlimited();
    worker.current = undefined;
    finish(how);
  };
  const endAfter = (ms: number): () => void => timeLimit(ms, () => {
    ended({ kind: 'timed-out' });
    worker.kill();
  });
  let unlimited = task.timeoutMs === undefined ? () => undefined : endAfter(START_LIMIT_MS + task.timeoutMs);
  worker.current = {
    onMessage(message) {
      switch (message.kind) {
        case 'started':
          unlimited();
          if (task.timeoutMs !== undefined) unlimited = endAfter(task.timeoutMs);
          break;
        case 'committed':
          void events.committed(message.cell, message.outputs, message.computedBy, message.peakBytes, message.tookMs).then(() => worker.send({ kind: 'taken', commit: message.commit }));
          break;
        case 'failed': events.failed(message.cell, message.failure); break;
        case 'warning': events.warn(message.sentence); break;
        case 'progress': events.progress(message.done, message.total, message.unit); break;
        case 'end':
          ended(message.end);
          // After an error its state is in doubt; it goes.
          if (message.end.kind === 'ended') reuse();
          else worker.kill();
      }
    },
    onExit: (sentence, hint) => ended({ kind: 'crashed', sentence, ...(hint === undefined ? {} : { hint }) }),
  };
  worker.send({ kind: 'task', task });
  return {
    end,
    stop: () => worker.send({ kind: 'stop' }),
    kill: () => { ended({ kind: 'stopped' }); worker.kill(); },
    log: () => worker.log,
  };
}

function startProcess(kind: string, environment: Task['environment'], idle: Process[]): Process {
  const killsBefore = memoryKills();
  const child = startNode(workerProgram(), {
    buffer: false, detached: true,
    // Time zone and locale are the machine's; results must not be.
    env: { ...environment, TZ: 'UTC', LC_ALL: 'C.UTF-8' },
  });
  const worker: Process = {
    kind, tasks: 0, log: '', current: undefined,
    // A process that is gone tells so by its exit; a message that can no longer reach it is nobody's.
    send: (message) => { if (child.connected) child.send(message, () => undefined); },
    kill: () => { if (child.pid !== undefined) killGroup(child.pid); },
  };
  if (child.pid !== undefined) addGroup(child.pid);
  child.all.setEncoding('utf8').on('data', (text: string) => { worker.log = (worker.log + text).slice(-LOG_CHARACTERS); });
  child.on('message', (message) => worker.current?.onMessage(message as FromWorker));
  void child.then(async (result) => {
    // Messages that were sent before the end are still being delivered.
    await wait(0);
    // A worker that ended by itself may have left behind what it started.
    worker.kill();
    const place = idle.indexOf(worker);
    if (place >= 0) idle.splice(place, 1);
    // The kernel says nothing to whom it kills; that it has killed somebody meanwhile it counts.
    const memory = result.signal === 'SIGKILL' && killsBefore !== undefined && memoryKills() !== killsBefore;
    const how = memory ? 'by SIGKILL: memory ran out, and the kernel ended it'
      : result.signal !== undefined ? `by ${result.signal}` : result.exitCode !== undefined ? `with exit code ${result.exitCode}` : `before it began (${result.code ?? 'unknown'})`;
    const last = worker.log.trimEnd().split('\n').at(-1) ?? '';
    worker.current?.onExit(`its process ended ${how}${last === '' ? '' : ` after "${last.slice(0, 300)}"`}`, memory ? MORE_MEMORY : undefined);
  });
  return worker;
}
