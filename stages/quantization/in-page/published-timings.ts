/** The output of a speed cell, of an engine or of a peer, made again from the rows of its tables. */
import { buildWords } from '../peer-words.ts';
import type { PeerSamples } from '../peer-speed.ts';
import type { SpeedSamples } from '../speed.ts';
import type { PublishedRow } from './published.ts';

/** Tables with rows of the cell itself, and with those of the machine and of what runs on it. */
export const TIMING_TABLES = ['speed_samples', 'speed_runs', 'speed_blocks', 'speed_memory'] as const;
export const MACHINE_TABLES = ['machines', 'machine_caches', 'peers'] as const;

type Rows = { readonly [table: string]: readonly PublishedRow[] };

/** `rows`: by table, of one machine. Undefined: of a peer of which only timings are published, so that no table says on what. Throws RangeError, a sentence, where a table lacks what the others speak of. */
export function timings(cell: string, rows: Rows): SpeedSamples | undefined {
  const [run] = rows['speed_runs']!, [machine] = rows['machines']!;
  if (run === undefined) throw new RangeError(`speed_runs has no row of ${cell}`);
  if (machine === undefined) throw new RangeError(`machines has no row of the machine that ${cell} was timed on`);
  const peer = cell.startsWith('peer-speed:') ? peerOf(run, rows['peers']!) : {};
  if (peer === undefined) return undefined;
  return {
    engine: { name: String(run['engine']), build: String(run['build']), ...peer }, threads: run['threads'] as number, promptTokens: run['prompt_tokens'] as number,
    samples: rows['speed_samples']!.map((row) => ({
      format: String(row['format']), phase: row['phase'] as 'prefill' | 'decode', pair: row['pair'] as 'A' | 'A2', block: row['block'] as number, place: row['place'] as number, tokens: row['tokens'] as number,
      durationMs: row['duration_ms'] as number, ...(row['gpu_ms'] === null ? {} : { gpuMs: row['gpu_ms'] as number }), stepsMs: row['steps_ms'] as readonly number[],
    })),
    memory: memoryOf(rows['speed_memory']!),
    conditions: rows['speed_blocks']!.map((row) => ({ block: row['block'] as number, wallMs: row['wall_ms'] as number, cpuMs: row['cpu_ms'] as number, stealMs: row['steal_ms'] as number | null, loadAverage: row['load_average'] as number, mhz: row['mhz'] as number | null })),
    machine: { cpu: String(machine['cpu']), cores: machine['cores'] as number, memoryBytes: machine['memory_bytes'] as number, os: String(machine['os']), node: String(machine['node']) },
    caches: rows['machine_caches']!.map((row) => ({ level: row['level'] as number, bytes: row['bytes'] as number, sharedBy: row['shared_by'] as number })),
  };
}

/** What the timings of a peer say of it: as its scores and texts do, of the same build. */
function peerOf({ engine, build }: PublishedRow, peers: readonly PublishedRow[]): { readonly peer: PeerSamples['engine']['peer'] } | undefined {
  const words = peers.filter(({ peer }) => peer === engine).map((row) => ({ packages: String(row['packages']), device: String(row['device']), settings: String(row['settings']) })).find((of) => buildWords(of) === build);
  return words && { peer: { device: words.device, settings: words.settings } };
}

/** Format -> part -> bytes, in the rows' order. By maps: a row may say anything, '__proto__' too. */
function memoryOf(rows: readonly PublishedRow[]): SpeedSamples['memory'] {
  const memory = new Map<string, [part: string, bytes: unknown][]>();
  for (const { format, part, bytes } of rows) memory.set(String(format), [...memory.get(String(format)) ?? [], [String(part), bytes]]);
  return Object.fromEntries([...memory].map(([format, parts]) => [format, Object.fromEntries(parts)])) as unknown as SpeedSamples['memory'];
}
