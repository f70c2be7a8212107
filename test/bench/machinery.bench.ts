/**
 * What the machinery itself takes: whole processes of the command, started by the launcher, on a sweep of stages that do next to
 * nothing. That exactly the right cells run is asserted; times are printed beside what they are meant to stay under.
 */
import { strict as assert } from 'node:assert';
import type { Bench } from './contest.ts';
import { measured } from './machinery/measured.ts';
import type { Measured } from './machinery/measured.ts';
import { Sweep } from './machinery/sweep.ts';
import type { SweepRun } from './machinery/sweep.ts';
import { printTable } from './measure.ts';

const SMALL = { models: 10, formats: 10, points: 8 } as const;
const LARGE = { models: 10, formats: 10, points: 98 } as const;
/** A cell in the middle of either. */
const MIDDLE = 'score:model-4/format-5/point-6';

export async function bench({ quick }: Bench): Promise<void> {
  const rounds = quick ? 3 : 9;
  const colds = quick ? 1 : 3;
  const rows: Row[] = [];
  const sweeps: Sweep[] = [];
  try {
    const sweep = async (settings: ConstructorParameters<typeof Sweep>[0]): Promise<Sweep> => {
      const made = new Sweep(settings);
      sweeps.push(made);
      await made.settle();
      return made;
    };
    const cold = async (settings: ConstructorParameters<typeof Sweep>[0], times: number): Promise<{ readonly filled: Sweep; readonly took: Took }> => {
      const runs: Measured[] = [];
      for (;;) {
        const made = await sweep(settings);
        runs.push(expectRun(await made.run({ withPeak: true }), made.cells, 0));
        if (runs.length === times) return { filled: made, took: median(runs) };
        made.remove();
      }
    };
    const small = await cold({ ...SMALL, where: 'worker' }, colds);
    const large = await cold({ ...LARGE, where: 'in-process' }, colds);
    const [few, many] = [small.filled, large.filled];

    // In turns: a machine that gets slower for a while does so for all alike.
    const samples: { readonly [name: string]: Measured[] } = { node: [], few: [], many: [], 'in-process': [], worker: [], why: [], status: [], plan: [] };
    for (let round = 0; round < rounds; round++) {
      samples['node']!.push(await measured(['-e', '0'], process.cwd()));
      samples['few']!.push(expectRun(await few.run(), 0, few.cells));
      samples['many']!.push(expectRun(await many.run(), 0, many.cells));
      samples['why']!.push(await many.command('why', MIDDLE));
      samples['status']!.push(await many.command('status'));
      samples['plan']!.push(await many.command('plan'));
      for (const where of ['in-process', 'worker'] as const) {
        many.changeLeaf(where);
        const run = expectRun(await many.run(), many.affected.length, many.cells - many.affected.length);
        assert.deepEqual(run.ran, many.affected);
        samples[where]!.push(run);
      }
    }
    const of = (name: string): Took => median(samples[name]!);
    const again = await many.run({ withPeak: true });
    const [a, b] = [String(few.cells), String(many.cells)];
    rows.push(
      { what: 'node -e 0', took: of('node') },
      { what: `run, nothing changed, ${a} cells`, took: of('few'), cpuS: 0.35 },
      { what: `run, nothing changed, ${b} cells`, took: of('many'), cpuS: 1 },
      { what: `run, one leaf changed, ${b} cells, in-process`, took: of('in-process'), cpuS: of('many').cpuS + 0.3 },
      { what: `run, one leaf changed, ${b} cells, in a worker`, took: of('worker'), cpuS: of('many').cpuS + 0.3 },
      { what: `why <cell>, ${b} cells`, took: of('why'), wallS: 0.2 },
      { what: `status, ${b} cells`, took: of('status') },
      { what: `plan, ${b} cells`, took: of('plan') },
      { what: `run, nothing there, ${a} cells in workers`, took: small.took, cpuS: 0.006 * few.cells },
      { what: `run, nothing there, ${b} cells in-process`, took: large.took, cpuS: 0.001 * many.cells },
    );
    print(rows, of('node'));
    const perCell = ({ took, cells }: { readonly took: Took; readonly cells: number }): string => ((1000 * took.cpuS) / cells).toFixed(2);
    console.log(`A cell that is computed takes ${perCell({ took: small.took, cells: few.cells })} ms of CPU time in workers, each a task of its own (meant: 6), and ${perCell({ took: large.took, cells: many.cells })} ms in-process (meant: 1), what the stage itself does included.`);
    console.log(`Of ${b} cells a run held ${Math.round(large.took.peakBytes / 1e6)} MB where all were computed, ${Math.round(again.peakBytes / 1e6)} MB where nothing had changed (meant: 300).`);
  } finally {
    for (const made of sweeps) made.remove();
  }
}

type Took = Omit<Measured, 'out'>;

/** `cpuS`, `wallS`: what it is meant to stay under. */
interface Row { readonly what: string; readonly took: Took; readonly cpuS?: number; readonly wallS?: number }

function print(rows: readonly Row[], node: Took): void {
  const meant = (is: number, limit: number | undefined): string => limit === undefined ? '' : `${limit.toFixed(2)}${is > limit ? ' MISSED' : ''}`;
  printTable('the machinery, medians; CPU time is of the process and all that it started', ['', 'CPU s', 'meant', 'of node\'s', 'wall s', 'meant'], rows.map(({ what, took, cpuS, wallS }) => [
    what, took.cpuS.toFixed(3), meant(took.cpuS, cpuS), `${(took.cpuS / node.cpuS).toFixed(1)}x`, took.wallS.toFixed(3), meant(took.wallS, wallS),
  ]));
}

function expectRun(run: SweepRun, ran: number, cached: number): SweepRun {
  assert.deepEqual({ ran: run.ran.length, cached: run.cached }, { ran, cached });
  return run;
}

function median(samples: readonly Took[]): Took {
  const middle = (of: (took: Took) => number): number => samples.map(of).sort((a, b) => a - b)[samples.length >> 1]!;
  return { cpuS: middle(({ cpuS }) => cpuS), wallS: middle(({ wallS }) => wallS), peakBytes: middle(({ peakBytes }) => peakBytes) };
}
