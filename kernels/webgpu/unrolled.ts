/**
 * Loops that are written out before a compiler sees them. WGSL has no word for it, and GPUs keep arrays in registers only where their compiler has unrolled every loop over
 * them, which it leaves off at a size that nobody knows (measured on an H100: the same product took three times as long).
 *
 *   @each r in ROWS        lines up to the matching @end, for $r = 0 to ROWS - 1: names are one letter; ROWS is a number or a constant of the kernel
 *   @end
 */

const EACH = /^\s*@each ([a-z]) in (\w+)\s*$/;
const END = /^\s*@end\s*$/;

/** The text with every @each written out. Throws Error where one has no end, an end no beginning, or a name no number. */
export function unrolled(text: string, constants: { readonly [name: string]: number }): string {
  const lines = text.split('\n');
  const out: string[] = [];
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at]!;
    if (END.test(line)) throw new Error(`line ${at + 1}: @end without @each`);
    const each = EACH.exec(line);
    if (each === null) {
      out.push(line);
      continue;
    }
    const [, name, limit] = each as unknown as [string, string, string];
    const count = constants[limit] ?? Number(limit);
    if (!Number.isInteger(count)) throw new Error(`line ${at + 1}: ${limit} is neither a number nor a constant of the kernel`);
    let depth = 1;
    let end = at + 1;
    for (; end < lines.length && depth > 0; end++) depth += EACH.test(lines[end]!) ? 1 : END.test(lines[end]!) ? -1 : 0;
    if (depth > 0) throw new Error(`line ${at + 1}: @each without @end`);
    const body = lines.slice(at + 1, end - 1).join('\n');
    for (let i = 0; i < count; i++) out.push(unrolled(body.replaceAll(`$${name}`, String(i)), constants));
    at = end - 1;
  }
  return out.join('\n');
}
