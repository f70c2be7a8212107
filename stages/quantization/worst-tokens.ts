/**
 * The scored positions that a format moves most, with their context as text: what a large KL divergence looks like.
 *
 *   worst-tokens:<model>/<format>   rows of table worst_tokens
 */
import type { Tokenizer } from '../../kernels/tokenizer.ts';
import { cell, output, stage } from '../dag/index.ts';
import type { Cell, Run } from '../dag/index.ts';
import { CONTEXT_TOKENS, readFidelity } from './score-output.ts';
import type { FidelityScores } from './score-output.ts';
import type { Row } from './table-rows.ts';
import { taskTokenizer } from './task-tokenizer.ts';
import { guarded, textParam } from './task-values.ts';

export const worstTokensStage = stage({
  name: 'worst-tokens',
  title: 'Find the tokens that each format moves most',
  determinism: 'exact',
  module: 'stages/quantization/worst-tokens.ts',
  outputs: ['rows'],
});

/** Places told of each format and model, and tokens of context told of each. */
const MOST = 10, CONTEXT_SHOWN = 24;

/** One cell for each format of a model but its own type. */
export function worstTokensCells({ model, fetched, scored }: { readonly model: { readonly name: string; readonly baseFormat: string }; readonly fetched: Cell; readonly scored: readonly Cell[] }): Cell[] {
  const fidelity = scored.filter(({ params }) => params['quantity'] === 'fidelity' && params['format'] !== model.baseFormat);
  return [...new Set(fidelity.map(({ params }) => String(params['format'])))].map((format) => cell(worstTokensStage, `${model.name}/${format}`, {
    params: { model: model.name, format, most: MOST, contextTokens: CONTEXT_SHOWN },
    inputs: {
      tokenizer: output(fetched, 'tokenizer'), tokenizerConfig: output(fetched, 'tokenizerConfig'),
      ...Object.fromEntries(fidelity.filter(({ params }) => params['format'] === format).map((from) => [`scores.${String(from.params['text'])}`, output(from)])),
    },
    batch: model.name, work: 0.1,
  }));
}

export const run: Run = async (cells, io) => {
  const opened = new Map<string, Promise<Tokenizer>>();
  for (const [index, task] of cells.entries()) {
    io.signal.throwIfAborted();
    await guarded(io, task, async () => {
      const input = task.inputs['tokenizer'];
      const hash = input?.kind === 'object' ? input.handle.sha256 : task.id;
      if (!opened.has(hash)) opened.set(hash, taskTokenizer(io, task));
      const texts: FidelityScores[] = [];
      for (const name of Object.keys(task.inputs)) if (name.startsWith('scores.')) texts.push(readFidelity(await io.input(task, name)));
      await io.commit(task.id, { rows: JSON.stringify(worstTokens(texts, await opened.get(hash)!, { model: textParam(task, 'model'), format: textParam(task, 'format'), cell: task.id })) });
    });
    io.progress(index + 1, cells.length, 'formats');
  }
};

/** Rows of table worst_tokens, in the schema's order of columns: positions with enough context, the largest KL first. */
export function worstTokens(texts: readonly FidelityScores[], tokenizer: Pick<Tokenizer, 'decode' | 'pieces'>, place: { readonly model: string; readonly format: string; readonly cell: string }): Row[] {
  const found: { readonly scores: FidelityScores; readonly i: number; readonly kl: number }[] = [];
  for (const scores of texts) {
    for (let i = 0; i < scores.windows * scores.positions; i++) if (i % scores.positions >= CONTEXT_TOKENS - 1) found.push({ scores, i, kl: scores.kl[i]! });
  }
  // Sorting keeps the order of equal ones: that of the texts.
  return found.sort((a, b) => b.kl - a.kl).slice(0, MOST).map(({ scores, i, kl }, rank): Row => {
    const { positions, token } = scores;
    const [window, index] = [Math.floor(i / positions), i % positions];
    // Together, because a character may be spread over tokens.
    const pieces = tokenizer.pieces(token.subarray(i - Math.min(CONTEXT_SHOWN, index), i + 1));
    return {
      model: place.model, format: place.format, rank: rank + 1, text: scores.text, window, position: index + 1,
      context: pieces.slice(0, -1).join(''), token: pieces.at(-1)!, choice_base: tokenizer.decode([scores.top1Base[i]!]), choice: tokenizer.decode([scores.top1[i]!]),
      kl, nll_base: scores.nllBase[i]!, nll: scores.nll[i]!, cell: place.cell,
    };
  });
}
