/**
 * The signed statement of a site: in-toto, in DSSE envelopes, one a line. Its signature proves that who holds the key named these files:
 * the same signer as of another statement with that key, nothing about who that is.
 */
import { createHash, createPublicKey, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

/** From the site's root. */
export const STATEMENT_FILE = 'data/provenance/statement.intoto.jsonl';
/** The key that it is signed with (PEM, SubjectPublicKeyInfo). */
export const KEY_FILE = 'data/provenance/public-key.pem';

const PAYLOAD_TYPE = 'application/vnd.in-toto+json';

export interface Subject { readonly name: string; readonly sha256: string }

export interface Envelope { readonly payloadType: string; readonly payload: string; readonly signatures: readonly { readonly keyid?: string; readonly sig: string }[] }

/** What is signed: the type and the bytes, each with its length (DSSE 1.0.2). */
export function preAuthentication(type: string, payload: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`DSSEv1 ${Buffer.byteLength(type)} ${type} ${payload.length} `), payload]);
}

/** sha256 over the key's DER form. */
export const keyId = (key: KeyObject): string => createHash('sha256').update(key.export({ format: 'der', type: 'spki' })).digest('hex');

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
  let envelope: Partial<Envelope> | null;
  try {
    envelope = JSON.parse(line) as Partial<Envelope> | null;
  } catch {
    throw new SyntaxError('a line is no JSON');
  }
  if (typeof envelope?.payload !== 'string' || envelope.payloadType !== PAYLOAD_TYPE || !Array.isArray(envelope.signatures)) throw new SyntaxError('a line is no DSSE envelope of an in-toto statement');
  const payload = Buffer.from(envelope.payload, 'base64');
  const signed = preAuthentication(envelope.payloadType, payload);
  const holds = envelope.signatures.some((one: { readonly sig?: unknown } | null) => typeof one?.sig === 'string' && verify(null, signed, key, Buffer.from(one.sig, 'base64')));
  if (!holds) throw new SyntaxError(`no signature of it is by the key ${keyId(key).slice(0, 16)}`);
  let statement: { readonly _type?: unknown; readonly subject?: unknown };
  try {
    statement = JSON.parse(payload.toString('utf8')) as typeof statement;
  } catch {
    throw new SyntaxError('what is signed is no JSON');
  }
  if (statement._type !== 'https://in-toto.io/Statement/v1' || !Array.isArray(statement.subject)) throw new SyntaxError('what is signed is no in-toto statement');
  return statement.subject.flatMap((one: { readonly name?: unknown; readonly digest?: { readonly sha256?: unknown } } | null) => typeof one?.name === 'string' && typeof one.digest?.sha256 === 'string' ? [{ name: one.name, sha256: one.digest.sha256 }] : []);
}
