/** `prepare`: on a login node, all that needs a network or a compiler, so that nodes need neither. */
import { machineryCommand } from '../dag/index.ts';
import type { Command } from '../dag/index.ts';

/** The stages that take models in, and the one that compiles. */
const STAGES: ReadonlySet<string> = new Set(['fetch', 'fetch-gguf', 'native', 'native-check']);

export async function prepareCommand(): Promise<Command> {
  const machinery = await machineryCommand('run');
  const { jobs, memory, json } = machinery.options;
  return {
    usage: 'bitwidth prepare',
    details: 'Does all of a study that needs a network or a compiler: looks up and downloads the models that study.yaml names, and builds the native library,\n'
      + 'with a cluster: block for every kind of processor of this family. Afterwards "run --executor slurm" needs neither, here or on the nodes.',
    options: { ...(jobs === undefined ? {} : { jobs }), ...(memory === undefined ? {} : { memory }), ...(json === undefined ? {} : { json }) },
    positionals: { min: 0, max: 0 },
    run: (context) => machinery.run({ ...context, positionals: context.pipeline.cells.filter(({ stage }) => STAGES.has(stage.name)).map(({ id }) => id) }),
  };
}
