/**
 * Every file of records and of what is remembered, cut at every byte: what is decided from the rest is what was decided from the whole,
 * or that a cell is computed again; never another result.
 */
import { readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { cell, file, gather, output, pipeline, stage } from '../../stages/dag/index.ts';
import { loadCache } from '../../stages/dag/cache-file.ts';
import { listedIn, readCitations } from '../../stages/dag/cited.ts';
import { openStoreOf, readGround } from '../../stages/dag/ground.ts';
import { preview } from '../../stages/dag/preview.ts';
import { Project } from '../dag/project.ts';
import { filesUnder, replaceFile } from '../dag/store-help.ts';
import type { Cell } from '../../stages/dag/index.ts';
import type { Fault, Trials } from './fault.ts';

const CUT = /^(records|cache|cited|kept)\/|^(format|salt)$/;

function declared(): { readonly name: string; readonly cells: readonly Cell[] } {
  const split = stage({ name: 'split', title: 'Split the text', determinism: 'exact', module: 'split.ts', outputs: ['words'], where: 'in-process' });
  const tally = stage({ name: 'tally', title: 'Count the words', determinism: 'exact', module: 'tally.ts', outputs: ['lines'], where: 'in-process' });
  const page = stage({ name: 'page', title: 'Draw the tally', determinism: 'exact', module: 'page.ts', outputs: ['site'], where: 'in-process' });
  const splits = [2, 3].map((n) => cell(split, String(n), { params: { characters: n, factor: 1 }, inputs: { text: file('text.txt') } }));
  const all = cell(tally, 'all', { inputs: { words: gather(splits.map((one) => output(one))) } });
  return { name: 'words', cells: [...splits, all, cell(page, 'index', { inputs: { lines: output(all) } })] };
}

async function open(): Promise<Trials> {
  const project = new Project('words', declared);
  project.write('text.txt', 'an earlier text');
  assert.is((await project.run()).code, 0);
  project.write('text.txt', 'to be one or two');
  assert.is((await project.run()).code, 0);
  assert.is((await project.command('keep', '--as', 'pinned')).code, 0);
  const folder = project.path('.bitwidth');
  // What is young is not remembered: once more, so that the files that remember say something.
  await new Promise((resolve) => setTimeout(resolve, 2100));
  await project.run();
  const whole = new Map(filesUnder(folder).filter((name) => CUT.test(name)).map((name) => [name, readFileSync(`${folder}/${name}`)]));
  const cuts = [...whole].flatMap(([name, bytes]) => Array.from({ length: bytes.length }, (_, length) => [name, length] as const));
  const ofWhole = new Map([...whole.keys()].filter((name) => name.startsWith('cache/')).map((name) => [name, loadCache(`${folder}/${name}`)]));
  const lists = new Map((['cited', 'kept'] as const).flatMap((kind) => listedIn(folder, kind).map((name) => [`${kind}/${name}.json.gz`, JSON.stringify(readCitations(folder, kind, name))])));
  const truth = await decisions(project);
  assert.equal([...truth.values()].filter((what) => what === 'computed again'), []);
  return {
    all: cuts.length,
    close: () => project.remove(),
    async trial(_, index) {
      const [name, length] = cuts[index]!;
      const path = `${folder}/${name}`;
      try {
        replaceFile(path, whole.get(name)!.subarray(0, length));
        let again = 0;
        for (const [id, what] of await decisions(project)) {
          if (what === 'computed again') again++;
          else assert.is(what, truth.get(id), `${name} cut at ${length}: ${id}`);
        }
        for (const [key, value] of ofWhole.has(name) ? loadCache(path) : []) assert.is(value, ofWhole.get(name)!.get(key), `${name} cut at ${length}`);
        const list = /^(cited|kept)\/(.*)\.json\.gz$/.exec(name);
        if (list !== null) {
          const read = readCitations(folder, list[1] as 'cited' | 'kept', list[2]!);
          assert.ok(read === undefined || 'damage' in read || JSON.stringify(read) === lists.get(name), `${name} cut at ${length}`);
        }
        return again > 0 ? 'cells whose records were cut off are computed again' : 'the same is decided';
      } finally {
        replaceFile(path, whole.get(name)!);
      }
    },
  };
}

/** Cell -> the hashes of the outputs that count for it. */
async function decisions(project: Project): Promise<ReadonlyMap<string, string>> {
  const declaration = pipeline({ ...declared(), root: project.root });
  const store = openStoreOf(declaration);
  try {
    const ground = await readGround(declaration, store, declaration.cells);
    store.damagedLines();
    store.runs();
    store.waivers();
    return new Map([...preview({ cells: declaration.cells, onDemand: new Set() }, ground)].map(([id, forecast]) => {
      store.decisions(id);
      if (forecast.kind !== 'done') return [id, 'computed again'];
      return [id, forecast.records.map((record) => JSON.stringify(record.outputs)).join(' ')];
    }));
  } finally {
    await store.close();
  }
}

export const cutFiles: readonly Fault[] = [
  { name: 'cut', title: 'Each file of records, of what is remembered and of what is pinned cut at each of its bytes, one after the other; what is decided from the rest is compared with what the whole said', short: 60, long: 'all', open },
];
