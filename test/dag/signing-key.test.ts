/** The signing key: for its owner alone, and never in a message. */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openSigner, settingsFolder } from '../../stages/dag/signing-key.ts';
import { signedEnvelope } from '../../provenance/attest.ts';
import { preAuthentication } from '../../reports/statement.ts';
import { publicKey, verifiedSubjects } from '../../provenance/statement.ts';

const test = suite<{ folder: string; root: string }>('dag: signing key');
test.before.each((context) => {
  context.root = realpathSync(mkdtempSync(join(tmpdir(), 'bitwidth-key-')));
  context.folder = join(context.root, 'bitwidth');
});
test.after.each(({ root }) => rmSync(root, { recursive: true, force: true }));

function refusal(open: () => unknown): string {
  try { open(); } catch (error) { assert.is((error as Error).name, 'ConfigurationError', (error as Error).message); return (error as Error).message; }
  return assert.unreachable('it was opened') as never;
}

test('it is made once, for its owner alone, and signs', ({ folder }) => {
  const first = openSigner(folder), again = openSigner(folder);
  assert.equal([first.made, again.made, first.id === again.id], [true, false, true]);
  assert.equal([statSync(folder).mode & 0o777, statSync(join(folder, 'signing-key.pem')).mode & 0o777], [0o700, 0o600]);
  const bytes = Buffer.from('what is signed');
  assert.ok(verify(null, bytes, createPublicKey(first.publicKey), again.sign(bytes)));
});

test('an envelope names its files to whoever has the public key, and to no other', ({ folder }) => {
  const signer = openSigner(folder);
  const envelope = signedEnvelope({ _type: 'https://in-toto.io/Statement/v1', subject: [{ name: 'a', digest: { sha256: '00' } }] }, signer);
  assert.equal(verifiedSubjects(JSON.stringify(envelope), publicKey(Buffer.from(signer.publicKey))), [{ name: 'a', sha256: '00' }]);
  const other = generateKeyPairSync('ed25519').publicKey;
  assert.throws(() => verifiedSubjects(JSON.stringify(envelope), other), /no signature of it is by the key/);
  assert.is(Buffer.from(preAuthentication('t', Buffer.from('x'))).toString(), 'DSSEv1 1 t 1 x');
});

test('one that others may read, that is none, or that is a link is refused; what is in it is never told', ({ folder, root }) => {
  openSigner(folder);
  const path = join(folder, 'signing-key.pem');
  const secret = readFileSync(path, 'utf8').split('\n')[1]!;
  const told: string[] = [];
  chmodSync(path, 0o640);
  told.push(refusal(() => openSigner(folder)));
  assert.match(told[0]!, /may be read by others \(mode 640\)/);
  chmodSync(path, 0o600);
  chmodSync(folder, 0o777);
  told.push(refusal(() => openSigner(folder)));
  assert.match(told[1]!, /others may write to/);
  chmodSync(folder, 0o700);
  writeFileSync(path, generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey.export({ type: 'pkcs8', format: 'pem' }));
  assert.match(refusal(() => openSigner(folder)), /is no Ed25519 key/);
  writeFileSync(path, `-----BEGIN PRIVATE KEY-----\n${secret}`);
  told.push(refusal(() => openSigner(folder)));
  rmSync(path);
  writeFileSync(join(root, 'elsewhere'), 'x', { mode: 0o600 });
  symlinkSync(join(root, 'elsewhere'), path);
  told.push(refusal(() => openSigner(folder)));
  rmSync(path);
  mkdirSync(path);
  told.push(refusal(() => openSigner(folder)));
  assert.not.ok(told.some((text) => text.includes(secret)));
});

test('where the folder is', () => {
  assert.is(settingsFolder({ XDG_CONFIG_HOME: '/x' }), '/x/bitwidth');
  assert.is(settingsFolder({ XDG_CONFIG_HOME: 'relative', HOME: '/h' }), '/h/.config/bitwidth');
});

test.run();
