import type { Run } from '../index.ts';

interface Table { readonly texts: readonly string[]; readonly words: readonly { readonly word: string; readonly inText: { readonly [text: string]: number } }[] }

/** The table as a page, and as CSV beside it. */
export const run: Run = async (cells, io) => {
  for (const cell of cells) {
    const { texts, words } = JSON.parse(new TextDecoder().decode(await io.input(cell, 'rows'))) as Table;
    const title = String(cell.params['title']);
    const head = ['word', ...texts];
    const body = words.map(({ word, inText }) => [word, ...texts.map((text) => String(inText[text] ?? 0))]);
    const row = (cellsOfRow: readonly string[], tag: 'th' | 'td'): string => `<tr>${cellsOfRow.map((text) => `<${tag}>${escaped(text)}</${tag}>`).join('')}</tr>\n`;
    await io.commit(cell.id, { site: { tree: new Map([
      ['index.html', `<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>${escaped(title)}</title>\n<h1>${escaped(title)}</h1>\n<table>\n${row(head, 'th')}${body.map((one) => row(one, 'td')).join('')}</table>\n<p><a href="words.csv">words.csv</a></p>\n</html>\n`],
      ['words.csv', [head, ...body].map((one) => `${one.join(',')}\n`).join('')],
    ]) } });
  }
};

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
