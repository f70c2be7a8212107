/**
 * The cells of the score stage: what is compared with the base on each text.
 *
 *   score:<model>/<format>/<text>               fidelity: token by token, over the full vocabulary (also of the base itself)
 *   score:<model>/<format>/<text>/T0.7/k40      sampling: the distribution at (temperature, top_k); of the base at k0 only
 *   score:<model>/<format>/<text>/null/T0.7     null: the format's quality shift beside that of noise of equal size
 *
 * No cell knows of its neighbours in the sweep, so a temperature more adds cells and changes none.
 */
import { cell, output, stage } from '../dag/index.ts';
import type { Cell, OutputRef } from '../dag/index.ts';
import { isGreedy, settingPath } from './cell-ids.ts';
import type { StudyModel } from './config.ts';
import { checkpointInputs, registerEntries } from './model-cells.ts';

export const scoreStage = stage({
  name: 'score',
  title: 'Score the texts under each format',
  determinism: 'exact',
  module: 'stages/quantization/score.ts',
  outputs: ['scores'],
});

/** A model, the cell that fetched it, and output `tokens` of one text under its tokenizer. */
export interface ScoredModel {
  readonly model: Pick<StudyModel, 'name' | 'architecture' | 'weightCode' | 'baseFormat' | 'parametersEstimate'>;
  readonly fetched: Cell;
  readonly tokens: OutputRef;
}

export interface ScoreSweep {
  readonly scored: ScoredModel;
  /** Must cut the text into the same tokens: its probabilities weigh the scored model's vocabulary. */
  readonly judge: ScoredModel;
  readonly text: string;
  /** All models in one task for each text: small ones, which fit in memory together in all formats. */
  readonly together: boolean;
  /** The formats to score, without aliases; the base is scored whether it is named or not. */
  readonly formats: readonly { readonly name: string; readonly artifact: OutputRef }[];
  readonly windows: number;
  readonly windowTokens: number;
  readonly temperatures: readonly number[];
  /** 0: all tokens. */
  readonly topKs: readonly number[];
}

/** The null that claims c1 and c2 need: of the 4-bit formats, at the temperatures that they speak of; at every 12th position, in 20 draws. */
const NULL = { formats: ['nf4', 'fp4', 'nf4-dq', 'fp4-dq'], coldest: 0.1, hottest: 0.8, params: { stride: 12, draws: 20, seed: 1 } };

/** All score cells of one model and one text; they run as one task with each model loaded once. */
export function scoreCells(sweep: ScoreSweep): Cell[] {
  const { scored, judge, text, windows, windowTokens } = sweep;
  const { model } = scored;
  const judged = { judgeConfig: output(judge.fetched, 'config'), judgeWeights: output(judge.fetched, 'weights'), judgeTokens: judge.tokens };
  const batch = sweep.together ? text : `${model.name}/${text}`;
  const base = { name: model.baseFormat as string, artifact: undefined };
  const work = (windows * windowTokens * model.parametersEstimate) / 1e10;
  return [base, ...sweep.formats.filter(({ name }) => name !== base.name)].flatMap(({ name, artifact }) => {
    const declare = (path: string, quantity: string, params: Cell['params'], needsJudge: boolean): Cell => cell(scoreStage, `${model.name}/${name}/${text}${path}`, {
      params: { quantity, model: model.name, format: name, base: base.name, text, windows, windowTokens, ...params },
      inputs: { ...checkpointInputs(scored.fetched), tokens: scored.tokens, ...(artifact ? { artifact } : {}), ...(needsJudge ? judged : {}) },
      uses: [...new Set([...registerEntries(model, [name]), ...(needsJudge ? registerEntries(judge.model, []) : [])])],
      batch,
      work,
    });
    const isBase = name === base.name;
    const cells = [declare('', 'fidelity', {}, false)];
    for (const temperature of sweep.temperatures) {
      // Greedy has no candidates to restrict; of the base only its own entropy and quality are wanted, which are top_k 0's.
      const topKs = temperature === 0 || isBase ? [0] : sweep.topKs.filter((topK) => !isGreedy(temperature, topK));
      for (const topK of topKs) cells.push(declare(`/${settingPath(temperature, topK)}`, 'sampling', { temperature, topK }, true));
      if (!isBase && NULL.formats.includes(name) && temperature >= NULL.coldest && temperature <= NULL.hottest) {
        cells.push(declare(`/null/T${temperature}`, 'null', { temperature, ...NULL.params }, true));
      }
    }
    return cells;
  });
}
