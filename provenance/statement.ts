/**
 * The signature of a site's statement (reports/statement.ts). It proves that who holds the key named these files: the same signer as of another
 * statement with that key, nothing about who that is.
 */
import { createPublicKey, verify } from 'node:crypto';
import { readEnvelope, subjectsOf } from '../reports/statement.ts';
import { keyId } from '../stages/dag/index.ts';
import type { KeyObject } from 'node:crypto';
import type { Subject } from '../reports/statement.ts';

/** Throws SyntaxError, saying what is wrong. */
export function publicKey(pem: Uint8Array): KeyObject {
  let key: KeyObject;
  try {
    key = createPublicKey({ key: Buffer.from(pem), format: 'pem' });
  } catch {
    throw new SyntaxError('it is no public key in PEM form');
  }
  if (key.asymmetricKeyType !== 'ed25519') throw new SyntaxError(`it is a key for ${key.asymmetricKeyType ?? 'nothing known'}; statements are signed with Ed25519`);
  return key;
}

/** The files that a statement names, after its signature was found to be by this key. Throws SyntaxError, saying what is wrong. */
export function verifiedSubjects(line: string, key: KeyObject): readonly Subject[] {
  const { payload, signed, signatures } = readEnvelope(line);
  if (!signatures.some((signature) => verify(null, signed, key, signature))) throw new SyntaxError(`no signature of it is by the key ${keyId(key).slice(0, 16)}`);
  return subjectsOf(payload);
}
