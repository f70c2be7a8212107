/**
 * Makes data/choices/cloze.jsonl from the three novels of data/texts: which word ends the sentence? Run in the project's folder:
 * `npx tsx data/choices/make-cloze.ts`. The same texts give the same file, byte for byte.
 *
 * An item is a sentence without its last word, after some forty words of what comes before it. The other three options end other sentences of the
 * same novel: of about the same length, of about the same frequency, and in none of the sentence's own words, so that neither length nor rarity gives
 * the answer away. The novels' first 60,000 characters are left out: the study scores windows from there.
 */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';

const NOVELS = ['garden', 'hound', 'treasure'];
const ITEMS_PER_NOVEL = 120;
const LEFT_OUT_CHARACTERS = 60_000;
const CONTEXT_WORDS = 40;
const OPTIONS = 4;

/** A number below `below` that depends on the names alone. */
const draw = (below: number, ...names: readonly (string | number)[]): number => createHash('sha256').update(names.join('\n')).digest().readUInt32BE(0) % below;

interface Ending { readonly context: string; readonly word: string; readonly own: ReadonlySet<string> }

function endings(text: string): Ending[] {
  const words = text.split(/\s+/);
  const found: Ending[] = [];
  let begin = 0;
  for (const [at, raw] of words.entries()) {
    if (!/[.!?]["']?$/.test(raw)) continue;
    const sentence = words.slice(begin, at + 1);
    const start = begin;
    begin = at + 1;
    const word = /^([a-z]{4,12})[.]$/.exec(raw)?.[1];
    // A quotation that ends inside would leave its mark behind; a title ("Mr.") is no end.
    if (word === undefined || sentence.length < 9 || sentence.length > 36 || /["]/.test(sentence.join(' ')) || /(?:Mr|Mrs|Dr|St)\.$/.test(words[start - 1] ?? '')) continue;
    if (start < CONTEXT_WORDS) continue;
    found.push({ context: [...words.slice(start - CONTEXT_WORDS, start), ...sentence.slice(0, -1)].join(' '), word, own: new Set(sentence.map((each) => each.toLowerCase().replace(/[^a-z]/g, ''))) });
  }
  return found;
}

const lines: string[] = [];
for (const novel of NOVELS) {
  const text = readFileSync(`data/texts/${novel}.txt`, 'utf8');
  const counts = new Map<string, number>();
  for (const [word] of text.toLowerCase().matchAll(/[a-z]+/g)) counts.set(word, (counts.get(word) ?? 0) + 1);
  const rank = (word: string): number => Math.log2(counts.get(word) ?? 1);
  const all = endings(text.slice(LEFT_OUT_CHARACTERS));
  const lasts = [...new Set(all.map(({ word }) => word))].sort();
  const items = all.flatMap((ending, place) => {
    const near = lasts.filter((word) => word !== ending.word && !ending.own.has(word) && Math.abs(word.length - ending.word.length) <= 2 && Math.abs(rank(word) - rank(ending.word)) <= 1.5
      && word.slice(0, 4) !== ending.word.slice(0, 4));
    if (near.length < OPTIONS - 1) return [];
    const others = near.map((word) => ({ word, order: draw(2 ** 32, novel, place, word) })).sort((a, b) => a.order - b.order).slice(0, OPTIONS - 1).map(({ word }) => word);
    const answer = draw(OPTIONS, novel, place);
    return [{ order: draw(2 ** 32, novel, place, 'item'), place, context: ending.context, options: [...others.slice(0, answer), ending.word, ...others.slice(answer)], answer }];
  });
  const chosen = items.sort((a, b) => a.order - b.order).slice(0, ITEMS_PER_NOVEL).sort((a, b) => a.place - b.place);
  if (chosen.length < ITEMS_PER_NOVEL) throw new Error(`${novel} gives only ${chosen.length} items`);
  for (const [index, { context, options, answer }] of chosen.entries()) lines.push(JSON.stringify({ id: `${novel}-${index + 1}`, context, options, answer }));
}
writeFileSync('data/choices/cloze.jsonl', `${lines.join('\n')}\n`);
