/**
 * JSON from files that others wrote (safetensors headers, config.json, tokenizer.json), read strictly: JSON.parse would take bytes
 * that are not UTF-8, and would let the last of two equal keys win silently.
 */

/** Parses UTF-8 JSON; refuses an object that names a key twice. Errors start with `where`. */
export function parseStrictJson(bytes: Uint8Array, where: string): unknown {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.buffer instanceof ArrayBuffer ? bytes : bytes.slice());
  } catch {
    throw new Error(`${where} is not UTF-8`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`${where} is not JSON: ${(error as Error).message}`);
  }
  const duplicate = duplicateKey(text);
  if (duplicate !== undefined) throw new Error(`${where} names ${JSON.stringify(duplicate)} twice; each name may stand once`);
  return value;
}

/** The first key that an object of this (valid) JSON text has twice. */
function duplicateKey(text: string): string | undefined {
  const open: Set<string>[] = [];
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!;
    if (character === '{') open.push(new Set());
    else if (character === '}') open.pop();
    else if (character === '"') {
      const end = endOfString(text, at);
      if (isKey(text, end)) {
        const key = JSON.parse(text.slice(at, end)) as string;
        const keys = open.at(-1)!;
        if (keys.has(key)) return key;
        keys.add(key);
      }
      at = end - 1;
    }
  }
  return undefined;
}

/** Index after the closing quote of the string that opens at `at`. */
function endOfString(text: string, at: number): number {
  let end = at + 1;
  while (text[end] !== '"') end += text[end] === '\\' ? 2 : 1;
  return end + 1;
}

/** Whether the next character that is not white space is a colon. */
function isKey(text: string, at: number): boolean {
  let next = at;
  while (' \t\r\n'.includes(text[next] ?? '|')) next++;
  return text[next] === ':';
}
