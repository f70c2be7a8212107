/**
 * What WebGPU shows, seen in a process of its own: drivers and their loader print as they look, past whatever this process does with its output, and one that is broken ends the process
 * that asks.
 */
import { writeSync } from 'node:fs';
import { engines, gpuAdapters, gpuCards, gpuHere, loadDawn } from '../../kernels/engines.ts';
import type { FoundAdapters, FoundGpu, NoGpuSource } from '../../kernels/engines.ts';
import { runApart } from './apart.ts';
import { toldIfSlow } from './slow.ts';

/** A GPU as it was seen; `features`: those that some engine asks for. */
export type SeenGpu = Pick<FoundGpu, 'name' | 'words' | 'fallback'> & { readonly features: readonly string[] };

export interface GpuSurvey {
  /** Or why it cannot be asked. */
  readonly adapters: FoundAdapters | string;
  /** The one that an engine takes, or why there is none. */
  readonly here: SeenGpu | string;
  /** What a run shares out, each by the name that binds a process to it, and what it says of them. */
  readonly shared: { readonly cards: readonly (SeenGpu & { readonly card: string })[]; readonly told: readonly string[] };
  /** Why it cannot be asked, where it is not that something is missing: the variable BITWIDTH_GPU names none that can be taken, the package is damaged, or a driver ended the process that asked, or did not answer. */
  readonly wrong?: NonNullable<NoGpuSource['wrong']> | 'driver';
  /** What drivers and loader have printed, each line once. */
  readonly said: readonly string[];
}

/** A driver that hangs: one that works answers in a second or two, just after the machine was started in some more. */
const LIMIT_MS = 20_000;
/** A broken one may say much. */
const MOST_LINES = 5;
/** Said by that process before it asks for adapters: what ends it after that is no fault of the package's file. */
const LOADED = 'bitwidth: the package is loaded';
/** Of a display, which nothing here needs. */
const OF_NO_MATTER = /XDG_RUNTIME_DIR/;

let survey: Promise<GpuSurvey> | undefined;

/** Looks once. Never rejects. `say`: what is waited for, where drivers take long. */
export function surveyGpus(say?: (sentence: string) => void): Promise<GpuSurvey> {
  return toldIfSlow(survey ??= look(), say, `Looking for GPUs: a driver has not answered yet; it is given up after ${LIMIT_MS / 1000} s.`);
}

async function look(): Promise<GpuSurvey> {
  const end = await runApart({ module: 'stages/quantization/gpu-survey.ts', args: [], timeoutMs: LIMIT_MS });
  // What is indented says where in their code.
  const said = [...new Set(end.printed.split('\n').filter((line) => /^\S/.test(line) && line !== LOADED && !OF_NO_MATTER.test(line)))].slice(0, MOST_LINES);
  if (end.kind === 'answered') return { ...end.answer as Omit<GpuSurvey, 'said'>, said };
  const loaded = end.printed.split('\n').includes(LOADED);
  const why = end.kind === 'threw' ? end.message : `a process that looked for GPUs ${end.how}${loaded ? ': a driver is broken' : ' as it loaded the package webgpu, before it asked any driver: the package is damaged, or not made for this machine'}`;
  return { adapters: why, here: why, shared: { cards: [], told: [] }, ...(end.kind === 'died' ? { wrong: loaded ? 'driver' : 'package' } : {}), said };
}

/** In that process. */
export async function run(): Promise<Omit<GpuSurvey, 'said'>> {
  // Written, not told by a message: what ends the process may come before one is sent.
  if (!('sentence' in await loadDawn())) writeSync(2, `${LOADED}\n`);
  const [adapters, here, cards] = [await gpuAdapters(), await gpuHere(), await gpuCards()];
  return {
    ...('sentence' in adapters ? { adapters: adapters.sentence, ...(adapters.wrong === undefined ? {} : { wrong: adapters.wrong }) } : { adapters }),
    here: typeof here === 'string' ? here : seen(here),
    shared: typeof cards === 'string' ? { cards: [], told: [] } : { cards: cards.cards.map(({ card, found }) => ({ ...seen(found), card })), told: cards.told },
  };
}

const seen = ({ name, words, fallback, has }: FoundGpu): SeenGpu => ({ name, words, fallback, features: engines.flatMap(({ gpuFeature }) => gpuFeature !== undefined && has(gpuFeature) ? [gpuFeature] : []) });
