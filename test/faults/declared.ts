/** Pipelines that a hostile or careless hand wrote: names, parameters, graphs. What is accepted is run, and must come out as declared. */
import { readdirSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { cell, ConfigurationError, gather, output, pipeline, stage } from '../../stages/dag/index.ts';
import { openStore } from '../../stages/dag/open-store.ts';
import { shuffled } from '../../stages/dag/random.ts';
import { Project } from '../dag/project.ts';
import { between, pick } from './fault.ts';
import type { Cell, Json } from '../../stages/dag/index.ts';
import type { Fault, Random, Trials } from './fault.ts';

const PIECES = ['..', '.', '/', '/etc/passwd', '\\', '\0', '\n', '\u001b[2J', '\u202e', '__proto__', 'constructor', 'toString', 'hasOwnProperty', '$(id)', '`id`', ';', ' ', '%2e%2e', '~', '-rf', '--help', 'CON', 'é', 'e\u0301', '\ud800', '\u{1f600}', 'a', 'b', 'x'.repeat(250), '', '=', '+', '_', ':'] as const;
const act = stage({ name: 'act', title: 'Act', determinism: 'exact', module: 'act.ts', outputs: ['out'], where: 'in-process' });

const hostileName = (random: Random): string => Array.from({ length: between(random, 1, 3) }, () => pick(random, PIECES)).join('');

function hostileValue(random: Random, depth = 0): Json {
  switch (between(random, 0, depth > 3 ? 3 : 5)) {
    case 0: return hostileName(random);
    case 1: return pick(random, [0, -0, 1e308, 5e-324, 2 ** 53, -1.5, NaN, Infinity]);
    case 2: return pick(random, [null, true, false, '', 'x'.repeat(100_000)]);
    case 3: return hostileName(random).repeat(50);
    case 4: return Array.from({ length: between(random, 0, 3) }, () => hostileValue(random, depth + 1));
    // As JSON.parse makes them: '__proto__' is a name like any other there.
    default: return JSON.parse(`{${Array.from({ length: between(random, 0, 3) }, (_, i) => `${JSON.stringify(`${hostileName(random)}${i > 0 ? i : ''}`)}:${JSON.stringify(hostileValue(random, depth + 1))}`).join(',')}}`) as Json;
  }
}

/** What `declare` gives, or undefined where it is refused with a sentence in which nothing can act on a terminal. */
function accepted<T>(declare: () => T): T | undefined {
  try {
    return declare();
  } catch (error) {
    assert.instance(error, ConfigurationError, String((error as Error).stack));
    assert.not.match((error as Error).message, /[\u0000-\u0009\u000b-\u001f\u007f]/);
    return undefined;
  }
}

async function names(): Promise<Trials> {
  return {
    async trial(random) {
      const cells = new Map<string, Cell>();
      const names: string[] = [];
      for (let i = 0; i < 25; i++) {
        const name = random() < 0.5 ? `c${i}` : hostileName(random);
        const params = random() < 0.5 ? { value: hostileValue(random) } : JSON.parse(`{${JSON.stringify(hostileName(random))}:1}`) as { [name: string]: Json };
        const one = accepted(() => cell(act, name, { params: { ...params, act: 'commit', i } }));
        names.push(name);
        if (one !== undefined) cells.set(one.id, one);
      }
      const project = new Project('faults', () => ({ name: 'hostile', cells: [...cells.values()] }));
      try {
        const { code, ran } = await project.run();
        assert.is(code, 0);
        assert.is(ran.length, cells.size);
        const store = openStore({ folder: project.path('.bitwidth'), env: {} });
        for (const { id, params } of cells.values()) {
          const record = store.newestOfCell(id)!;
          const bytes = await store.read(store.handle(record.outputs['out']!));
          assert.is(Buffer.from(bytes).toString(), Buffer.from(`${id} ${JSON.stringify(params)}`).toString(), 'the stage was given what was declared');
        }
        await store.close();
        assert.equal(readdirSync(project.root).sort(), ['.bitwidth', 'act.ts', 'begun.log']);
        assert.equal((await project.run()).ran, []);
        assert.is((await project.command('check')).code, 0);
        assert.is(Object.getOwnPropertyNames(Object.prototype).length, PROTOTYPE_NAMES, 'nothing was put on every object');
      } finally {
        project.remove();
      }
      return 'refused with a sentence, or computed as declared; nothing is written elsewhere';
    },
  };
}

const PROTOTYPE_NAMES = Object.getOwnPropertyNames(Object.prototype).length;

/** Each cell reads some of those before it. */
function randomGraph(random: Random, size: number): readonly Cell[] {
  const cells: Cell[] = [];
  for (let i = 0; i < size; i++) {
    const before = [...new Set(Array.from({ length: i === 0 ? 0 : between(random, 0, 3) }, () => between(random, 0, i - 1)))];
    cells.push(cell(act, String(i), { params: { act: 'commit', i }, inputs: before.length === 0 ? {} : random() < 0.5 ? { all: gather(before.map((j) => output(cells[j]!))) } : Object.fromEntries(before.map((j) => [`in${j}`, output(cells[j]!)])) }));
  }
  return cells;
}

const withInput = (one: Cell, id: string): Cell => ({ ...one, inputs: { ...one.inputs, more: output(id, 'out') } });

/** What is done to a graph, and what must be said of it. */
const SPOILED: readonly (readonly [what: string, spoil: (cells: readonly Cell[], random: Random) => readonly Cell[], sentence: RegExp])[] = [
  ['a cycle', (cells, random) => {
    // From a cell to one that leads to it, or to itself.
    const readers = cells.map((_, i) => i).filter((i) => Object.keys(cells[i]!.inputs).length > 0);
    const last = pick(random, readers);
    const from = [...reads(cells[last]!)][0]!;
    return cells.map((one) => one.id === from ? withInput(one, cells[last]!.id) : one);
  }, /^the cells form a cycle: act:\d+ -> .*act:\d+$/],
  ['a cell that reads itself', (cells, random) => { const chosen = pick(random, cells); return cells.map((one) => one === chosen ? withInput(one, one.id) : one); }, /^the cells form a cycle: (act:\d+) -> \1$/],
  ['a name given twice', (cells, random) => [...cells, pick(random, cells)], /^cell "act:\d+": declared twice/],
  ['an edge that leads nowhere', (cells, random) => { const chosen = pick(random, cells); return cells.map((one) => one === chosen ? withInput(one, 'act:missing') : one); }, /^cell "act:\d+": inputs\.more refers to the unknown cell "act:missing"/],
  ['an edge to an output that there is not', (cells, random) => { const chosen = cells.at(-1)!; const first = pick(random, cells.slice(0, -1)); return cells.map((one) => one === chosen ? { ...one, inputs: { more: output(first.id, 'other') } } : one); }, /refers to the output "other"/],
];

function reads(one: Cell): ReadonlySet<string> {
  return new Set(Object.values(one.inputs).flatMap((input) => input.kind === 'output' ? [input.cell] : input.kind === 'gather' ? input.of.map((ref) => ref.cell) : []));
}

async function graphs(): Promise<Trials> {
  return {
    async trial(random) {
      const graph = randomGraph(random, between(random, 5, 40));
      for (const [what, spoil, sentence] of SPOILED) {
        if (!graph.some((one) => Object.keys(one.inputs).length > 0)) continue;
        const spoiled = shuffled(spoil(graph, random), between(random, 0, 1e9));
        try {
          pipeline({ name: 'graph', root: '/nowhere', cells: spoiled });
        } catch (error) {
          assert.instance(error, ConfigurationError);
          assert.match((error as Error).message, sentence);
          continue;
        }
        assert.unreachable(`${what} was accepted`);
      }
      return 'each refused with a sentence that names the cell';
    },
  };
}

/** Order of declaration and of work is nobody's business: the machinery shuffles what is ready, so that a missing edge shows. */
async function orders(): Promise<Trials> {
  return {
    async trial(random) {
      const graph = randomGraph(random, 30);
      const results: string[] = [];
      for (let i = 0; i < 2; i++) {
        const project = new Project('faults', () => ({ name: 'graph', cells: shuffled(graph, between(random, 0, 1e9)) }));
        try {
          assert.is((await project.run()).ran.length, graph.length);
          const store = openStore({ folder: project.path('.bitwidth'), env: {} });
          results.push(JSON.stringify(store.records().map(({ cell: id, key, outputs }) => [id, key, outputs]).sort()));
          await store.close();
          const place = new Map(project.begun().map((id, at) => [id, at]));
          for (const one of graph) for (const before of reads(one)) assert.ok(place.get(before)! < place.get(one.id)!, `${one.id} began before ${before}`);
          assert.equal((await project.run()).ran, [], 'declared in another order, nothing is computed again');
        } finally {
          project.remove();
        }
      }
      assert.is(results[0], results[1]);
      return 'the same keys and bytes, each cell after all that it reads';
    },
  };
}

export const declarations: readonly Fault[] = [
  { name: 'declared-names', title: 'A pipeline of 25 cells with hostile names and parameters (`../`, absolute paths, control characters, `__proto__`, very long)', short: 3, long: 40, open: names },
  { name: 'declared-graphs', title: 'A graph with a cycle, a name given twice, an edge that leads nowhere', short: 5, long: 300, open: graphs },
  { name: 'declared-orders', title: 'A graph declared in another order', short: 1, long: 12, open: orders },
];
