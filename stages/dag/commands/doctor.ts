/** `doctor`: what is there, what is missing and what does not work, in sections. */
import { EXIT } from '../command.ts';
import { ownChecks } from '../doctor.ts';
import type { Command } from '../command.ts';
import type { DoctorSection, Pipeline } from '../types.ts';

const doctor: Command = {
  usage: 'bitwidth doctor',
  details: 'Looks at what the project needs or could use. Exit code 1 when something is broken; what is only missing is not. Exit code 2 when the configuration is wrong.',
  options: { json: { type: 'boolean', summary: 'Print one JSON object a section' } },
  positionals: { min: 0, max: 0 },
  async run({ pipeline, values, print }) {
    const sections = [...mistakes(pipeline), await ownChecks(pipeline), ...await projectChecks(pipeline)];
    if (values['json'] === true) for (const section of sections) print(JSON.stringify(section));
    else for (const line of sections.flatMap((section, i) => [...(i > 0 ? [''] : []), ...linesOf(section)])) print(line);
    if (pipeline.mistake !== undefined) return EXIT.wrong;
    return sections.some(({ items }) => items.some(({ state }) => state === 'broken')) ? EXIT.failed : EXIT.done;
  },
};
export default doctor;

/** First, since nothing else can be done before: a line of it an item. */
function mistakes({ mistake }: Pipeline): readonly DoctorSection[] {
  return mistake === undefined ? [] : [{ section: 'configuration', items: mistake.split('\n').map((what) => ({ name: 'mistake', state: 'broken', what })) }];
}

async function projectChecks({ name, doctor: checks }: Pipeline): Promise<readonly DoctorSection[]> {
  try {
    return await checks?.() ?? [];
  } catch (error) {
    // Whatever is wrong must not keep the rest from being shown.
    return [{ section: name, items: [{ name: 'checks', state: 'broken', what: `the project's own checks failed: ${error instanceof Error ? error.message : String(error)}` }] }];
  }
}

function linesOf({ section, items }: DoctorSection): readonly string[] {
  const width = Math.max(0, ...items.map(({ name }) => name.length));
  return [section, ...items.flatMap(({ name, state, what, hint }) => [
    `  ${state.padEnd(7)}  ${name.padEnd(width)}  ${what}`,
    ...(hint === undefined ? [] : [`  ${' '.repeat(7 + 2 + width)}  ${hint}`]),
  ])];
}
