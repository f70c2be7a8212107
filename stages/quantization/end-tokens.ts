/** The tokens with which a model ends its text: of config.json, which gives one, a list of them, or none. */
export function endTokensOf({ eos_token_id: value }: Readonly<Record<string, unknown>>): readonly number[] {
  return (Array.isArray(value) ? value : [value]).filter((id: unknown): id is number => Number.isSafeInteger(id));
}
