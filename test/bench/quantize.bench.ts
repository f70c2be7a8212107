/**
 * What quantizing a whole model takes, against what the disk and the memory take for the same bytes by themselves: a checkpoint of 2.5 GB of bf16 weights
 * with the tensors of a 7 B Llama (`--quick`: 843 MB, of which the start of a process is a larger part), in a project of its own, whose cell
 * `quantize:big/nf4` the command runs as it runs any.
 *
 * The ratio of a round is
 *
 *     (time of reading the input's bytes in order + time of writing the output's bytes and having the disk say that it has them)
 *     / (time of the cell: from when its task starts to when its record is durable)
 *
 * both measured in that round, on the disk that the store lies on. Cold: the system's cache holds none of the input, so reading is at the disk's rate.
 * Warm: it holds all of it, so reading is at the memory's. Writing is the disk's in both: the lower of the two rates is what each is held against. What
 * else there is to do for a cell (hashing what is read and what is written, encoding, comparing) is in the denominator alone. `if at once`: the same with
 * the longer of reading and writing instead of their sum, as if one cost the other nothing.
 */
import { execFile } from 'node:child_process';
import { closeSync, existsSync, fsyncSync, openSync, readdirSync, readSync, rmSync, statSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Project } from '../e2e/project.ts';
import type { Bench } from './contest.ts';
import { printTable } from './measure.ts';

const run = promisify(execFile);
const CELL = 'quantize:big/nf4';
const PIECE_BYTES = 4 << 20;
/** By `ratio`, in issue 7. */
const MEANT = 0.7;

interface Round { readonly readS: number; readonly writeS: number; readonly cellS: number; readonly commandS: number; readonly ratio: number; readonly atOnce: number }

/** Prints; has no rows. */
export async function bench({ quick, reader }: Bench): Promise<void> {
  const project = new Project();
  try {
    await run(process.execPath, ['--import', 'tsx', join(import.meta.dirname, 'sharded-checkpoint.ts'), join(project.root, 'models/big'), '--layers', quick ? '2' : '6', '--shards', '1']);
    project.edit('data/study.yaml', /^models: \[/m, 'models: [{ name: big, source: "local:models/big" }, ');
    const first = await project.run('run', CELL, '--json');
    if (first.code !== 0) throw new Error(`${CELL} ended with ${String(first.code)}: ${first.stdout.slice(-2000)}${first.stderr}`);
    const [weights, artifact] = largeObjects(project) as [string, string];
    const [inputBytes, outputBytes] = [statSync(weights).size, statSync(artifact).size];
    const memory = await reader.read(1, inputBytes);
    const rounds: { readonly cold: Round[]; readonly warm: Round[] } = { cold: [], warm: [] };
    for (let i = 0; i < (quick ? 3 : 5); i++) {
      for (const how of ['cold', 'warm'] as const) {
        if (how === 'cold' && !await outOfCache(weights)) continue;
        const readS = readThrough(weights);
        const writeS = writeThrough(join(project.root, '.bitwidth/by-itself'), outputBytes);
        if (how === 'cold') await outOfCache(weights);
        rmSync(artifact);
        const { cellS, commandS } = await timedCell(project);
        if (statSync(artifact).size !== outputBytes) throw new Error('the artifact was not written anew');
        rounds[how].push({ readS, writeS, cellS, commandS, ratio: (readS + writeS) / cellS, atOnce: Math.max(readS, writeS) / cellS });
      }
    }
    printTable(
      `${CELL}: ${(inputBytes / 1e6).toFixed(0)} MB read, ${(outputBytes / 1e6).toFixed(0)} MB written; medians (and best) of ${rounds.warm.length} rounds; one thread reads the memory at ${memory?.toFixed(1) ?? '?'} GB/s`,
      ['the input\'s bytes', 'read s', 'GB/s', 'written s', 'GB/s', 'cell s', 'GB/s', 'ratio', `meant`, 'if at once', 'whole command s'],
      Object.entries(rounds).filter(([, all]) => all.length > 0).map(([how, all]) => {
        const of = (field: keyof Round): number => middle(all.map((round) => round[field]));
        const ratio = of('ratio');
        const rate = (bytes: number, seconds: number): string => (bytes / seconds / 1e9).toFixed(2);
        return [
          how === 'cold' ? 'on the disk' : 'in the cache', of('readS').toFixed(2), rate(inputBytes, of('readS')), of('writeS').toFixed(2), rate(outputBytes, of('writeS')), `${of('cellS').toFixed(2)} (${Math.min(...all.map(({ cellS }) => cellS)).toFixed(2)})`,
          rate(inputBytes, of('cellS')), `${ratio.toFixed(2)} (${Math.max(...all.map((round) => round.ratio)).toFixed(2)})`, `${MEANT.toFixed(2)}${ratio < MEANT ? ' MISSED' : ''}`, of('atOnce').toFixed(2), of('commandS').toFixed(2),
        ];
      }),
    );
    if (rounds.cold.length === 0) console.log('Not from the disk: there is no dd here that puts a file out of the cache.');
  } finally {
    project.remove();
  }
}

/** The store's largest objects, the largest first: the weights, then their artifact. */
function largeObjects(project: Project): string[] {
  const folder = join(project.root, '.bitwidth/objects');
  return readdirSync(folder).flatMap((name) => readdirSync(join(folder, name)).map((object) => join(folder, name, object)))
    .map((path) => ({ path, bytes: statSync(path).size })).sort((a, b) => b.bytes - a.bytes).map(({ path }) => path);
}

/** Seconds from the start of the cell's task to its durable record, as a program sees it that reads the events. */
async function timedCell(project: Project): Promise<{ cellS: number; commandS: number }> {
  const from = performance.now();
  const command = project.start('run', CELL, '--json');
  let startedMs = NaN;
  let cellS = NaN;
  for await (const line of createInterface({ input: command.stdout })) {
    const { event, cell } = JSON.parse(line) as { readonly event: string; readonly cell?: string };
    if (cell !== CELL) continue;
    if (event === 'running') startedMs = performance.now();
    if (event === 'ran') cellS = (performance.now() - startedMs) / 1000;
  }
  await command;
  if (Number.isNaN(cellS)) throw new Error(`${CELL} was not computed`);
  return { cellS, commandS: (performance.now() - from) / 1000 };
}

/** Takes a file out of the system's cache, which needs no rights; false where that cannot be had. */
async function outOfCache(path: string): Promise<boolean> {
  if (process.platform !== 'linux' || !existsSync('/proc/self/mountinfo')) return false;
  return run('dd', [`if=${path}`, 'of=/dev/null', 'iflag=nocache', 'count=0', 'status=none']).then(() => true, () => false);
}

/** Seconds of reading a file in order, piece by piece. */
function readThrough(path: string): number {
  const piece = new Uint8Array(PIECE_BYTES);
  const from = performance.now();
  const file = openSync(path, 'r');
  while (readSync(file, piece, 0, piece.length, null) > 0);
  closeSync(file);
  return (performance.now() - from) / 1000;
}

/** Seconds of writing so many bytes, and of the disk having them. */
function writeThrough(path: string, bytes: number): number {
  // Nothing that a disk could make smaller.
  const piece = crypto.getRandomValues(new Uint8Array(1 << 16));
  const pieces = Buffer.concat(Array<Uint8Array>(PIECE_BYTES / piece.length).fill(piece));
  const from = performance.now();
  const file = openSync(path, 'w');
  for (let done = 0; done < bytes;) done += writeSync(file, pieces, 0, Math.min(pieces.length, bytes - done));
  fsyncSync(file);
  const seconds = (performance.now() - from) / 1000;
  closeSync(file);
  rmSync(path);
  return seconds;
}

function middle(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[numbers.length >> 1]!;
}
