/**
 * Takes in what `npm run bench -- --json data/bench.json` measured: checks the file and turns it into rows of kernel_rates. The
 * bench itself is no stage: it compares programs, some of them other people's, and nothing of the study follows from it.
 */
import { cell, file, stage } from '../dag/index.ts';
import type { Cell, Json, Run } from '../dag/index.ts';
import { BENCH_FILE, readBenchFile } from './bench-file.ts';
import type { BenchFile } from './bench-file.ts';
import { guarded } from './task-values.ts';

export const benchStage = stage({
  name: 'bench',
  title: 'Take in the benchmark of the kernels',
  determinism: 'measured',
  module: 'stages/quantization/bench.ts',
  outputs: ['rows'],
  where: 'in-process',
});

/** bench:kernels. Only where the file is there. */
export function benchCell(): Cell {
  return cell(benchStage, 'kernels', { inputs: { file: file(BENCH_FILE) } });
}

export const run: Run = async (cells, io) => {
  for (const task of cells) {
    await guarded(io, task, async () => {
      await io.commit(task.id, { rows: JSON.stringify(kernelRates(readBenchFile(await io.input(task, 'file')), task.id)) });
    });
  }
};

/** Rows of kernel_rates, in the schema's order of columns. */
export function kernelRates({ quick, machine, caches, rows }: BenchFile, cellId: string): { readonly [column: string]: Json }[] {
  const sizes = new Map(caches.map(({ level, bytes }) => [`L${level}`, bytes]));
  return rows.map(({ suite, who, version, peer, decoded, format, bitsPerWeight, activations, shape, phase, batch, threads, rate, low, high, unit, rounds, bytes, level, readShare }) => ({
    suite, who, version, peer, decoded, format, bits_per_weight: bitsPerWeight, activations, shape, phase, batch, threads, value: rate, low, high, unit, rounds, bytes, level, level_bytes: sizes.get(level) ?? null,
    read_share: readShare, quick, cpu: machine.cpu, cores: machine.cores, cell: cellId,
  }));
}
