/** The fake peer in the place of a user's Python, and of what `peers install` would have made. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FAKE = fileURLToPath(new URL('fake-peer.mjs', import.meta.url));
const VARIABLES = ['BITWIDTH_PEER_PYTHON', 'BITWIDTH_PEER_SECONDS', 'XDG_CACHE_HOME'];

/** With an interpreter that behaves in this way; undefined: with none, and nothing installed. */
export async function withPython<T>(mode: string | undefined, work: () => Promise<T>, seconds = 20): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'bitwidth-python-'));
  const before = VARIABLES.map((name) => [name, process.env[name]] as const);
  const python = join(folder, 'python');
  writeFileSync(python, `#!/bin/sh\nexec '${process.execPath}' '${FAKE}' ${mode ?? 'good'} "$@"\n`);
  chmodSync(python, 0o700);
  process.env['XDG_CACHE_HOME'] = folder;
  process.env['BITWIDTH_PEER_SECONDS'] = String(seconds);
  if (mode === undefined) delete process.env['BITWIDTH_PEER_PYTHON'];
  else process.env['BITWIDTH_PEER_PYTHON'] = python;
  try {
    return await work();
  } finally {
    for (const [name, value] of before) if (value === undefined) delete process.env[name]; else process.env[name] = value;
    rmSync(folder, { recursive: true, force: true });
  }
}
