/** Encrypted connections: a certificate that nobody vouches for is refused with what to do, one that is vouched for is not, and nothing leads back to plain HTTP. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as plainServer } from 'node:http';
import { createServer, globalAgent } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { HubError } from '../../stages/quantization/hub/errors.ts';
import { ask, bodyOf } from '../../stages/quantization/hub/http.ts';
import { POLICY } from '../../stages/quantization/hub/policy.ts';
import { Secret } from '../../stages/quantization/hub/secret.ts';
import { notRun } from '../not-run.ts';
import type { HubSettings } from '../../stages/quantization/hub/settings.ts';

test('certificates count, and a redirect never leads out of encryption', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'bitwidth-tls-'));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  try {
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key, '-out', cert, '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'], { stdio: 'ignore' });
  } catch {
    rmSync(folder, { recursive: true, force: true });
    return notRun('encrypted connections to a hub', 'there is no openssl to make a certificate with');
  }
  const plain = plainServer((_request, response) => void response.end('plain')).listen(0, '127.0.0.1');
  const secure = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (request, response) => {
    if (request.url === '/away') response.writeHead(302, { location: `http://127.0.0.1:${(plain.address() as AddressInfo).port}/` }).end();
    else response.end(request.headers.authorization);
  }).listen(0, '127.0.0.1');
  secure.on('tlsClientError', () => undefined);
  try {
    await new Promise((resolve) => secure.once('listening', resolve));
    const settings: HubSettings = { endpoint: `https://127.0.0.1:${(secure.address() as AddressInfo).port}`, token: new Secret('hf_x', 'the variable HF_TOKEN'), offline: false, cache: folder, policy: POLICY };
    const failing = async (path: string): Promise<string> => {
      try {
        await ask(settings, path);
      } catch (error) {
        if (error instanceof HubError) return `${error.passing ? 'passing ' : ''}${error.code}: ${error.told}`;
        throw error;
      }
      throw new Error('it was answered');
    };
    assert.match(await failing('/'), /^network: the hub's certificate is not trusted here \(DEPTH_ZERO_SELF_SIGNED_CERT\); where a proxy stands between, NODE_EXTRA_CA_CERTS names/);
    globalAgent.options.ca = readFileSync(cert);
    assert.is((await bodyOf(await ask(settings, '/'), 100)).toString(), 'Bearer hf_x');
    assert.match(await failing('/away'), /^wrong-answer: the hub redirects from an encrypted connection to one that is not/);
  } finally {
    delete globalAgent.options.ca;
    globalAgent.destroy();
    for (const server of [plain, secure]) { server.closeAllConnections(); server.close(); }
    rmSync(folder, { recursive: true, force: true });
  }
});

test.run();
