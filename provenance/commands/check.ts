/** `check <paper.tex>`: a paper held to the results. Without a file it is the machinery's own command. */
import { ConfigurationError, EXIT, count, openResults } from '../../stages/dag/index.ts';
import type { Command } from '../../stages/dag/index.ts';

/** Of one paper so many faults are told. */
const TOLD = 50;

/** The machinery's `check`, and what it does with papers. */
export function checkWith(own: Command): Command {
  return {
    ...own,
    usage: `${own.usage}\n       bitwidth check <paper.tex> [...]`,
    details: `${own.details}\n\nOf papers: holds every number of the study in them to the results that count now: the macros of data/numbers.tex (\\bwnum{id}), literals\nin \\bwcheck{id}{0.257} or on a line that ends with "% bw: id", and a numbers.tex that was copied. Exit code 3 where one differs.`,
    positionals: { min: 0, max: Infinity },
    async run(context) {
      const { pipeline, values, positionals, print } = context;
      if (positionals.length === 0) return own.run(context);
      if (values['repair'] === true) throw new ConfigurationError('check: --repair is for the store; a paper is not changed');
      const [{ checkPaper }, { numbersOf }] = await Promise.all([import('../paper.ts'), import('../numbers.ts')]);
      const results = await openResults(pipeline);
      try {
        const stale = [...results.cells.values()].filter((cell) => cell.stale !== undefined && cell.record !== undefined).length;
        const { files, checked, faults } = checkPaper(positionals, await numbersOf(results));
        if (values['json'] === true) print(JSON.stringify({ files, checked, faults, stale }));
        else {
          for (const { file, line, what } of faults.slice(0, TOLD)) print(`${file}:${line}: ${what}`);
          if (faults.length > TOLD) print(`and ${faults.length - TOLD} more`);
          if (stale > 0) print(`${count(stale, 'result')} would be computed anew ("bitwidth plan"): the numbers are the last ones`);
          print(`${count(checked, 'number')} in ${count(files.length, 'file')}: ${faults.length === 0 ? 'all as the results are' : `${faults.length} ${faults.length === 1 ? 'is' : 'are'} not as the results are`}`);
          if (checked === 0) print('No number of the study was found: numbers.tex says how they are written.');
        }
        return faults.length > 0 ? EXIT.different : EXIT.done;
      } finally {
        await results.close();
      }
    },
  };
}
