/** `run`: computes what is missing or out of date. */
import { relative } from 'node:path';
import { EXIT } from '../command.ts';
import { ConfigurationError } from '../declare.ts';
import { execute } from '../execute.ts';
import { EXECUTORS } from '../executor.ts';
import { storeFolder } from '../ground.ts';
import { askWhatBecomesOfJobs } from '../interrupt-question.ts';
import { notifier } from '../notify.ts';
import { resourcesFrom } from '../number-options.ts';
import { jsonProgress } from '../progress.ts';
import { lineProgress } from '../progress-lines.ts';
import { MIN_COLUMNS, terminalProgress } from '../progress-terminal.ts';
import { select } from '../selection.ts';
import { continueInNextJob, detach, isDetached } from '../slurm/detach.ts';
import type { Cluster } from '../cluster.ts';
import type { Command, CommandContext } from '../command.ts';
import type { RunOptions } from '../execute.ts';
import type { Pipeline } from '../types.ts';

const run: Command = {
  usage: 'bitwidth run [target ...]',
  details: 'Computes what is missing or out of date, and what that is computed from. A target is a stage, a cell, or a pattern\n(score:novel-4m/*); without one everything is brought up to date and the exports are written.',
  options: {
    jobs: { type: 'string', short: 'j', value: 'n', summary: 'How many tasks run at once (default: one for each core)' },
    measure: { type: 'boolean', summary: 'Measure again, on this machine, what the targets measure' },
    'retry-failed': { type: 'boolean', summary: 'Run cells again that failed and would fail the same way' },
    force: { type: 'boolean', summary: 'Run the targets again although they are up to date' },
    'keep-going': { type: 'boolean', summary: 'Go on with all that does not need a cell that failed (this is the default)' },
    'fail-fast': { type: 'boolean', summary: 'Start nothing more once a cell has failed' },
    memory: { type: 'string', value: 'size', summary: 'How much memory tasks may need together, by what their stages declare: 12G (default: 90 % of the machine\'s)' },
    gpus: { type: 'string', value: 'n', summary: 'How many GPUs tasks may need together; 0: no cell that takes one is run (default: those that can be told apart, 1 at least)' },
    executor: { type: 'string', value: 'name', summary: 'Where tasks run: local (the default), or slurm: as jobs of a cluster' },
    'on-interrupt': { type: 'string', value: 'what', summary: 'What becomes of jobs when the run is interrupted: cancel, or leave (for the next run; the default, asked on a terminal)' },
    detach: { type: 'boolean', summary: 'Have the run itself be a small job, which goes on in a further one when its time is over' },
    notify: { type: 'string', value: 'program', summary: 'Start this at the end, with one sentence as its argument and JSON on its standard input' },
    'cache-read-only': { type: 'boolean', summary: 'Put nothing into the shared cache' },
    json: { type: 'boolean', summary: 'Print events, one JSON object a line; the last is {"event":"done",...}' },
  },
  positionals: { min: 0, max: Infinity },
  async run({ pipeline, values, positionals, print, terminal }) {
    if (values['keep-going'] === true && values['fail-fast'] === true) throw new ConfigurationError('run: --keep-going and --fail-fast contradict each other; give one of them');
    const away = awayFrom(pipeline, values, terminal);
    if (values['detach'] === true && !isDetached()) return await detachFrom(pipeline, away.away?.cluster, print);
    const program = typeof values['notify'] === 'string' ? notifier(values['notify']) : undefined;
    const progress = values['json'] === true ? jsonProgress(print) : terminal && process.stdout.columns >= MIN_COLUMNS ? terminalProgress(process.stdout) : lineProgress(print);
    const goesOn = isDetached() ? continueInNextJob(storeFolder(pipeline), pipeline.cluster ?? {}, process.cwd(), ownCommand(), (sentence) => progress.warn(sentence)) : () => undefined;
    const { failed, interrupted } = await execute(pipeline, {
      selection: select(pipeline, positionals), targets: positionals, resources: resourcesFrom(values),
      force: values['force'] === true, measure: values['measure'] === true,
      retryFailed: values['retry-failed'] === true, failFast: values['fail-fast'] === true,
      cacheReadOnly: values['cache-read-only'] === true,
      ...(program === undefined ? {} : { notify: program }), ...away,
    }, progress).finally(goesOn);
    return interrupted ? EXIT.interrupted : failed ? EXIT.failed : EXIT.done;
  },
};
export default run;

/** This very command line. */
const ownCommand = (): readonly string[] => [process.execPath, ...process.execArgv, ...process.argv.slice(1)];

/** Throws ConfigurationError. */
async function detachFrom(pipeline: Pipeline, cluster: Cluster | undefined, print: (line: string) => void): Promise<number> {
  if (cluster === undefined) throw new ConfigurationError('run: --detach makes a job of the run; give it with --executor slurm');
  const detached = await detach(storeFolder(pipeline), cluster, process.cwd(), ownCommand());
  switch (detached.kind) {
    case 'submitted': print(`The run is job ${detached.job}; what it says goes to ${relative(process.cwd(), detached.log)}.`); return EXIT.done;
    case 'there': print(`The run is underway as job ${detached.job} already; cancel that one first to start another.`); return EXIT.done;
    case 'refused': throw new ConfigurationError(`run: the scheduler did not take the run as a job: ${detached.sentence}`);
  }
}

/** Throws ConfigurationError. */
function awayFrom(pipeline: Pipeline, values: CommandContext['values'], terminal: boolean): Pick<RunOptions, 'away'> {
  const { executor = 'local', 'on-interrupt': interrupt } = values;
  const names = Object.keys(EXECUTORS).filter((name) => EXECUTORS[name]!.away === true);
  if (interrupt !== undefined && interrupt !== 'cancel' && interrupt !== 'leave') throw new ConfigurationError(`--on-interrupt is "${interrupt}"; it must be cancel or leave`);
  if (executor === 'local') {
    if (interrupt !== undefined) throw new ConfigurationError(`--on-interrupt says what becomes of jobs of a cluster; give it with --executor ${names.join(' or ')}`);
    return {};
  }
  if (typeof executor !== 'string' || !names.includes(executor)) throw new ConfigurationError(`--executor is "${executor}"; it must be local or ${names.join(' or ')}`);
  const whenInterrupted = interrupt !== undefined ? async () => interrupt : terminal && process.stdin.isTTY ? askWhatBecomesOfJobs : async () => 'leave' as const;
  return { away: { executor, cluster: pipeline.cluster ?? {}, whenInterrupted } };
}
