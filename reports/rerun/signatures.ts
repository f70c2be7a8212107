/** The signed statement of a site, verified with the browser's own cryptography (WebCrypto, Ed25519): that who holds the key named the list of files. */
import { MANIFEST_FILE } from '../manifest.ts';
import { KEY_FILE, STATEMENT_FILE, publicKeyBytes, readEnvelope, subjectsOf } from '../statement.ts';
import { MissingFile, sha256Of, textOf } from './objects.ts';
import type { CheckContext, Finding } from './checks.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** One for each statement, or why there is none. `list`: the bytes of the list of files. */
export async function signatureFindings({ file }: Pick<CheckContext, 'file'>, list: Bytes): Promise<readonly Finding[]> {
  const text = async (path: string): Promise<string | undefined> => {
    try {
      return textOf(await file(path));
    } catch (error) {
      if (error instanceof MissingFile) return undefined;
      throw error;
    }
  };
  const statements = await text(STATEMENT_FILE);
  if (statements === undefined) return [{ verdict: 'note', what: 'no signature is published', detail: `nobody has signed this copy (${STATEMENT_FILE} is not there): the list of files says of itself what it is` }];
  const pem = await text(KEY_FILE);
  if (pem === undefined) return [{ verdict: 'differs', what: `${STATEMENT_FILE} cannot be verified: the key that signed it, ${KEY_FILE}, is missing` }];
  const wrong = (what: string, error: unknown): Finding[] => {
    if (!(error instanceof SyntaxError)) throw error;
    return [{ verdict: 'differs', what, detail: error.message }];
  };
  let key: { readonly id: string; readonly key: CryptoKey } | undefined;
  try {
    key = await publicKey(pem);
  } catch (error) {
    return wrong(KEY_FILE, error);
  }
  if (key === undefined) return [{ verdict: 'note', what: 'the signature was not verified', detail: 'this browser knows no Ed25519; the command check-site verifies it' }];
  const lines = statements.split('\n').filter((line) => line !== '');
  if (lines.length === 0) return [{ verdict: 'differs', what: `${STATEMENT_FILE} holds no statement` }];
  const findings: Finding[] = [];
  for (const [i, line] of lines.entries()) {
    try {
      findings.push(await statementFinding(line, key, i, lines.length, list, file));
    } catch (error) {
      findings.push(...wrong(`signature ${i + 1} of ${lines.length}`, error));
    }
  }
  return findings;
}

type CryptoKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

/** Undefined where the browser has no such keys. Throws SyntaxError where it is no key. */
async function publicKey(pem: string): Promise<{ readonly id: string; readonly key: CryptoKey } | undefined> {
  const der = publicKeyBytes(pem);
  try {
    return { id: await sha256Of(der), key: await crypto.subtle.importKey('spki', der, { name: 'Ed25519' }, false, ['verify']) };
  } catch (error) {
    if ((error as Error).name === 'NotSupportedError') return undefined;
    throw new SyntaxError('it is no key for Ed25519');
  }
}

/** Throws SyntaxError, saying what is wrong. */
async function statementFinding(line: string, { id, key }: { readonly id: string; readonly key: CryptoKey }, place: number, of: number, list: Bytes, file: CheckContext['file']): Promise<Finding> {
  const { payload, signed, signatures } = readEnvelope(line);
  let holds = false;
  for (const signature of signatures) holds ||= await crypto.subtle.verify('Ed25519', key, signature, signed);
  if (!holds) throw new SyntaxError(`no signature of it is by the key ${id.slice(0, 16)}, which lies beside it`);
  const subjects = subjectsOf(payload);
  if (!subjects.some(({ name }) => name === MANIFEST_FILE || name === 'index.html')) throw new SyntaxError(`it names neither ${MANIFEST_FILE} nor index.html: it is of something else`);
  for (const { name, sha256 } of subjects) {
    const found = await sha256Of(name === MANIFEST_FILE ? list : await file(name));
    if (found !== sha256) throw new SyntaxError(`${name} has the sha256 ${found}, and what is signed says ${sha256}: it was changed after it was signed`);
  }
  return {
    verdict: 'equal', what: `signature ${place + 1} of ${of} holds`,
    detail: `the key ${id} names ${subjects.map(({ name }) => name).join(', ')}. That is the same signer as of anything else with this key; it does not say who`,
  };
}
