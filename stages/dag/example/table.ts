import type { Run } from '../index.ts';

/** The words that stand most often in all texts together, with their count in each. A text without a result has none in its column. */
export const run: Run = async (cells, io) => {
  for (const cell of cells) {
    const input = cell.inputs['counts'];
    if (input?.kind !== 'gather') throw new Error('counts must be gathered');
    const texts: string[] = [];
    const words = new Map<string, { total: number; readonly inText: { [text: string]: number } }>();
    for (const item of input.items) {
      const text = item.cell.slice(item.cell.indexOf(':') + 1);
      texts.push(text);
      if ('missing' in item) continue;
      for (const [word, times] of JSON.parse(new TextDecoder().decode(await io.read(item.handle))) as [string, number][]) {
        const row = words.get(word) ?? { total: 0, inText: {} };
        row.total += times;
        row.inText[text] = times;
        words.set(word, row);
      }
    }
    const most = [...words].sort(([a, { total: m }], [b, { total: n }]) => n - m || (a < b ? -1 : 1)).slice(0, Number(cell.params['most']));
    await io.commit(cell.id, { rows: JSON.stringify({ texts, words: most.map(([word, { inText }]) => ({ word, inText })) }) });
  }
};
