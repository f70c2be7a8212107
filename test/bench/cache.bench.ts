/**
 * What a shared cache costs: a sweep of ten thousand cells put into one, taken from it by an empty store, and looked at when nothing is new; in a
 * folder, and in a real S3 server on this machine (what a network adds is its round trips: their number is told).
 */
import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ACCESS, BUCKET, noServer, S3Server } from '../dag/cache/s3-server.ts';
import type { SharedCacheSettings } from '../../stages/dag/index.ts';
import type { Bench } from './contest.ts';
import { Sweep } from './machinery/sweep.ts';
import type { SweepRun } from './machinery/sweep.ts';
import { printTable } from './measure.ts';

export async function bench({ quick }: Bench): Promise<void> {
  const shape = { models: 10, formats: 10, points: quick ? 8 : 98, where: 'in-process' } as const;
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'bitwidth-bench-cache-')));
  const settings = process.env['XDG_CONFIG_HOME'];
  process.env['XDG_CONFIG_HOME'] = join(folder, 'settings');
  const rows: string[][] = [];
  const sweeps: Sweep[] = [];
  let server: S3Server | undefined;
  try {
    const measure = async (name: string, at: SharedCacheSettings['at'] | undefined, files: () => number): Promise<void> => {
      const made = async (): Promise<Sweep> => {
        const sweep = new Sweep({ ...shape, ...(at === undefined ? {} : { cache: { at, trust: [] } }) });
        sweeps.push(sweep);
        await sweep.settle();
        return sweep;
      };
      const row = (what: string, { wallS, cpuS, cache }: SweepRun): void => {
        rows.push([name, what, wallS.toFixed(2), cpuS.toFixed(2), String(cache?.requests ?? ''), megabytes(cache?.bytesUp), megabytes(cache?.bytesDown), cache === undefined ? '' : String(files())]);
      };
      const first = await made();
      const put = await first.run();
      assert.equal(put.ran.length, first.cells);
      row('computed and put there', put);
      if (at === undefined) return row('nothing is new', await first.run());
      assert.equal(put.cache!.left, 0);
      const second = await made();
      const taken = await second.run();
      assert.deepEqual([taken.ran, taken.cached], [[], second.cells]);
      row('taken by an empty store', taken);
      row('nothing is new', await second.run());
    };
    await measure('none', undefined, () => 0);
    const shared = join(folder, 'shared');
    mkdirSync(shared);
    await measure('folder', { kind: 'folder', path: shared }, () => filesIn(shared));
    const missing = noServer();
    if (missing !== undefined) console.log(`S3 is not measured: ${missing}`);
    else {
      Object.assign(process.env, ACCESS);
      server = await S3Server.start();
      await measure('S3', { kind: 's3', bucket: BUCKET, prefix: 'bench', endpoint: server.endpoint, region: 'us-east-1' }, () => filesIn(server!.bucket));
    }
    printTable(`A sweep of ${sweeps[0]!.cells} cells, shared`, ['cache', 'run', 'wall s', 'CPU s', 'requests', 'MB up', 'MB down', 'files there'], rows);
  } finally {
    server?.remove();
    for (const made of sweeps) made.remove();
    rmSync(folder, { recursive: true, force: true });
    if (settings === undefined) delete process.env['XDG_CONFIG_HOME'];
    else process.env['XDG_CONFIG_HOME'] = settings;
    for (const name of Object.keys(ACCESS)) delete process.env[name];
  }
}

const megabytes = (bytes: number | undefined): string => bytes === undefined ? '' : (bytes / 1e6).toFixed(2);
const filesIn = (folder: string): number => Number(execFileSync('find', [folder, '-type', 'f', '-printf', '.'], { encoding: 'utf8' }).length);
