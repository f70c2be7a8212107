/** What the kinds of tokenizers share. */

/** The vocabulary as JSON: every token that `keep` keeps, with its id. As text, because an object takes __proto__ for its own. */
export function vocabularyJson(tokens: readonly string[], keep: (id: number) => boolean): string {
  return `{${tokens.flatMap((token, id) => keep(id) ? [`${JSON.stringify(token)}:${id}`] : []).join(',')}}`;
}

export function missing(key: string): never {
  throw new Error(`the metadata lacks ${key}`);
}
