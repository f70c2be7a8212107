/** What the page of samples shows, from the rows alone: which texts, beside which, and what is marked in them. Said again of a site's rows it is held against what the page shows (../drawn-parts.ts). */
import { lookOf } from '../family.ts';
import { Html, beginning, escapeText, html, link, lit } from '../html.ts';
import { inOrder } from '../in-order.ts';
import { num } from '../num.ts';
import { modelName, plural } from './common.ts';
import type { Row } from '../num.ts';
import type { ModelRow } from './common.ts';

export interface GenerationRow extends Row {
  readonly model: string; readonly format: string; readonly prompt: string; readonly seed: number; readonly temperature: number; readonly top_k: number;
  readonly max_new_tokens: number; readonly prompt_text: string; readonly pieces: readonly string[]; readonly first_difference: number | null; readonly cell: string;
}
interface Generation extends GenerationRow { readonly family: string }

/** A setting of the sampler, with one seed. */
export type Setting = Pick<GenerationRow, 'temperature' | 'top_k' | 'seed'>;

/** Beside greedy texts those at the temperature nearest to this, from all tokens, first seed: what a reader would try first. */
const TRIED_FIRST = 0.8;
export const settingShown = (settings: Iterable<Setting>): Setting | undefined =>
  inOrder([...settings].filter(({ temperature }) => temperature > 0), ({ temperature }) => Math.abs(temperature - TRIED_FIRST), ({ temperature }) => temperature, (one) => one.top_k, (one) => one.seed)[0];

export const isShown = (row: Setting, chosen: Setting | undefined): boolean =>
  row.temperature === 0 || (row.temperature === chosen?.temperature && row.top_k === chosen.top_k && row.seed === chosen.seed);

/** `generations`: at least one; of them those that are shown. */
export function sampleTexts(models: readonly ModelRow[], formats: readonly Row[], generations: readonly GenerationRow[]): Html {
  const known = new Map(formats.map((row) => [row['format'], { position: Number(row['position']), family: String(row['family']) }]));
  const rows = inOrder(generations.map((row): Generation => ({ ...row, family: known.get(row.format)?.family ?? 'other' })), (r) => r.prompt, (r) => r.temperature, (r) => r.top_k, (r) => known.get(r.format)?.position, (r) => r.format);
  const present = inOrder(models, (m) => m.parameters, (m) => m.model).reverse().filter((m) => rows.some((r) => r.model === m.model));
  return html`${lead(rows)}
${present.map((model, i) => {
    const own = rows.filter((r) => r.model === model.model);
    const inner = prompts(own, model.base_format);
    return i === 0 ? html`<h2>${modelName(model.model)}</h2>${inner}` : html`<h2>${modelName(model.model)}</h2><details><summary>Texts of ${model.model}</summary>${inner}</details>`;
  })}`;
}

/** The first text that parts earliest, in words. */
function lead(rows: readonly Generation[]): Html {
  const parted = rows.filter((r) => r.first_difference !== null);
  if (parted.length === 0) return html`<p class="lead">In these samples no format wrote a token that its base did not.</p>`;
  const earliest = [...parted].sort((a, b) => a.first_difference! - b.first_difference!)[0]!;
  const latest = [...parted].sort((a, b) => b.first_difference! - a.first_difference!)[0]!;
  return html`<p class="lead">With equal prompt and equal noise, ${earliest.format} on ${earliest.model} parts from its base after ${num(earliest, 'generations.first_difference')} ${plural(earliest.first_difference!, 'token')} at the earliest; ${latest.format} on ${latest.model} keeps to it for ${num(latest, 'generations.first_difference')} at the latest, of those that part at all. Grey text is what the base wrote too; the first token unlike it is marked.</p>`;
}

function prompts(rows: readonly Generation[], base: string): Html {
  const groups = new Map<string, Generation[]>();
  for (const row of rows) {
    const key = `${row.prompt} ${row.temperature} ${row.top_k}`;
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  let prompt = '';
  return html`${[...groups.values()].map((group) => {
    const first = group[0]!;
    const opening = first.prompt === prompt ? '' : html`<h3 class="prompt">${first.prompt_text === '' ? html`Opening ${lit(prompt, 'name')}, which may not be passed on` : html`“${lit(first.prompt_text, 'name', 400)}…”`}</h3>`;
    prompt = first.prompt;
    const setting = first.temperature === 0 ? html`greedy` : html`temperature ${lit(first.temperature, 'parameter')}, ${first.top_k === 0 ? 'all tokens' : html`top_k ${lit(first.top_k, 'parameter')}`}, seed ${lit(first.seed, 'parameter')}`;
    const ordered = [...group.filter((r) => r.format === base), ...group.filter((r) => r.format !== base)];
    return html`${opening}<p class="kicker">${setting}</p><div class="texts">${ordered.map((row) => sample(row, base))}</div>`;
  })}`;
}

/** Of one text: what fits beside others and can be read. */
const MOST_CHARACTERS = 3000;

function sample(row: Generation, base: string): Html {
  const at = row.first_difference;
  const isBase = row.format === base;
  const before = isBase ? [] : row.pieces.slice(0, at ?? row.pieces.length);
  const rest = isBase ? row.pieces : at === null ? [] : row.pieces.slice(at + 1);
  const note = isBase ? 'base' : at === null ? 'same as the base' : html`parts after ${num(row, 'generations.first_difference')}`;
  // A line break would mark nothing visible; a text that ended where the base's went on marks the end.
  // Pieces may split a character: they are joined before they are escaped, but for the one that is marked.
  let room = MOST_CHARACTERS, over = 0;
  const shown = (text: string): string => {
    const { text: kept, left } = beginning(text, room);
    room -= kept.length;
    over += left;
    return escapeText(kept);
  };
  const texts = [
    before.length > 0 ? `<span class="same">${shown(before.join(''))}</span>` : '',
    isBase || at === null ? '' : `<mark>${shown((row.pieces[at] ?? '∅').replaceAll('\n', '↵\n'))}</mark>`, shown(rest.join('')),
  ];
  const more = over === 0 ? '' : html`<span class="missing">… ${link('data.html#generations', `cut: the data have ${over.toLocaleString('en')} more characters`)}</span>`;
  return html`<div class="sample ${lookOf(row.format, row.family).className}"><h4>${row.format} <span class="quiet">${note}</span></h4>${new Html(texts)}${more}</div>
`;
}
