/** `import`: checks a file of other programs' figures and keeps it in the project, where the study reads it. */
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { ConfigurationError, EXIT, count, ownProcessId } from '../dag/index.ts';
import type { Command } from '../dag/index.ts';
import { readStudy } from './config.ts';
import { IMPORT_COLUMNS, IMPORT_FOLDER, IMPORT_NAME, IMPORT_NAME_RULE, ImportMistakes, LARGEST_IMPORT_BYTES, readImport, shownText } from './import-file.ts';
import type { ImportedFigure } from './import-file.ts';
import { importedMetrics } from './import-metrics.ts';

const importCommand: Command = {
  usage: 'bitwidth import <file.csv> [--as <name>]',
  details: `Checks figures that other programs gave and keeps the file as ${IMPORT_FOLDER}/<name>.csv, from where the study reads it. The report shows them marked\n`
    + '"claimed, not derived", in a table of their own; no verdict and no other number rests on them. One line is a figure, under a header:\n\n'
    + `  ${IMPORT_COLUMNS.join(',')}\n\n`
    + `Metrics and units: ${[...importedMetrics].map(([name, { unit }]) => `${name} (${unit})`).join(', ')}.\n`
    + 'machine is required of what depends on it; conditions says what else does (the text, the context, the batch). Figures of models or formats\nthat the study does not have are shown in the table only.',
  options: {
    as: { type: 'string', value: 'name', summary: 'The name of the file in the project (default: its own)' },
    replace: { type: 'boolean', summary: 'Put it in the place of another file of that name' },
    check: { type: 'boolean', summary: 'Only check; keep nothing' },
  },
  positionals: { min: 1, max: 1 },
  async run({ pipeline: { root }, values, positionals: [path = ''], print }) {
    const bytes = bytesOf(path);
    let figures: readonly ImportedFigure[];
    try {
      figures = readImport(bytes, path);
    } catch (error) {
      if (!(error instanceof ImportMistakes)) throw error;
      throw new ConfigurationError(error.mistakes.join('\n'));
    }
    const programs = [...new Set(figures.map(({ program, version }) => `${program} ${version}`))];
    const found = `${count(figures.length, 'figure')} of ${programs.length <= 3 ? programs.join(', ') : count(programs.length, 'program')}`;
    const beside = await besideStudy(figures, root, values['quick'] === true);
    if (values['check'] === true) {
      print(`${path}: ${found}; nothing is wrong`);
    } else {
      const name = typeof values['as'] === 'string' ? values['as'] : basename(path).replace(/\.csv$/i, '');
      const target = keep(bytes, name, root, values['replace'] === true);
      print(`${found}, kept as ${target}: claimed, not derived. "bitwidth run" puts them into the report.`);
    }
    for (const line of beside) print(line);
    return EXIT.done;
  },
};
export default importCommand;

function bytesOf(path: string): Buffer {
  try {
    const stat = statSync(path);
    if (!stat.isFile()) throw new ConfigurationError(`import: ${shownText(path)} is no file; give a CSV file`);
    // Before it is read: it may be larger than memory.
    if (stat.size > LARGEST_IMPORT_BYTES) throw new ConfigurationError(`import: ${shownText(path)} has ${stat.size} bytes; at most ${LARGEST_IMPORT_BYTES} are taken: split the file`);
    return readFileSync(path);
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (syscall === undefined) throw error;
    throw new ConfigurationError(code === 'ENOENT' ? `import: there is no file ${shownText(path)}` : `import: ${shownText(path)} cannot be read (${code})`);
  }
}

/** Writes it beside its place first: a run that reads meanwhile sees the whole file or the one before. Answers its path. */
function keep(bytes: Buffer, name: string, root: string, replace: boolean): string {
  if (!IMPORT_NAME.test(name)) throw new ConfigurationError(`import: the name ${shownText(name)} cannot be used; ${IMPORT_NAME_RULE}. Give another: --as <name>`);
  const target = `${IMPORT_FOLDER}/${name}.csv`;
  const path = join(root, target);
  const temporary = `${path}.${ownProcessId()}`;
  try {
    mkdirSync(join(root, IMPORT_FOLDER), { recursive: true });
    const there = statSync(path, { throwIfNoEntry: false });
    if (there !== undefined && !replace && !readFileSync(path).equals(bytes)) {
      throw new ConfigurationError(`import: ${target} has other bytes already; put this in its place with --replace, or give it another name with --as <name>`);
    }
    writeFileSync(temporary, bytes);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (syscall === undefined) throw error;
    throw new ConfigurationError(`import: ${target} cannot be written (${code}); make the folder ${IMPORT_FOLDER} writable`);
  }
  return target;
}

/** What of the figures stands beside none of the study's: a name that was meant otherwise shows here. */
async function besideStudy(figures: readonly ImportedFigure[], root: string, quick: boolean): Promise<readonly string[]> {
  const study = await readStudy(root, { quick });
  const models = study.models.map(({ name }) => name);
  const own = [...new Set([...study.models.map(({ baseFormat }) => baseFormat), ...study.formats])];
  const told = (what: 'model' | 'format', known: readonly string[]): string[] => {
    const others = [...new Set(figures.map((figure) => figure[what]).filter((name) => !known.includes(name)))];
    const many = figures.filter((figure) => others.includes(figure[what])).length;
    return others.length === 0 ? [] : [`${count(many, 'figure')} of ${many === 1 ? 'a' : ''} ${what}${many === 1 ? '' : 's'} that the study does not have, in the table only: ${others.slice(0, 8).join(', ')}${others.length > 8 ? ', ...' : ''}; its ${what}s are ${known.join(', ')}`.replace('  ', ' ')];
  };
  return [...told('model', models), ...told('format', own)];
}
