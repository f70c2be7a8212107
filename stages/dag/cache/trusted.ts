/** Public keys as people write them, and signatures by them: 'ed25519:' and the key's 32 bytes in base64url. */
import { createPublicKey, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { TrustedKey } from '../types.ts';

const TEXT = /^ed25519:([A-Za-z0-9_-]{43})$/;

/** The key of a text; undefined for what is none. */
export function publicKeyOf(text: string): KeyObject | undefined {
  const x = TEXT.exec(text)?.[1];
  if (x === undefined) return undefined;
  try {
    return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  } catch {
    return undefined;
  }
}

/** Whether a text is a public key. */
export const isPublicKeyText = (text: string): boolean => publicKeyOf(text) !== undefined;

/** The text of a key in PEM form. */
export function publicKeyText(pem: string): string {
  return `ed25519:${createPublicKey(pem).export({ format: 'jwk' }).x}`;
}

/** Who is believed. */
export class Trust {
  readonly #keys = new Map<string, { readonly name: string; readonly key: KeyObject }>();

  constructor(trusted: readonly TrustedKey[]) {
    for (const { name, key: text } of trusted) {
      const key = publicKeyOf(text);
      if (key !== undefined && !this.#keys.has(text)) this.#keys.set(text, { name, key });
    }
  }

  /** The name of whose key this is; undefined: nobody who is believed. */
  nameOf(text: string): string | undefined {
    return this.#keys.get(text)?.name;
  }

  /** Whether somebody who is believed signed these bytes with this key. */
  signed(text: string, bytes: Uint8Array, signature: Uint8Array): boolean {
    const known = this.#keys.get(text);
    return known !== undefined && verify(null, bytes, known.key, signature);
  }
}
