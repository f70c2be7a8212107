/** `run`: computes what is missing or out of date. */
import { EXIT } from '../command.ts';
import { execute } from '../execute.ts';
import { jobsFrom } from '../number-options.ts';
import { jsonProgress } from '../progress.ts';
import { lineProgress } from '../progress-lines.ts';
import { MIN_COLUMNS, terminalProgress } from '../progress-terminal.ts';
import { select } from '../selection.ts';
import type { Command } from '../command.ts';

const run: Command = {
  usage: 'bitwidth run [target ...]',
  details: 'Computes what is missing or out of date, and what that is computed from. A target is a stage, a cell, or a pattern\n(score:novel-4m/*); without one everything is brought up to date and the exports are written.',
  options: {
    jobs: { type: 'string', short: 'j', value: 'n', summary: 'How many tasks run at once (default: one for each core)' },
    measure: { type: 'boolean', summary: 'Measure again, on this machine, what the targets measure' },
    'retry-failed': { type: 'boolean', summary: 'Run cells again that failed and would fail the same way' },
    force: { type: 'boolean', summary: 'Run the targets again although they are up to date' },
    'fail-fast': { type: 'boolean', summary: 'Start nothing more once a cell has failed' },
    json: { type: 'boolean', summary: 'Print events, one JSON object a line; the last is {"event":"done",...}' },
  },
  positionals: { min: 0, max: Infinity },
  async run({ pipeline, values, positionals, print, terminal }) {
    const progress = values['json'] === true ? jsonProgress(print) : terminal && process.stdout.columns >= MIN_COLUMNS ? terminalProgress(process.stdout) : lineProgress(print);
    const { failed, interrupted } = await execute(pipeline, {
      selection: select(pipeline, positionals), targets: positionals, jobs: jobsFrom(values['jobs']),
      force: values['force'] === true, measure: values['measure'] === true,
      retryFailed: values['retry-failed'] === true, failFast: values['fail-fast'] === true,
    }, progress);
    return interrupted ? EXIT.interrupted : failed ? EXIT.failed : EXIT.done;
  },
};
export default run;
