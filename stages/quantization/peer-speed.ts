/**
 * Times every format of a model on a peer: randomised blocks as in speed.ts, with the same seed, settings and A/A pair, by the peer's own clock around
 * its steps. All formats are loaded before the first block, in one process.
 */
import type { Run, TaskCell, TaskIo } from '../dag/index.ts';
import { describeMachine } from '../dag/index.ts';
import { machineCaches } from './caches.ts';
import { PeerHost } from './peer-host.ts';
import { buildOf, listed } from './peer-words.ts';
import type { PeerModel, PeerTimingPlan } from './peers.ts';
import { shuffled } from './speed.ts';
import type { SpeedSample, SpeedSamples } from './speed.ts';
import { watchConditions } from './speed-conditions.ts';
import { DECODE_SPAN } from './speed-settings.ts';
import { BadInput, guarded, jsonInput, listParam, numberParam, textParam } from './task-values.ts';
import type { TokenizedText } from './task-values.ts';

/** Output `samples`: what speed gives, and whose stack it was. */
export interface PeerSamples extends SpeedSamples {
  readonly engine: SpeedSamples['engine'] & { readonly peer: { readonly device: string; /** 'compute fp32' */ readonly settings: string } };
}

export const run: Run = async (cells, io) => {
  for (const task of cells) {
    const host = new PeerHost(task, io);
    try {
      await guarded(io, task, async () => time(task, io, host));
    } finally {
      await host.close();
    }
  }
};

interface Lane { readonly format: string; readonly pair: 'A' | 'A2'; readonly model: PeerModel }

async function time(task: TaskCell, io: TaskIo, host: PeerHost): Promise<void> {
  const [name, base] = [textParam(task, 'peer'), textParam(task, 'base')];
  const promptTokens = numberParam(task, 'promptTokens');
  const { ids } = await jsonInput<TokenizedText>(io, task, 'tokens');
  const needed = promptTokens + DECODE_SPAN;
  if (ids.length < needed) throw new BadInput(`the text has ${ids.length} tokens; ${needed} are needed`, 'Lower speed.prompt_tokens.');
  const plan = (seconds: number): PeerTimingPlan => ({ tokens: Int32Array.from(ids.slice(0, needed)), promptTokens, warmUpTokens: numberParam(task, 'warmUpTokens'), leastMs: seconds * 1000 });
  const peer = await host.run();
  const lanes: Lane[] = [];
  for (const format of listParam(task, 'formats') as readonly string[]) {
    const model = await peer.load(format);
    lanes.push({ format, pair: 'A', model });
    if (format === base) lanes.push({ format, pair: 'A2', model });
  }
  const cpuMs = peer.cpuMs ?? (async () => process.cpuUsage().user / 1000 + process.cpuUsage().system / 1000);
  // Once through both phases, not timed: what is compiled or allocated on first use is no format's doing.
  for (const { pair, model } of lanes) if (pair === 'A') await timed(model, plan(0));
  const samples: SpeedSample[] = [];
  const conditions: SpeedSamples['conditions'][number][] = [];
  const blocks = numberParam(task, 'blocks');
  for (let block = 0; block < blocks; block++) {
    io.signal.throwIfAborted();
    const [ended, before] = [watchConditions(), await cpuMs()];
    for (const [place, index] of shuffled(lanes.length, numberParam(task, 'seed'), block).entries()) {
      const { format, pair, model } = lanes[index]!;
      const taken = await timed(model, plan(numberParam(task, 'seconds')));
      for (const phase of ['prefill', 'decode'] as const) samples.push({ format, phase, pair, block, place, ...taken[phase] });
    }
    conditions.push({ block, ...ended(), cpuMs: await cpuMs() - before });
    io.progress(block + 1, blocks, 'blocks');
  }
  const build = buildOf(peer.identity);
  const result: PeerSamples = {
    engine: { name, build, peer: { device: peer.identity.device, settings: listed(peer.identity.settings) } }, threads: io.cpus, promptTokens, samples, conditions,
    // Of what it holds only its weights are told.
    memory: Object.fromEntries(lanes.map(({ format, model: { weights } }) => [format, { weights: weights.linearBytes + weights.otherBytes, decodedCopies: 0, tables: 0, kvCache: 0, workspace: 0 }])),
    machine: describeMachine(), caches: machineCaches(),
  };
  await io.commit(task.id, { samples: JSON.stringify(result) }, { engine: name, build });
}

async function timed(model: PeerModel, plan: PeerTimingPlan): Promise<Awaited<ReturnType<NonNullable<PeerModel['time']>>>> {
  if (model.time === undefined) throw new BadInput('the peer cannot be timed');
  return model.time(plan);
}
