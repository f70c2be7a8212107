/** data/errata.yaml: published numbers that turned out to be wrong. */
import { ConfigurationError } from '../dag/index.ts';
import { isDay } from './calendar.ts';
import { Reader } from './config-fields.ts';
import { Problems, readYaml } from './config-yaml.ts';
import type { Located } from './config-yaml.ts';

export const ERRATA_FILE = 'data/errata.yaml';

const MAX_ENTRIES = 1000;
/** It becomes the name of a page. */
const NUMBER_ID = /^[A-Za-z0-9][A-Za-z0-9._+=-]*$/;

/** One number that was wrong. */
export interface Erratum {
  /** Its id, as on the site: 'kl_mean.novel-4m.nf4'. */
  readonly number: string;
  readonly wrong: string;
  /** Id of the number that stands in its place; null: none does. */
  readonly successor: string | null;
  /** YYYY-MM-DD on which it was found. */
  readonly date: string;
}

/** Reads the list; it may be empty. Throws ConfigurationError with every mistake as file:line:column. */
export async function readErrata(root: string): Promise<readonly Erratum[]> {
  const problems = new Problems();
  const list = await readYaml(root, ERRATA_FILE, problems);
  const reader = new Reader(ERRATA_FILE, problems);
  const what = 'an erratum';
  const entries = list?.kind === 'list' && list.items.length === 0 ? [] : reader.list(list, 'the list of errata', MAX_ENTRIES, (item) => {
    const entry = reader.map(item, what, ['number', 'wrong', 'successor', 'date']);
    const id = (at: Located | undefined, key: string): string | undefined => {
      const text = reader.text(at, key, 200);
      return text === undefined || at === undefined || NUMBER_ID.test(text) ? text : reader.wrong(at.at, `${key} "${text}" is no number's id; an id is letters, digits and . _ + = - only, as in kl_mean.novel-4m.nf4`);
    };
    const number = id(reader.required(entry, 'number', what), 'number');
    const wrong = reader.text(reader.required(entry, 'wrong', what), 'wrong');
    const after = entry?.entries.get('successor')?.value;
    const successor = after === undefined ? null : id(after, 'successor');
    const at = reader.required(entry, 'date', what);
    const date = reader.text(at, 'date', 10);
    if (date !== undefined && at !== undefined && !isDay(date)) return reader.wrong(at.at, `date "${date}" is no day; write YYYY-MM-DD`);
    return number === undefined || wrong === undefined || successor === undefined || date === undefined ? undefined : { number, wrong, successor, date };
  }, ({ number, date }) => `${number} of ${date}`);
  if (problems.found.length > 0) throw new ConfigurationError(problems.lines().join('\n'));
  return entries ?? [];
}
