/**
 * Chat templates: a question put as the model was trained to be asked, by the template in its tokenizer_config.json. The templates are Jinja;
 * @huggingface/jinja runs them (this file is its only user).
 */
import { parseStrictJson } from './strict-json.ts';

const LARGEST_TEMPLATE_BYTES = 100_000;

/**
 * The text that the template makes of one message from the user, up to where the answer begins: as transformers' apply_chat_template with
 * add_generation_prompt. It spells out its own special tokens, so nothing is put before it. Undefined where the model has no template. Templates
 * are told no date, so those that would state today's state the one that they fall back on. Throws what is wrong with the template.
 */
export async function chatText(tokenizerConfig: Uint8Array, question: string): Promise<string | undefined> {
  const config = parseStrictJson(tokenizerConfig, 'tokenizer_config.json') as Readonly<Record<string, unknown>>;
  const template = templateOf(config['chat_template']);
  if (template === undefined) return undefined;
  if (template.length > LARGEST_TEMPLATE_BYTES) throw new Error(`tokenizer_config.json: the chat template has ${template.length} characters; at most ${LARGEST_TEMPLATE_BYTES} are allowed`);
  const { Environment, Interpreter, Template } = await import('@huggingface/jinja');
  // Not Template.render, which would also tell today's date.
  const names = new Environment();
  const known = {
    true: true, false: false, none: null, True: true, False: false, None: null,
    raise_exception: (sentence: string) => { throw new Error(sentence); },
    range: (from: number, to?: number, step = 1) => wholeNumbers(...(to === undefined ? [0, from] as const : [from, to] as const), step),
    ...specialTokens(config),
    messages: [{ role: 'user', content: question }],
    add_generation_prompt: true,
  };
  for (const [name, value] of Object.entries(known)) names.set(name, value);
  try {
    return (new Interpreter(names).run(new Template(template).parsed) as { readonly value: string }).value;
  } catch (error) {
    throw new Error(`tokenizer_config.json: the chat template cannot be used: ${(error as Error).message}`);
  }
}

/** Python's range. */
function wholeNumbers(from: number, to: number, step: number): number[] {
  const count = Math.ceil((to - from) / step);
  if (!(count <= 10_000)) throw new Error(`range(${from}, ${to}, ${step}) has too many numbers`);
  return Array.from({ length: Math.max(0, count) }, (_, index) => from + index * step);
}

/** One template, or a list of named ones of which `default` is for plain conversations. */
function templateOf(value: unknown): string | undefined {
  if (Array.isArray(value)) return templateOf((value as { name?: unknown; template?: unknown }[]).find((entry) => entry?.name === 'default')?.template);
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw new Error('tokenizer_config.json: chat_template is not a text');
  return value;
}

function specialTokens(config: Readonly<Record<string, unknown>>): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of ['bos_token', 'eos_token', 'unk_token', 'pad_token']) {
    const value = config[name];
    const content = typeof value === 'object' && value !== null ? (value as { content?: unknown }).content : value;
    if (typeof content === 'string') found[name] = content;
  }
  return found;
}
