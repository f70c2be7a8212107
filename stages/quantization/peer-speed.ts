/**
 * Times every format of a model on a peer: randomised blocks as in speed.ts, with the same seed, settings and A/A pair, by the peer's own clock around
 * its steps. All formats are loaded before the first block, in one process. Those of ours that are compared with them are timed in the same blocks, at
 * places of the same random order: whatever else the machine does, it does to both, and a ratio is one of neighbours.
 */
import type { Run, TaskCell, TaskIo } from '../dag/index.ts';
import { describeMachine } from '../dag/index.ts';
import { machineCaches } from './caches.ts';
import { studyEngine } from './engine.ts';
import { taskCheckpoint, taskSession } from './loaded-model.ts';
import { PeerHost } from './peer-host.ts';
import { buildOf, listed } from './peer-words.ts';
import type { PeerModel, PeerRun, PeerTimingPlan } from './peers.ts';
import { shuffled } from './speed.ts';
import type { SpeedSample, SpeedSamples } from './speed.ts';
import { watchConditions } from './speed-conditions.ts';
import { timeOnce } from './speed-once.ts';
import type { TimedPhase, TimedSession } from './speed-once.ts';
import { DECODE_SPAN } from './speed-settings.ts';
import { BadInput, guarded, jsonInput, listParam, numberParam, textParam } from './task-values.ts';
import type { TokenizedText } from './task-values.ts';

/** Output `samples`: what speed gives, whose stack it was, and what our engine did in the same blocks. */
export interface PeerSamples extends SpeedSamples {
  readonly engine: SpeedSamples['engine'] & { readonly peer: { readonly device: string; /** 'compute fp32' */ readonly settings: string } };
  readonly ours: { readonly engine: SpeedSamples['engine']; readonly samples: readonly SpeedSample[] };
}

export const run: Run = async (cells, io) => {
  for (const task of cells) {
    const host = new PeerHost(task, io);
    try {
      await guarded(io, task, async () => timeModel(task, io, host));
    } finally {
      await host.close();
    }
  }
};

/** One timing of a block, on the peer or on our engine. */
interface Lane {
  readonly format: string;
  readonly pair: 'A' | 'A2';
  readonly ours: boolean;
  time(leastMs: number): Promise<{ readonly prefill: TimedPhase; readonly decode: TimedPhase }>;
}

async function timeModel(task: TaskCell, io: TaskIo, host: PeerHost): Promise<void> {
  const [name, base] = [textParam(task, 'peer'), textParam(task, 'base')];
  const promptTokens = numberParam(task, 'promptTokens');
  const { ids } = await jsonInput<TokenizedText>(io, task, 'tokens');
  const needed = promptTokens + DECODE_SPAN;
  if (ids.length < needed) throw new BadInput(`the text has ${ids.length} tokens; ${needed} are needed`, 'Lower speed.prompt_tokens.');
  const [tokens, warmUpTokens] = [Int32Array.from(ids.slice(0, needed)), numberParam(task, 'warmUpTokens')];
  const plan = (leastMs: number): PeerTimingPlan => ({ tokens, promptTokens, warmUpTokens, leastMs });
  const peer = await host.run();
  const lanes: Lane[] = [];
  const models: [string, PeerModel][] = [];
  const sessions: (TimedSession & { readonly format: string })[] = [];
  try {
    for (const format of listParam(task, 'formats') as readonly string[]) {
      const model = await host.load(format, task, `artifact.${format}`);
      const lane = { format, ours: false, time: (leastMs: number) => timed(model, plan(leastMs)) };
      lanes.push({ ...lane, pair: 'A' });
      if (format === base) lanes.push({ ...lane, pair: 'A2' });
      models.push([format, model]);
    }
    const checkpoint = await taskCheckpoint(io, task);
    for (const format of listParam(task, 'ours') as readonly string[]) {
      const engine = await studyEngine(io, task, { exact: false, name: textParam(task, 'oursOn') });
      const own = { format, session: await taskSession(io, task, checkpoint, format, engine, `artifact.${format}`), workedMs: () => engine.workedMs?.() };
      sessions.push(own);
      lanes.push({
        format, pair: 'A', ours: true,
        async time(leastMs) {
          const { prefill, decode } = await timeOnce(own, tokens, promptTokens, warmUpTokens, leastMs);
          return { prefill: prefill.taken(), decode: decode.taken() };
        },
      });
    }
    const { theirs, ours, conditions } = await timeBlocks(task, io, lanes, peer.cpuMs);
    const build = buildOf(peer.identity);
    const engine = sessions[0]?.session.engine;
    const result: PeerSamples = {
      engine: { name, build, peer: { device: peer.identity.device, settings: listed(peer.identity.settings) } }, threads: io.cpus, promptTokens, samples: theirs, conditions,
      ours: { engine: { name: engine?.name ?? '', build: engine?.build ?? '' }, samples: ours }, memory: Object.fromEntries(models.map(([format, model]) => [format, heldBy(model)])), machine: describeMachine(), caches: machineCaches(),
    };
    await io.commit(task.id, { samples: JSON.stringify(result) }, { engine: name, build });
  } finally {
    for (const { session } of sessions) session.dispose();
  }
}

/** After the last block. Of other programs only their weights are told. */
function heldBy({ memory, weights }: PeerModel): SpeedSamples['memory'][string] {
  return memory?.() ?? { weights: weights.linearBytes + weights.otherBytes, decodedCopies: 0, tables: 0, kvCache: 0, workspace: 0 };
}

async function timeBlocks(task: TaskCell, io: TaskIo, lanes: readonly Lane[], peerCpuMs: PeerRun['cpuMs']): Promise<{ readonly theirs: SpeedSample[]; readonly ours: SpeedSample[]; readonly conditions: SpeedSamples['conditions'] }> {
  const ownCpuMs = (): number => (process.cpuUsage().user + process.cpuUsage().system) / 1000;
  // Both programs work in a block.
  const cpuMs = async (): Promise<number> => ownCpuMs() + (await peerCpuMs?.() ?? 0);
  // Once through both phases, not timed: what is compiled or allocated on first use is no format's doing.
  for (const { pair, time } of lanes) if (pair === 'A') await time(0);
  const [theirs, ours]: [SpeedSample[], SpeedSample[]] = [[], []];
  const conditions: SpeedSamples['conditions'][number][] = [];
  const [blocks, leastMs] = [numberParam(task, 'blocks'), 1000 * numberParam(task, 'seconds')];
  for (let block = 0; block < blocks; block++) {
    io.signal.throwIfAborted();
    const [ended, before] = [watchConditions(), await cpuMs()];
    for (const [place, index] of shuffled(lanes.length, numberParam(task, 'seed'), block).entries()) {
      const lane = lanes[index]!;
      const taken = await lane.time(leastMs);
      for (const phase of ['prefill', 'decode'] as const) (lane.ours ? ours : theirs).push({ format: lane.format, phase, pair: lane.pair, block, place, ...taken[phase] });
    }
    conditions.push({ block, ...ended(), cpuMs: await cpuMs() - before });
    io.progress(block + 1, blocks, 'blocks');
  }
  return { theirs, ours, conditions };
}

async function timed(model: PeerModel, plan: PeerTimingPlan): Promise<Awaited<ReturnType<NonNullable<PeerModel['time']>>>> {
  if (model.time === undefined) throw new BadInput('the peer cannot be timed');
  return model.time(plan);
}
