/** A real S3 server on loopback for these tests, with one user and one bucket. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('./s3-server.sh', import.meta.url));
export const ACCESS = { AWS_ACCESS_KEY_ID: 'AKTESTTESTTESTTEST', AWS_SECRET_ACCESS_KEY: 'secret-of-the-tests-only' } as const;
export const BUCKET = 'lab';

/** Why there is none here; undefined: there can be one. Builds it if it was not. */
export function noServer(): string | undefined {
  if (process.platform !== 'linux') return 'the server is started on Linux only';
  const cached = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'bitwidth-tests/versitygw-v1.8.0/versitygw');
  if (existsSync(cached)) return undefined;
  if (spawnSync('go', ['version']).status !== 0) return 'versitygw is built with Go, which is not installed';
  const built = spawnSync(SCRIPT, ['build'], { encoding: 'utf8', timeout: 15 * 60_000 });
  return built.status === 0 ? undefined : `versitygw could not be built: ${built.stderr.trim().split('\n').at(-1)}`;
}

export class S3Server {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), 'bitwidth-s3-')));
  readonly port: number;
  #pid: number | undefined;

  private constructor(port: number) {
    this.port = port;
  }

  static async start(): Promise<S3Server> {
    const server = new S3Server(await freePort());
    await server.up();
    return server;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** The folder in which the server keeps the bucket's objects, as files of their names. */
  get bucket(): string {
    return join(this.folder, 'buckets', BUCKET);
  }

  async up(): Promise<void> {
    execFileSync(SCRIPT, [this.folder, String(this.port), ACCESS.AWS_ACCESS_KEY_ID, ACCESS.AWS_SECRET_ACCESS_KEY], { stdio: 'ignore' });
    this.#pid = Number(readFileSync(join(this.folder, 'pid'), 'utf8'));
    for (let tries = 0; ; tries++) {
      const status = await fetch(this.endpoint).then(({ status }) => status, () => 0);
      if (status > 0) break;
      if (tries > 200) throw new Error(`the S3 server did not start: ${readFileSync(join(this.folder, 'log'), 'utf8')}`);
      await wait(50);
    }
    // A folder under its root is a bucket.
    if (!existsSync(this.bucket)) execFileSync('mkdir', ['-p', this.bucket]);
  }

  down(): void {
    if (this.#pid !== undefined) process.kill(this.#pid, 'SIGKILL');
    this.#pid = undefined;
  }

  /** Bytes of an object as the server keeps it; -1 where there is none. */
  size(name: string): number {
    return statSync(join(this.bucket, name), { throwIfNoEntry: false })?.size ?? -1;
  }

  remove(): void {
    this.down();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { readonly port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
