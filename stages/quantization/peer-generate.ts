/**
 * Has a peer continue the study's prompts: the very token ids that our own cells continue, at the same settings of the sampler. What it takes greedily can be
 * held against ours token by token. What another program draws comes of its own stream of random numbers: one such text says nothing beside one of ours, many of them do. Kernels
 * of ours elsewhere draw by the study's noise.
 * The study's judge rates what was written, as it rates what our engines write.
 */
import { promptKeyOf } from '../../kernels/sampler.ts';
import type { Session, Tokenizer } from '../../kernels/index.ts';
import { threefry2x32 } from '../../kernels/threefry.ts';
import type { Run, TaskCell, TaskIo } from '../dag/index.ts';
import { isGreedy } from './cell-ids.ts';
import type { Sampling } from './cell-ids.ts';
import { studyEngine } from './engine.ts';
import { judgeTexts } from './judge-texts.ts';
import { taskCheckpoint, taskSession } from './loaded-model.ts';
import { eachFormatOnPeer } from './peer-formats.ts';
import { peerNamed } from './peers.ts';
import type { PeerModel, PeerSampling, PeerTextRequest } from './peers.ts';
import { groupsOf } from './sequences.ts';
import { taskTokenizer } from './task-tokenizer.ts';
import { BadInput, jsonInput, numberParam, openedForAll, textParam } from './task-values.ts';
import type { JudgedText, WrittenText } from './task-values.ts';

/** Output `written`. */
export interface PeerWritten extends Sampling {
  readonly model: string;
  readonly peer: string;
  readonly format: string;
  readonly newTokens: number;
  readonly texts: readonly WrittenText[];
  /** In the order of `texts`; without values where the judge has another tokenizer. */
  readonly judged: readonly JudgedText[];
}

export const run: Run = async (cells, io) => {
  const first = cells[0]!;
  const { tokenizer, judge } = await openedForAll(async () => ({ tokenizer: await taskTokenizer(io, first), judge: await judgeOf(first, io) }));
  try {
    await eachFormatOnPeer(cells, io, 'settings', async (own, host, commit) => {
      const model = await host.load(textParam(own[0]!, 'format'), own[0]!);
      const prompts = new Map<TaskCell, readonly WrittenText[]>();
      for (const cell of own) prompts.set(cell, await jsonInput<readonly WrittenText[]>(io, cell, 'prompts'));
      for (const group of model.generateAll === undefined ? own.map((cell) => [cell]) : groupsOf(own, (cell) => prompts.get(cell)!.length)) {
        io.signal.throwIfAborted();
        const requests = group.map((cell) => requestsOf(cell, prompts.get(cell)!));
        const ids = await continued(model, requests.flat(), io);
        for (const [index, cell] of group.entries()) {
          const texts = ids.splice(0, requests[index]!.length).map((own, place) => textOf(prompts.get(cell)![place]!, own, tokenizer, judge));
          await commit(cell, { written: JSON.stringify(await written(cell, io, texts, judge)) });
        }
      }
      await model.close();
    });
  } finally {
    judge?.dispose();
  }
};

/** None where it cannot read what is written. */
async function judgeOf(task: TaskCell, io: TaskIo): Promise<Session | undefined> {
  const sha256 = (name: string): string | undefined => { const input = task.inputs[name]; return input?.kind === 'object' ? input.handle.sha256 : undefined; };
  if (sha256('tokenizer') !== sha256('judgeTokenizer')) return undefined;
  const checkpoint = await taskCheckpoint(io, task, { config: 'judgeConfig', weights: 'judgeWeights' });
  return taskSession(io, task, checkpoint, textParam(task, 'judgeBase'), await studyEngine(io, task, { exact: true }), 'none');
}

/** In the order of the requests. */
async function continued(model: PeerModel, requests: readonly PeerTextRequest[], io: TaskIo): Promise<Int32Array[]> {
  if (model.generateAll !== undefined) return model.generateAll(requests);
  const texts: Int32Array[] = [];
  for (const { prompt, newTokens, sampling } of requests) {
    io.signal.throwIfAborted();
    if (model.generate === undefined) throw new BadInput('the peer writes no texts');
    texts.push(await model.generate(prompt, newTokens, sampling));
  }
  return texts;
}

const samplingOf = (task: TaskCell): Sampling => ({ temperature: numberParam(task, 'temperature'), topK: numberParam(task, 'topK'), seed: numberParam(task, 'seed') });

function requestsOf(task: TaskCell, prompts: readonly WrittenText[]): PeerTextRequest[] {
  const [newTokens, sampling] = [numberParam(task, 'newTokens'), samplingOf(task)];
  const ours = peerNamed(textParam(task, 'peer')).ownKernels === true;
  return prompts.map(({ promptIds }) => ({ prompt: Int32Array.from(promptIds), newTokens, sampling: ours && !isGreedy(sampling.temperature, sampling.topK) ? sampling : peerSampling(sampling, promptIds) }));
}

function textOf({ prompt, promptIds }: WrittenText, ids: Int32Array, tokenizer: Tokenizer, judge: Session | undefined): WrittenText {
  const beyond = judge === undefined ? undefined : ids.find((id) => id >= judge.shape.vocabulary);
  if (beyond !== undefined) throw new BadInput(`the peer wrote token ${beyond}; the vocabulary has ${judge!.shape.vocabulary}`);
  return { prompt, promptIds, ids: [...ids], text: tokenizer.decode(ids), pieces: tokenizer.pieces(ids) };
}

async function written(task: TaskCell, io: TaskIo, texts: readonly WrittenText[], judge: Session | undefined): Promise<PeerWritten> {
  const nll = judge === undefined ? undefined : await judgeTexts(judge, texts, () => io.signal.throwIfAborted());
  return {
    model: textParam(task, 'model'), peer: textParam(task, 'peer'), format: textParam(task, 'format'), ...samplingOf(task), newTokens: numberParam(task, 'newTokens'), texts,
    judged: texts.map((text) => ({ prompt: text.prompt, nll: nll?.get(text) ?? [] })),
  };
}

/** Undefined: greedy. Each prompt has a stream of its own, the same for all formats, or what prompts have in common would be the random numbers. */
export function peerSampling({ temperature, topK, seed }: Sampling, promptIds: readonly number[]): PeerSampling | undefined {
  if (isGreedy(temperature, topK)) return undefined;
  const [word] = threefry2x32(promptKeyOf(promptIds), seed, 0, 0);
  return { temperature, topK, seed: word >>> 1 };
}
