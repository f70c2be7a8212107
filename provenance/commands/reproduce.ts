/** `reproduce <file.zip>`: another's study computed once more, claims first. Without a pack it is the machinery's own command. */
import { existsSync, writeFileSync } from 'node:fs';
import { ConfigurationError, EXIT, count, describeMachine, duration, timeSpan } from '../../stages/dag/index.ts';
import type { Command, CommandContext } from '../../stages/dag/index.ts';
import type { ClaimReproduction, Reproduction } from '../reproduction.ts';
import type { Pack } from '../pack-reader.ts';
import type { Recomputation } from '../recompute.ts';

/** The machinery's `reproduce`, and what it does with a pack. */
export function reproduceWith(own: Command): Command {
  return {
    ...own,
    usage: `${own.usage}\n       bitwidth reproduce <file.zip> [--budget <time>] [--to <reproduction.json>]`,
    details: `${own.details}\n\nOf a pack (bitwidth pack): computes its study once more in a temporary folder, with the code that is installed here and nothing from\nthe pack but data; claims and what they need first. Says of each claim whether it came out equal, within (its verdict is the same, timings\nare another machine's), different, or was not run, and writes that to a file. Exit code 0: all came out; 3: some differ; 1: some were not run.`,
    options: {
      ...own.options,
      to: { type: 'string', value: 'file', summary: 'Of a pack: where the result is written (default: reproduction.json)' },
      by: { type: 'string', value: 'label', summary: 'Of a pack: who reproduced it, in your word (default: anonymous)' },
    },
    run: (context) => context.positionals.length === 1 && /\.zip$/i.test(context.positionals[0]!) ? ofPack(context) : own.run(context),
  };
}

async function ofPack({ pipeline, values, positionals: [file], print }: CommandContext): Promise<number> {
  for (const option of ['sample', 'seed', 'first']) if (values[option] !== undefined) throw new ConfigurationError(`reproduce: --${option} is for this project's own results, not for a pack`);
  const budgetMs = timeSpan('budget', values['budget']);
  const to = typeof values['to'] === 'string' ? values['to'] : 'reproduction.json';
  if (existsSync(to)) throw new ConfigurationError(`reproduce: ${to} exists; nothing is written over it. Name another file with --to`);
  const by = typeof values['by'] === 'string' ? values['by'] : 'anonymous';
  if (!/^[\p{L}\p{N} ._-]{1,60}$/u.test(by)) throw new ConfigurationError('reproduce: --by takes up to 60 letters, digits, spaces, dots, dashes');
  const [{ openPack }, { recomputation }, { reproductionOf }] = await Promise.all([import('../pack-reader.ts'), import('../recompute.ts'), import('../reproduction.ts')]);
  const pack = await openPack(file!);
  const startedMs = performance.now();
  let project: Recomputation | undefined;
  try {
    project = await recomputation(pack, pipeline);
    print(`${count(pack.cells.length, 'cell')}, ${count(pack.files.length, 'file')}, every one as it is listed. Computing with the code that is installed here${budgetMs === undefined ? '' : `, for at most ${duration(budgetMs)}`}.`);
    if (project.refused.length > 0) print(`  ${count(project.refused.length, 'file')} that cells read and that ${project.refused.length === 1 ? 'is' : 'are'} no data (${project.refused[0]}${project.refused.length > 1 ? ', ...' : ''}) ${project.refused.length === 1 ? 'is' : 'are'} taken from here.`);
    await computed(pack, project, budgetMs, values['jobs'], print);
    const again = `${project.root}/again.zip`;
    await project.run(['pack', '--no-site', '--stale', '--to', again, ...flagsOf(pack)], {});
    const now = await openPack(again);
    try {
      const { cpu, cores, os, node } = describeMachine();
      const result = await reproductionOf(pack, now, { by, machine: `${cores} cores, ${os}, Node ${node}`, cpu, when: `${new Date().toISOString().slice(0, 16)}:00+00:00` });
      writeFileSync(to, `${JSON.stringify(result, null, 1)}\n`);
      for (const line of text(result, performance.now() - startedMs, to)) print(line);
      return exitOf(result);
    } finally {
      now.close();
    }
  } finally {
    project?.remove();
    pack.close();
  }
}

/** The project's own flags that the pack was made with. */
const flagsOf = ({ manifest: { flags } }: Pack): readonly string[] => flags.map((flag) => `--${flag}`);

/** Claims and what they need, then the rest, until the time is up or the person interrupts. */
async function computed(pack: Pack, project: Recomputation, budgetMs: number | undefined, jobs: string | boolean | undefined, print: (line: string) => void): Promise<void> {
  const stop = new AbortController();
  const timer = budgetMs === undefined ? undefined : setTimeout(() => stop.abort(), budgetMs);
  const interrupt = (): void => stop.abort();
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  try {
    const claims = [...new Set((await pack.rows('claims') ?? []).map(({ cell }) => String(cell)))];
    const known = new Set(pack.cells.map(({ cell }) => cell));
    const options = ['--json', ...flagsOf(pack), ...(typeof jobs === 'string' ? ['--jobs', jobs] : [])];
    for (const [what, targets] of [['claims, and what they are computed from', claims.filter((cell) => known.has(cell))], ['the rest', []]] as const) {
      if (stop.signal.aborted || (what !== 'the rest' && targets.length === 0)) continue;
      let ran = 0, failed = 0;
      await project.run(['run', ...targets, ...options], { signal: stop.signal, onEvent: ({ event }) => { if (event === 'ran') ran++; if (event === 'failed') failed++; } });
      print(`  ${what}: ${count(ran, 'cell')} computed${failed > 0 ? `, ${failed} failed` : ''}${stop.signal.aborted ? '; the time is up' : ''}`);
    }
  } finally {
    clearTimeout(timer);
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}

function text({ claims, cells, otherCode }: Reproduction, ms: number, to: string): readonly string[] {
  const width = Math.max(...claims.map(({ claim }) => claim.length), 5);
  const all = Object.values(cells);
  const different = Object.entries(cells).filter(([, { result }]) => result === 'differs').map(([cell]) => cell);
  return [
    ...(otherCode.length === 0 ? [] : [`The code that is installed here is another in ${count(otherCode.length, 'file')}: ${otherCode.slice(0, 5).join(', ')}${otherCode.length > 5 ? ', ...' : ''}`]),
    ...claims.map((claim) => `  ${claim.claim.padEnd(width)}  ${claim.result.padEnd(7)}  ${claim.minutes.toFixed(1)} min  ${claim.title}: ${claim.why}`),
    `${all.length - different.length} of ${count(all.length, 'result')} that must come out equal did${different.length > 0 ? `; not: ${different.slice(0, 5).join(', ')}${different.length > 5 ? ' ...' : ''}` : ''}. ${duration(ms)} in all.`,
    `Written to ${to}.`,
  ].map((line) => line.replace(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, '?'));
}

function exitOf({ claims, cells }: Reproduction): number {
  const is = (result: ClaimReproduction['result']): boolean => claims.some((claim) => claim.result === result);
  if (is('differs') || Object.values(cells).some(({ result }) => result === 'differs')) return EXIT.different;
  return is('not run') || Object.keys(cells).length === 0 ? EXIT.failed : EXIT.done;
}
