/** Whether a file quotes a text: so many of its words stand in the text in a row, however lines are broken and whatever is between words. */

/** Fewer are in any two texts. */
const WORDS_IN_A_ROW = 6;

const wordsOf = (text: string): readonly string[] => text.match(/[\p{L}\p{N}]+/gu) ?? [];

/** What quotes() looks in: made once for each text. */
export const wordsInARow = (text: string): string => ` ${wordsOf(text).join(' ')} `;

/** A quotation does not go over a line's end: what stands in two lines of a list are two things. */
export function quotes(file: string, text: string): boolean {
  return file.split('\n').some((line) => {
    const words = wordsOf(line);
    return words.some((_, at) => at + WORDS_IN_A_ROW <= words.length && text.includes(` ${words.slice(at, at + WORDS_IN_A_ROW).join(' ')} `));
  });
}
