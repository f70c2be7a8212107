/** For `doctor`: starts the program, which loads its packages and says what they are. No model is loaded. */
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StageFailure } from '../../../dag/index.ts';
import type { DoctorItem } from '../../../dag/index.ts';
import type { Peer } from '../../peers.ts';

const LIMITS = { memoryBytes: 8e9, loadMs: 120_000, answerMs: 10_000 };

export async function loaded(peer: Pick<Peer, 'start'>): Promise<DoctorItem> {
  const scratch = mkdtempSync(join(tmpdir(), 'bitwidth-doctor-'));
  try {
    const run = await peer.start({
      device: 'cpu', compute: 'fp32', threads: 1, scratch, limits: LIMITS, signal: new AbortController().signal,
      programs: { program: await readFile(new URL('program.py', import.meta.url)) },
      files: { kind: 'safetensors', path: scratch, checkpoint: () => { throw new Error('no model is loaded'); } },
    });
    await run.close();
    const { packages, device } = run.identity;
    return { name: 'transformers', state: 'ok', what: `${['transformers', 'torch', 'bitsandbytes', 'python'].map((name) => `${name} ${packages[name]}`).join(', ')}; ${device}` };
  } catch (error) {
    if (!(error instanceof StageFailure)) throw error;
    const { sentence, hint } = error.failure;
    return { name: 'transformers', state: 'broken', what: sentence, ...(hint === undefined ? {} : { hint }) };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
