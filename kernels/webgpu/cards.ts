/**
 * The GPUs that tasks share out among them, each in a process that is bound to one (bound.ts). Cards of one name are one: a process takes one of them, nobody knows which, so no second
 * task may. One that is a part of the processor counts only where there is none that is not, and a processor that plays a GPU only where there is neither; or where it is asked for by name.
 */
import { gpuFrom, gpuSource } from './adapter.ts';
import type { FoundGpu, GpuSource } from './adapter.ts';
import { GPU_VARIABLE } from './bound.ts';
import type { ListedGpu } from './bound.ts';

export interface GpuCard {
  /** The name that a process is bound to it by: value of BITWIDTH_GPU. */
  readonly card: string;
  /** As a process finds it that is bound to it. */
  readonly found: FoundGpu;
}

export interface GpuCards {
  /** The first is what a process takes that is bound to none. */
  readonly cards: readonly GpuCard[];
  /** Sentences: which are not used beside each other, or not at all, and why. */
  readonly told: readonly string[];
}

/** Or why there is none. Asks the drivers each time. */
export async function gpuCards(): Promise<GpuCards | string> {
  const from = await gpuSource();
  return 'sentence' in from ? from.sentence : cardsFrom(from);
}

/** Those of what gives adapters. */
export async function cardsFrom(from: GpuSource): Promise<GpuCards> {
  const listed = await from.list?.() ?? [];
  const named = [...new Map(listed.map((gpu) => [gpu.name, gpu])).values()].filter(({ name }) => from.bound === undefined || name === from.bound);
  const opened: (Opened | undefined)[] = [];
  for (const gpu of named) opened.push(await open(gpu, listed, from));
  const there = opened.filter((one) => one !== undefined);
  const real = there.filter(({ found }) => !found.fallback);
  const best = real.filter(({ integrated }) => !integrated);
  const used = best.length > 0 ? best : real.length > 0 ? real : there;
  const left = best.length > 0 ? real.filter(({ integrated }) => integrated) : [];
  return {
    cards: used.flatMap(({ card, found, bindable }) => bindable ? [{ card, found }] : []),
    told: [...used.flatMap(({ told }) => told ?? []), ...left.map(({ card }) => `the GPU ${JSON.stringify(card)}, a part of the processor, is not used beside ${best.map((one) => JSON.stringify(one.card)).join(', ')}; ${GPU_VARIABLE} may ask for it`)],
  };
}

interface Opened extends GpuCard {
  readonly integrated: boolean;
  readonly bindable: boolean;
  readonly told: string | undefined;
}

async function open({ name, distinct, within, integrated }: ListedGpu, listed: readonly ListedGpu[], from: GpuSource): Promise<Opened | undefined> {
  // Where there is but one it is opened already. One whose name is in another's would be the other: what kind it is, that shows.
  const found = await gpuFrom(listed.length === 1 ? { ...from, bound: name } : from.boundTo!(within ?? name));
  if (typeof found === 'string') return undefined;
  const text = JSON.stringify(name);
  if (within !== undefined) return { card: name, found, integrated: integrated === true, bindable: false, told: `the GPU ${text} is not used: ${JSON.stringify(within)} has its name in it, and WebGPU takes a GPU by a part of its name` };
  const alike = listed.filter((other) => other.name === name).length;
  return { card: name, found, integrated: integrated === true, bindable: true, told: distinct ? undefined : `${alike} GPUs are called ${text}, and WebGPU says no more of them: they cannot be told apart, so one task at a time takes one of them` };
}
