/** `crosscheck`: a short script that computes a number once more with nothing of this project but its data. */
import { ConfigurationError, EXIT, openResults } from '../../stages/dag/index.ts';
import { targetOf } from '../target.ts';
import type { Command } from '../../stages/dag/index.ts';
import type { Crosscheck } from '../crosscheck.ts';

export function crosscheckWith(load: (flags: { readonly [flag: string]: unknown }) => Promise<Crosscheck>): Command {
  return {
    usage: 'bitwidth crosscheck <number>',
    details: 'Prints a Python script (transformers, bitsandbytes, torch, numpy; no code of this project) that computes a number of the report again\nfrom the weights and texts, says what agreement to expect, and ends with exit code 1 where it does not find it. Save it and run it in\nthe project\'s folder. Where a number cannot be computed so, it says why (exit code 1).',
    options: {},
    positionals: { min: 1, max: 1 },
    async run({ pipeline, values, positionals: [id], print }) {
      const results = await openResults(pipeline);
      try {
        const target = await targetOf(id!, results, pipeline.root);
        if (target.kind !== 'number') throw new ConfigurationError(`crosscheck: "${id}" is a ${target.kind}; give the id of a number`);
        const answer = (await load(values))(target.number);
        if ('why' in answer) {
          print(`${target.number.id} cannot be computed by others' code: ${answer.why}.`);
          return EXIT.failed;
        }
        print(answer.script);
        return EXIT.done;
      } finally {
        await results.close();
      }
    },
  };
}
