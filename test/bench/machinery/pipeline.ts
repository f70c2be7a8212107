/**
 * A sweep shaped as a study is, of stages that do next to nothing: what a command on it takes is the machinery's. models × formats ×
 * points, each of which reads its model's file in its format; an aggregate for each (model, format); one report.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { cell, commandLine, file, gather, output, pipeline, stage } from '../../../stages/dag/index.ts';
import type { Cell, Stage } from '../../../stages/dag/index.ts';
import type { SweepSettings } from './sweep.ts';

const root = fileURLToPath(new URL('.', import.meta.url));
const { models, formats, points, where, changes, cache } = JSON.parse(readFileSync(`${root}settings.json`, 'utf8')) as SweepSettings;

const trivial = (name: string, title: string): Stage => stage({ name, title, determinism: 'exact', module: 'stages/trivial.ts', outputs: ['out'], where });
const fetch = trivial('fetch', 'Fetch the weights');
const quantize = trivial('quantize', 'Quantize');
const score = trivial('score', 'Score at a point');
const aggregate = trivial('aggregate', 'Aggregate the points');
const report = trivial('report', 'Report');

export default (argv: readonly string[]) => commandLine(() => {
  const cells: Cell[] = [];
  const add = (one: Cell): Cell => {
    cells.push(one);
    return one;
  };
  const aggregates: Cell[] = [];
  for (let m = 0; m < models; m++) {
    const weights = add(cell(fetch, `model-${m}`, { params: { model: m }, inputs: { weights: file('weights.txt') } }));
    for (let f = 0; f < formats; f++) {
      const quantized = add(cell(quantize, `model-${m}/format-${f}`, { params: { format: `format-${f}` }, inputs: { weights: output(weights) } }));
      const leaves = Array.from({ length: points }, (_, p) => add(cell(score, `model-${m}/format-${f}/point-${p}`, {
        params: { temperature: p / 100, topK: 40, seed: 1, changes: m + f + p === 0 ? changes : 0 }, inputs: { weights: output(quantized) },
      })));
      aggregates.push(add(cell(aggregate, `model-${m}/format-${f}`, { inputs: { points: gather(leaves.map((leaf) => output(leaf))) } })));
    }
  }
  add(cell(report, 'all', { inputs: { aggregates: gather(aggregates.map((one) => output(one))) } }));
  return pipeline({ name: 'sweep', root, cells, ...(cache === undefined ? {} : { cache }) });
}, argv);
