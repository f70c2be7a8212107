/** Bytes that the site holds under a sha256, held to it. */

/** What is published under this name is not what it should be. */
export class DifferentBytes extends Error {
  override readonly name = 'DifferentBytes';
}

/** The site has no such file. */
export class MissingFile extends Error {
  override readonly name = 'MissingFile';
}

/** Why nothing can be compared here, a sentence: browsers hash only for pages that came over a safe connection, from this machine, or from a file. */
export const hashesMissing = (): string | undefined =>
  globalThis.crypto?.subtle === undefined ? 'Nothing can be compared here: this browser computes no hashes for a page that came over http. Open the report over https, or a copy of it from a file.' : undefined;

/** As it is: a byte order mark, too, which nothing of a report begins with. */
export const textOf = (bytes: Uint8Array): string => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);

/** Lower-case hex. Only where hashesMissing() says nothing. */
export async function sha256Of(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return Array.from(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Of base64. Throws DifferentBytes where it is none. */
export function decoded(base64: string, path: string): Uint8Array<ArrayBuffer> {
  let text: string;
  try {
    text = atob(base64);
  } catch {
    throw new DifferentBytes(`${path} is damaged: what it holds is no base64`);
  }
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** Throws DifferentBytes, which names the file and the cell whose record says otherwise. */
export async function demandBytes(bytes: Uint8Array<ArrayBuffer>, sha256: string, path: string, of: string): Promise<void> {
  const found = await sha256Of(bytes);
  if (found !== sha256) throw new DifferentBytes(`${path} is not ${of}: its bytes have the sha256 ${found}, and the record says ${sha256}`);
}
