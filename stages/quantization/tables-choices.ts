/** Rows about multiple-choice sets and how models answered them. */
import type { TaskCell, TaskIo } from '../dag/index.ts';
import { idPath } from './cell-ids.ts';
import type { AnsweredItem } from './choose.ts';
import { mostLikely } from './statistics/chosen.ts';
import { foundJson } from './table-rows.ts';
import type { Row } from './table-rows.ts';
import { listParam } from './task-values.ts';

interface SetParam { readonly set: string; readonly title: string; readonly origin: string; readonly licence: string; readonly bytes: number }

/** params.sets: what data/sources.yaml says of each. */
export async function* choiceSetRows(task: TaskCell): AsyncGenerator<Row> {
  for (const { set, title, origin, licence, bytes } of listParam(task, 'sets') as unknown as readonly SetParam[]) yield { set, title, origin, licence, bytes, cell: task.id };
}

export async function* choiceRows(task: TaskCell, io: TaskIo): AsyncGenerator<Row> {
  for await (const { cell, value } of foundJson<readonly AnsweredItem[]>(task, io)) {
    const [model, format, set] = idPath(cell) as [string, string, string];
    for (const { id, answer, options } of value) {
      const chosen = mostLikely(options);
      for (const [place, { nll, tokens, bytes }] of options.entries()) {
        yield { model, format, set, item: id, option: place, nll, tokens, bytes, is_answer: place === answer, is_chosen: place === chosen, cell };
      }
    }
  }
}
