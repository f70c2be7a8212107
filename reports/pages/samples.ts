/** Samples: the same prompt and the same noise under each format, side by side, the first different token marked. */
import { lookOf } from '../family.ts';
import { Html, beginning, escapeText, html, link, lit } from '../html.ts';
import { num } from '../num.ts';
import type { Row } from '../num.ts';
import type { Page } from '../page.ts';
import { modelName, models, nothing, plural } from './common.ts';

interface Generation extends Row {
  readonly model: string; readonly format: string; readonly family: string; readonly prompt: string; readonly seed: number; readonly temperature: number; readonly top_k: number;
  readonly max_new_tokens: number; readonly prompt_text: string; readonly pieces: readonly string[]; readonly first_difference: number | null; readonly cell: string;
}

export const samples: Page = {
  name: 'samples',
  path: () => 'samples.html',
  tables: ['models', 'formats', 'generations'],
  async write(input) {
    const all = await models(input);
    // Greedy, and the temperature nearest to 0.8 from all tokens, first seed: what a reader would try first.
    const rows = await input.query<Generation>(`
      WITH chosen AS (
        SELECT temperature, top_k, min(seed) AS seed FROM generations WHERE temperature > 0
        GROUP BY temperature, top_k ORDER BY abs(temperature - 0.8), temperature, top_k LIMIT 1)
      SELECT g.*, coalesce(f.family, 'other') AS family FROM generations g LEFT JOIN formats f USING (format)
      WHERE g.temperature = 0 OR EXISTS (SELECT 1 FROM chosen c WHERE c.temperature = g.temperature AND c.top_k = g.top_k AND c.seed = g.seed)
      ORDER BY prompt, temperature, top_k, coalesce(f.position, 1000), format`);
    if (rows.length === 0) return { title: 'Samples', body: nothing('written texts') };
    const present = [...all].reverse().filter((m) => rows.some((r) => r.model === m.model));
    return {
      title: 'Samples',
      heading: html`What each format writes`,
      body: html`${lead(rows)}
${present.map((model, i) => {
        const own = rows.filter((r) => r.model === model.model);
        const inner = prompts(own, model.base_format);
        return i === 0 ? html`<h2>${modelName(model.model)}</h2>${inner}` : html`<h2>${modelName(model.model)}</h2><details><summary>Texts of ${model.model}</summary>${inner}</details>`;
      })}
<p class="note">Other seeds, temperatures and top_k: ${link('data.html#generations', 'table generations')}. The texts are what small models wrote; they are data, not statements.</p>`,
    };
  },
};

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
