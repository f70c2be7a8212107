/**
 * The signed statement of a site, read: in-toto, in DSSE envelopes, one a line. Whose signature holds is for who has a cryptographic library to say:
 * Node's (provenance/statement.ts), or a browser's (rerun/signatures.ts).
 */

/** From the site's root. */
export const STATEMENT_FILE = 'data/provenance/statement.intoto.jsonl';
/** The key that it is signed with (PEM, SubjectPublicKeyInfo). */
export const KEY_FILE = 'data/provenance/public-key.pem';

export const PAYLOAD_TYPE = 'application/vnd.in-toto+json';

type Bytes = Uint8Array<ArrayBuffer>;

export interface Subject { readonly name: string; readonly sha256: string }

export interface Envelope { readonly payloadType: string; readonly payload: string; readonly signatures: readonly { readonly keyid?: string; readonly sig: string }[] }

/** What was signed, and the signatures that are said to be of it. */
export interface ReadEnvelope { readonly payload: Bytes; readonly signed: Bytes; readonly signatures: readonly Bytes[] }

/** What is signed: the type and the bytes, each with its length (DSSE 1.0.2). */
export function preAuthentication(type: string, payload: Uint8Array): Bytes {
  const text = new TextEncoder();
  const head = text.encode(`DSSEv1 ${text.encode(type).length} ${type} ${payload.length} `);
  const all = new Uint8Array(head.length + payload.length);
  all.set(head);
  all.set(payload, head.length);
  return all;
}

/** Also of the alphabet that is safe in addresses, which DSSE allows. Undefined where it is none. */
function fromBase64(text: string): Bytes | undefined {
  try {
    return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}

/** The bytes of a public key in PEM form (SubjectPublicKeyInfo, DER). Throws SyntaxError. */
export function publicKeyBytes(pem: string): Bytes {
  const bytes = fromBase64(/^-----BEGIN PUBLIC KEY-----\s([\s\S]*?)-----END PUBLIC KEY-----\s*$/.exec(pem)?.[1]?.replace(/\s/g, '') ?? '!');
  if (bytes === undefined) throw new SyntaxError('it is no public key in PEM form');
  return bytes;
}

/** A line of the statement's file. Throws SyntaxError, saying what is wrong. */
export function readEnvelope(line: string): ReadEnvelope {
  let envelope: Partial<Envelope> | null;
  try {
    envelope = JSON.parse(line) as Partial<Envelope> | null;
  } catch {
    throw new SyntaxError('a line is no JSON');
  }
  const payload = typeof envelope?.payload === 'string' ? fromBase64(envelope.payload) : undefined;
  if (payload === undefined || envelope?.payloadType !== PAYLOAD_TYPE || !Array.isArray(envelope.signatures)) throw new SyntaxError('a line is no DSSE envelope of an in-toto statement');
  return {
    payload, signed: preAuthentication(PAYLOAD_TYPE, payload),
    signatures: envelope.signatures.flatMap((one: { readonly sig?: unknown } | null) => (typeof one?.sig === 'string' ? fromBase64(one.sig) : undefined) ?? []),
  };
}

/** The files that a statement names. Throws SyntaxError, saying what is wrong. */
export function subjectsOf(payload: Uint8Array): readonly Subject[] {
  let statement: { readonly _type?: unknown; readonly subject?: unknown };
  try {
    statement = JSON.parse(new TextDecoder().decode(payload)) as typeof statement;
  } catch {
    throw new SyntaxError('what is signed is no JSON');
  }
  if (statement._type !== 'https://in-toto.io/Statement/v1' || !Array.isArray(statement.subject)) throw new SyntaxError('what is signed is no in-toto statement');
  return statement.subject.flatMap((one: { readonly name?: unknown; readonly digest?: { readonly sha256?: unknown } } | null) => typeof one?.name === 'string' && typeof one.digest?.sha256 === 'string' ? [{ name: one.name, sha256: one.digest.sha256 }] : []);
}
