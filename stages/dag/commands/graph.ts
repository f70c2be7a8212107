/** `graph`: stages (or a few cells) and what flows between them, as text or as a drawing. */
import { writeFileSync } from 'node:fs';
import { EXIT } from '../command.ts';
import { ConfigurationError } from '../declare.ts';
import { graphOf } from '../graph.ts';
import { graphSvg } from '../graph-svg.ts';
import { select } from '../selection.ts';
import { count } from '../words.ts';
import type { Command } from '../command.ts';

const graph: Command = {
  usage: 'bitwidth graph [target ...]',
  details: 'Lists each stage with its number of cells the stages that it reads from, and those whose outputs help it.',
  options: {
    cells: { type: 'boolean', summary: 'Cells instead of stages' },
    svg: { type: 'string', value: 'file', summary: 'Write a drawing to this file' },
  },
  positionals: { min: 0, max: Infinity },
  async run({ pipeline, values, positionals, print }) {
    const drawn = graphOf(select(pipeline, positionals).cells, values['cells'] === true ? 'cells' : 'stages');
    const path = values['svg'];
    if (typeof path === 'string') {
      try {
        writeFileSync(path, graphSvg(drawn, pipeline.name));
      } catch (error) {
        throw new ConfigurationError(`graph: ${path} cannot be written (${(error as NodeJS.ErrnoException).code})`);
      }
      print(`${count(drawn.length, 'box', 'boxes')} drawn in ${path}`);
      return EXIT.done;
    }
    const width = Math.max(0, ...drawn.map(({ name }) => name.length));
    for (const { name, cells, reads, uses = [] } of drawn) {
      print(`${name.padEnd(width)}${values['cells'] === true ? '' : `  ${count(cells, 'cell').padStart(12)}`}${reads.length === 0 ? '' : `  reads ${reads.join(', ')}`}${uses.length === 0 ? '' : `  uses ${uses.join(', ')}`}`);
    }
    return EXIT.done;
  },
};
export default graph;
