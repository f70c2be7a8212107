/** Runs Node on a program and measures the whole of it: the CPU time of every process that it started and waited for, too. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Measured {
  /** User and system time of the process and its children. */
  readonly cpuS: number;
  readonly wallS: number;
  /** The most memory that one of the processes held (of those that were not killed); 0 where it was not asked for. */
  readonly peakBytes: number;
  readonly out: string;
}

/** The shell's own `time` counts the children of children; Node has no call for it. */
const TIMED = 'exec 4>&2; TIMEFORMAT="%3U %3S %3R"; { time "$@" 2>&4 3>&- 4>&-; } 2>&3';

/** Throws when it ends with another code than 0. `withPeak` costs some milliseconds. */
export async function measured(argv: readonly string[], cwd: string, withPeak = false): Promise<Measured> {
  const folder = mkdtempSync(join(tmpdir(), 'bitwidth-measured-'));
  try {
    const peaks = join(folder, 'peaks');
    const atExit = `import { appendFileSync } from 'node:fs'; process.on('exit', () => appendFileSync(${JSON.stringify(peaks)}, process.resourceUsage().maxRSS + '\\n'));`;
    const node = [process.execPath, ...withPeak ? ['--import', `data:text/javascript,${encodeURIComponent(atExit)}`] : [], ...argv];
    const child = spawn('bash', ['-c', TIMED, 'bash', ...node], { cwd, env: { ...process.env, NODE_OPTIONS: '' }, stdio: ['ignore', 'pipe', 'pipe', 'pipe'] });
    const [out, err, times] = child.stdio.slice(1).map((stream) => textOf(stream as NodeJS.ReadableStream)) as [Promise<string>, Promise<string>, Promise<string>];
    const code = await new Promise((resolve, reject) => child.on('close', resolve).on('error', reject));
    if (code !== 0) throw new Error(`${argv.join(' ')} ended with ${String(code)}: ${await err}${(await out).slice(-1000)}`);
    const [user, system, wallS] = (await times).trim().split(' ').map(Number) as [number, number, number];
    const kilobytes = withPeak ? readFileSync(peaks, 'utf8').trimEnd().split('\n').map(Number) : [0];
    return { cpuS: user + system, wallS, peakBytes: 1024 * Math.max(...kilobytes), out: await out };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function textOf(stream: NodeJS.ReadableStream): Promise<string> {
  let text = '';
  stream.setEncoding('utf8');
  for await (const piece of stream) text += String(piece);
  return text;
}
