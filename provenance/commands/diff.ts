/** `diff`: which numbers of the report changed between two runs, by how much, beyond noise or not, and because of what. */
import { ConfigurationError, EXIT, openResults } from '../../stages/dag/index.ts';
import { byCause, compare, largestFirst } from '../compare.ts';
import { numberText } from '../number-text.ts';
import type { Command, Results } from '../../stages/dag/index.ts';
import type { ChangedNumber, Comparison, Judgement } from '../compare.ts';

/** Of each cause so many numbers are told, unless all are asked for. */
const TOLD = 5;

const diff: Command = {
  usage: 'bitwidth diff <run> [<run>]',
  details: 'Compares the numbers of two runs: a run by its id, a part of it, "last", or the name under which it is kept; without a second one what counts\nnow. Says which numbers changed, by how much, whether beyond noise (exact numbers have none), and which change of an input, of code or of\nthe machine they come from. Exit code 0: all are equal, or differ within noise; 3: some differ.',
  options: {
    all: { type: 'boolean', summary: 'Tell every number that changed, not the largest changes only' },
    to: { type: 'string', value: 'folder', summary: 'Write it as a page, too: to a new or empty folder' },
    json: { type: 'boolean', summary: 'Print one JSON object for each number that changed, was added or removed; the last is {"event":"done",...}' },
  },
  positionals: { min: 1, max: 2 },
  async run({ pipeline, values, positionals: [earlier, later], print }) {
    const { to } = values;
    if (to === '') throw new ConfigurationError(`diff: say where to, with --to <folder>\nusage: ${diff.usage}`);
    const before = await openResults(pipeline, earlier);
    try {
      const after = await openResults(pipeline, later);
      try {
        const found = await compare({ before, after });
        if (values['json'] === true) printEvents(found, print);
        else for (const line of text(found, nameOf(before), nameOf(after), values['all'] === true)) print(line);
        if (typeof to === 'string') {
          const { writeDiffPage } = await import('../diff-page.ts');
          print(`${await writeDiffPage(to, found, nameOf(before), nameOf(after))} written`);
        }
        return found.added.length + found.removed.length > 0 || found.changed.some(({ judgement }) => counts(judgement)) ? EXIT.different : EXIT.done;
      } finally {
        await after.close();
      }
    } finally {
      await before.close();
    }
  },
};
export default diff;

const counts = (judgement: Judgement): boolean => judgement === 'exact' || judgement === 'beyond noise';

const nameOf = ({ run }: Results): string => run === undefined ? 'what counts now' : `run ${run.run}`;

function text({ compared, changed, added, removed }: Comparison, before: string, after: string, all: boolean): readonly string[] {
  const lines = [`${before} -> ${after}: ${compared} numbers in both, ${changed.length} changed${of(changed)}${added.length > 0 ? `, ${added.length} only in the later` : ''}${removed.length > 0 ? `, ${removed.length} only in the earlier` : ''}.`];
  for (const { causes, numbers } of byCause(changed)) {
    lines.push('', `${numbers.length === 1 ? '1 number' : `${numbers.length} numbers`}${of(numbers)}, because:`, ...(causes.length === 0 ? ['    no cause is recorded'] : causes.map((cause) => `    ${cause}`)));
    const told = largestFirst(numbers).slice(0, all ? undefined : TOLD);
    lines.push(...told.map((number) => `  ${line(number)}`));
    if (told.length < numbers.length) lines.push(`  and ${numbers.length - told.length} more (--all tells them)`);
  }
  for (const [list, where] of [[added, 'later'], [removed, 'earlier']] as const) {
    if (list.length === 0) continue;
    const told = list.slice(0, all ? undefined : TOLD);
    lines.push('', `Only in the ${where}:`, ...told.map((number) => `  ${number.id}  ${numberText(number)}`));
    if (told.length < list.length) lines.push(`  and ${list.length - told.length} more (--all tells them)`);
  }
  return lines;
}

/** ' (3 exact, 20 within noise)' */
function of(changed: readonly ChangedNumber[]): string {
  const kinds = (['exact', 'beyond noise', 'within noise', 'no interval'] as const).flatMap((kind) => {
    const n = changed.filter(({ judgement }) => judgement === kind).length;
    return n === 0 ? [] : [`${n} ${kind === 'no interval' ? 'measured without an interval' : kind}`];
  });
  return kinds.length === 0 ? '' : ` (${kinds.join(', ')})`;
}

function line({ id, before, after, relative, judgement }: ChangedNumber): string {
  return `${id}  ${numberText(before)} -> ${numberText(after)}${relative === undefined ? '' : `  (${percent(relative)})`}${judgement === 'exact' ? '' : `  ${judgement}`}`;
}

const percent = (share: number): string => `${share > 0 ? '+' : ''}${(100 * share).toPrecision(2)} %`;

function printEvents({ compared, changed, added, removed }: Comparison, print: (line: string) => void): void {
  const side = ({ value, low, high, unit, cell }: ChangedNumber['before']): object => ({ value, low, high, unit, cell });
  for (const number of changed) print(JSON.stringify({ event: 'changed', id: number.id, before: side(number.before), after: side(number.after), relative: number.relative, judgement: number.judgement, causes: number.causes }));
  for (const number of added) print(JSON.stringify({ event: 'added', id: number.id, after: side(number) }));
  for (const number of removed) print(JSON.stringify({ event: 'removed', id: number.id, before: side(number) }));
  print(JSON.stringify({ event: 'done', compared, changed: changed.length, added: added.length, removed: removed.length }));
}
