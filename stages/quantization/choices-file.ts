/**
 * Multiple-choice items, one JSON object a line: { "context": "...", "options": ["...", "..."], "answer": 0, "id": "..." }. An option goes on from
 * the context after one space, unless either brings white space of its own. `id` is the line's number where it is absent.
 */

export interface ChoiceItem {
  readonly id: string;
  readonly context: string;
  readonly options: readonly string[];
  /** Index of the right option. */
  readonly answer: number;
}

const MOST_ITEMS = 20_000;
const MOST_OPTIONS = 26;
const LONGEST_TEXT = 20_000;
const KEYS = ['context', 'options', 'answer', 'id'];

/** Reads the lines of `file`. Throws the first mistake with its line, and what is allowed. */
export function readChoices(bytes: Uint8Array, file: string): ChoiceItem[] {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new Error(`${file} is not valid UTF-8; save it as UTF-8`);
  }
  const items: ChoiceItem[] = [];
  const ids = new Set<string>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '') continue;
    const item = readItem(line, `${file}:${index + 1}`, String(index + 1));
    if (ids.has(item.id)) throw new Error(`${file}:${index + 1} the id ${JSON.stringify(item.id)} was given before; ids are unique`);
    if (items.length === MOST_ITEMS) throw new Error(`${file}:${index + 1} there are more than ${MOST_ITEMS} items; split the file`);
    ids.add(item.id);
    items.push(item);
  }
  if (items.length === 0) throw new Error(`${file} has no items; write one JSON object a line, with context, options and answer`);
  return items;
}

/** What a model reads: the context, and how each option goes on from it. */
export function continued({ context, options }: ChoiceItem): string[] {
  return options.map((option) => context === '' || /\s$/.test(context) || /^\s/.test(option) ? option : ` ${option}`);
}

function readItem(line: string, where: string, number: string): ChoiceItem {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw new Error(`${where} is not JSON: ${(error as Error).message}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error(`${where} is not a JSON object; write { "context": "...", "options": ["...", "..."], "answer": 0 }`);
  const unknown = Object.keys(value).find((key) => !KEYS.includes(key));
  if (unknown !== undefined) throw new Error(`${where} has the key ${JSON.stringify(unknown.slice(0, 60))}; keys are ${KEYS.join(', ')}`);
  const { context, options, answer, id = number } = value as { context?: unknown; options?: unknown; answer?: unknown; id?: unknown };
  if (!isText(context)) throw new Error(`${where} context must be text of at most ${LONGEST_TEXT} characters`);
  if (!Array.isArray(options) || options.length < 2 || options.length > MOST_OPTIONS || !options.every((option) => isText(option) && option.trim() !== '')) {
    throw new Error(`${where} options must be a list of 2 to ${MOST_OPTIONS} texts, none of them empty`);
  }
  if (new Set(options).size < options.length) throw new Error(`${where} has an option twice`);
  if (!Number.isInteger(answer) || (answer as number) < 0 || (answer as number) >= options.length) {
    throw new Error(`${where} answer is ${JSON.stringify(answer)}; it is the place of the right option, 0 to ${options.length - 1}`);
  }
  if (typeof id !== 'string' || !/^[\w.:-]{1,64}$/.test(id)) throw new Error(`${where} id must be text of 1 to 64 letters, digits and . _ : -`);
  return { id, context, options: options as string[], answer: answer as number };
}

const isText = (value: unknown): value is string => typeof value === 'string' && value.length <= LONGEST_TEXT;
