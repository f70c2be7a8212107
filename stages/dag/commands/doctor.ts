/** `doctor`: what is there, what is missing and what does not work, in sections. */
import { EXIT } from '../command.ts';
import { ownChecks, storedOutputs } from '../doctor.ts';
import type { Command } from '../command.ts';
import type { DoctorSection, Pipeline } from '../types.ts';

const doctor: Command = {
  usage: 'bitwidth doctor',
  details: 'Looks at what the project needs or could use, and shows each section as soon as it is known. Exit code 1 when something is broken; what is only missing is not. Exit code 2 when the configuration is wrong.',
  options: { json: { type: 'boolean', summary: 'Print one JSON object a section' } },
  positionals: { min: 0, max: 0 },
  async run({ pipeline, values, print }) {
    let [shown, broken] = [0, false];
    const show = (section: DoctorSection): void => {
      broken ||= section.items.some(({ state }) => state === 'broken');
      if (values['json'] === true) print(JSON.stringify(section));
      else for (const line of [...(shown > 0 ? [''] : []), ...linesOf(section)]) print(line);
      shown++;
    };
    for (const section of [...mistakes(pipeline), await ownChecks(pipeline)]) show(section);
    await projectChecks(pipeline, show);
    return pipeline.mistake !== undefined ? EXIT.wrong : broken ? EXIT.failed : EXIT.done;
  },
};
export default doctor;

/** First, since nothing else can be done before: a line of it an item. */
function mistakes({ mistake }: Pipeline): readonly DoctorSection[] {
  return mistake === undefined ? [] : [{ section: 'configuration', items: mistake.split('\n').map((what) => ({ name: 'mistake', state: 'broken', what })) }];
}

/** Shows each section as soon as it is known: a compiler, or a driver, may take its time. */
async function projectChecks(pipeline: Pipeline, show: (section: DoctorSection) => void): Promise<void> {
  try {
    const sections = pipeline.doctor?.((cell) => storedOutputs(pipeline, cell)) ?? [];
    for await (const section of Symbol.asyncIterator in sections ? sections : await sections) show(section);
  } catch (error) {
    // Whatever is wrong must not keep the rest from being shown.
    show({ section: pipeline.name, items: [{ name: 'checks', state: 'broken', what: `the project's own checks failed: ${error instanceof Error ? error.message : String(error)}` }] });
  }
}

function linesOf({ section, items }: DoctorSection): readonly string[] {
  const width = Math.max(0, ...items.map(({ name }) => name.length));
  return [section, ...items.flatMap(({ name, state, what, hint }) => [
    `  ${state.padEnd(7)}  ${name.padEnd(width)}  ${what}`,
    ...(hint === undefined ? [] : [`  ${' '.repeat(7 + 2 + width)}  ${hint}`]),
  ])];
}
