/**
 * Run by a test in a process of its own, with drivers of its own and the folder of a store: a run of two cells that take a GPU, on whichever GPUs there are. `scores`: of the study's, the peer gpu's;
 * `opens`: of a stage that only opens one. Prints what is on record.
 */
import { fileURLToPath } from 'node:url';
import { studyPipeline } from '../../bitwidth.ts';
import { cell, commandLine, pipeline, stage } from '../../stages/dag/index.ts';
import { openStoreOf } from '../../stages/dag/ground.ts';
import { readStudy } from '../../stages/quantization/config.ts';
import { readFidelity } from '../../stages/quantization/score-output.ts';
import { studyPeers } from '../../stages/quantization/study-peers.ts';
import { study } from '../../stages/quantization/study.ts';
import type { Cell } from '../../stages/dag/index.ts';
import type { PeerAbout } from '../../stages/quantization/peer-score.ts';

export interface OnCard {
  readonly cell: string;
  readonly facts: { readonly [name: string]: string };
  readonly computedBy: { readonly [name: string]: string };
  readonly beganMs: number;
  readonly endedMs: number;
  /** Of a score: what computed, by its own word, and whether it had our bits. */
  readonly identity?: string;
  readonly equal?: boolean;
}
export interface OnCards { readonly code: number; readonly cells: readonly OnCard[]; readonly warnings: readonly string[]; readonly failures: readonly string[] }

const root = fileURLToPath(new URL('../../', import.meta.url));
const [what, folder] = process.argv.slice(2) as ['scores' | 'opens', string];

async function scoring(): Promise<readonly Cell[]> {
  const quick = await readStudy(root, { quick: true });
  const config = { ...quick, formats: ['fp32'], texts: quick.texts.slice(0, 1), windowsPerText: 1, windowTokens: 40, peers: [{ name: 'gpu', device: 'gpu', compute: 'webgpu' }] };
  return study(config, undefined, [], await studyPeers(config)).cells;
}

function opening(): readonly Cell[] {
  const opens = stage({ name: 'opens', title: 'Open a GPU', determinism: 'measured', module: 'test/gpu/open-card.ts', outputs: ['out'], resources: { gpus: 1 } });
  return ['one', 'two'].map((name) => cell(opens, name, { params: { name } }));
}

const cells = what === 'scores' ? await scoring() : opening();
const { boundaries, gpus } = await studyPipeline(root, { quick: true });
const project = pipeline({ name: 'cards', root, store: folder, cells, boundaries, gpus: gpus! });
const target = what === 'scores' ? 'peer-score:*' : 'opens:*';
const events: { readonly event: string; readonly [field: string]: unknown }[] = [];
const code = await commandLine(() => project, ['run', target, '--json', '--jobs', '4'], { print: (line) => events.push(JSON.parse(line) as (typeof events)[number]), complain: (line) => console.error(line) });
const store = openStoreOf(project);
const onCards: OnCard[] = [];
for (const { cell: id, fields, status, computedBy, durationMs, finishedAt, outputs } of store.records()) {
  if (status !== 'done' || !/^(peer-score|opens):/.test(id)) continue;
  const read = (name: string): Promise<Uint8Array> => store.read(store.handle(outputs[name]!));
  const scored = what === 'opens' ? {} : await (async () => {
    const { nll, nllBase } = readFidelity(await read('own'));
    return { identity: (JSON.parse(new TextDecoder().decode(await read('about'))) as PeerAbout).identity.device, equal: nll.every((value, i) => value === nllBase[i]) };
  })();
  onCards.push({ cell: id, facts: fields.facts, computedBy: computedBy!, endedMs: Date.parse(finishedAt), beganMs: Date.parse(finishedAt) - durationMs, ...scored });
}
await store.close();
const answer: OnCards = {
  code, cells: onCards, warnings: events.filter(({ event }) => event === 'warning').map(({ sentence }) => String(sentence)), failures: events.filter(({ event }) => event === 'failed').map((event) => JSON.stringify(event)),
};
process.stdout.write(JSON.stringify(answer), () => process.exit(0));
