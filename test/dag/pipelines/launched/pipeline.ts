/** A project of its own, as the launcher finds it; also one that has nothing to do with language models. */
import { fileURLToPath } from 'node:url';
import { cell, commandLine, ConfigurationError, gather, output, pipeline, stage } from '../../../../stages/dag/index.ts';
import { readSettings } from './settings.ts';

const root = fileURLToPath(new URL('.', import.meta.url));
const settings = readSettings(root);
if (settings.wrong !== undefined) throw new ConfigurationError(settings.wrong);

const greet = stage({ name: 'greet', title: 'Greet', determinism: 'exact', module: 'stages/greet.ts', outputs: ['out'], ...(settings.timed ? { determinism: 'measured', exclusive: true } : {}) });
/** Beside what is timed. */
const hum = stage({ name: 'hum', title: 'Hum', determinism: 'exact', module: 'stages/greet.ts', outputs: ['out'] });
const join = stage({ name: 'join', title: 'Join the greetings', determinism: 'exact', module: 'stages/join.ts', outputs: ['out'], where: 'in-process' });

export default (argv: readonly string[]) => commandLine(({ loud }) => {
  const greetings = settings.names.map((name, i) => cell(name.startsWith('hum') ? hum : greet, name, { params: { name, loud: loud === true, slowMs: settings.slowMs, computeMs: settings.computeMs, child: settings.child }, batch: String(i % settings.batches) }));
  return pipeline({ name: 'launched', root, cells: [...greetings, cell(join, 'all', { inputs: { greetings: gather(greetings.map((one) => output(one))) } })] });
}, argv, { flags: { loud: 'Greet loudly' } });
