/**
 * Takes in the figures of other programs (import-file.ts): rows of table claimed, and of no other. They are claimed, not derived, and no verdict
 * rests on them: no stage reads what this one writes but the one that writes that table.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { cell, file, stage } from '../dag/index.ts';
import type { Cell, Json, Run } from '../dag/index.ts';
import { IMPORT_FOLDER, IMPORT_NAME, ImportMistakes, LARGEST_IMPORT_BYTES, readImport } from './import-file.ts';
import type { ImportedFigure } from './import-file.ts';
import { BadInput, guarded, textParam } from './task-values.ts';

export const importStage = stage({
  name: 'import',
  title: 'Take in figures of other programs, claimed and not derived',
  determinism: 'exact',
  module: 'stages/quantization/import.ts',
  outputs: ['rows'],
  where: 'in-process',
});

/** Names of the files that were imported, in order; of one whose name cannot be used its whole name is in `unusable`. */
export function importedNames(root: string): { readonly names: readonly string[]; readonly unusable: readonly string[] } {
  const folder = join(root, IMPORT_FOLDER);
  const files = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.csv')).sort() : [];
  const usable = (name: string): boolean => IMPORT_NAME.test(name.slice(0, -'.csv'.length));
  return { names: files.filter(usable).map((name) => name.slice(0, -'.csv'.length)), unusable: files.filter((name) => !usable(name)) };
}

/** import:<name>, a cell for each file. */
export function importCell(name: string): Cell {
  return cell(importStage, name, { params: { file: name }, inputs: { file: file(`${IMPORT_FOLDER}/${name}.csv`) } });
}

export const run: Run = async (cells, io) => {
  for (const task of cells) {
    await guarded(io, task, async () => {
      const name = textParam(task, 'file');
      const path = `${IMPORT_FOLDER}/${name}.csv`;
      const input = task.inputs['file'];
      if (input?.kind === 'object' && input.handle.bytes > LARGEST_IMPORT_BYTES) throw new BadInput(`${path} has ${input.handle.bytes} bytes; at most ${LARGEST_IMPORT_BYTES} are taken`, 'Split the file');
      try {
        await io.commit(task.id, { rows: JSON.stringify(claimedRows(readImport(await io.input(task, 'file'), path), name, task.id)) });
      } catch (error) {
        if (!(error instanceof ImportMistakes)) throw error;
        throw new BadInput(error.mistakes[0]!, `Correct the file, check it with "npx bitwidth import ${path} --check", and run again`);
      }
    });
  }
};

/** Rows of claimed, in the schema's order of columns. */
export function claimedRows(figures: readonly ImportedFigure[], name: string, cellId: string): { readonly [column: string]: Json }[] {
  return figures.map(({ metric, model, format, program, version, conditions, machine, value, unit, date, source }) => ({
    file: name, metric, model, format, program, version, conditions, machine, value, unit, date, source, cell: cellId,
  }));
}
