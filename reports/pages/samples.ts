/** Samples: the same prompt and the same noise under each format, side by side, the first different token marked. */
import { html, link } from '../html.ts';
import { formats, models, nothing } from './common.ts';
import { sampleTexts, settingShown } from './sample-texts.ts';
import type { Page } from '../page.ts';
import type { GenerationRow, Setting } from './sample-texts.ts';

export const samples: Page = {
  name: 'samples',
  path: () => 'samples.html',
  tables: ['models', 'formats', 'generations'],
  async write(input) {
    // Of many thousand texts few are shown: the others are not read.
    const chosen = settingShown(await input.query<Setting & { readonly cell: string }>('SELECT DISTINCT temperature, top_k, seed FROM generations'));
    const rows = await input.query<GenerationRow>('SELECT * FROM generations WHERE temperature = 0 OR (temperature = $temperature AND top_k = $top_k AND seed = $seed)', { temperature: chosen?.temperature ?? null, top_k: chosen?.top_k ?? null, seed: chosen?.seed ?? null });
    if (rows.length === 0) return { title: 'Samples', body: nothing('written texts') };
    return {
      title: 'Samples',
      heading: html`What each format writes`,
      body: html`${sampleTexts(await models(input), await formats(input), rows)}
<p class="note">Other seeds, temperatures and top_k: ${link('data.html#generations', 'table generations')}. The texts are what small models wrote; they are data, not statements.</p>`,
    };
  },
};
