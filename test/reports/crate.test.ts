/** The RO-Crate's graph: every entity that is named is there, times and terms are as the standard has them, and it stays small. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { crateOf } from '../../reports/crate.ts';
import type { CellProvenance } from '../../stages/dag/index.ts';

const sha = (n: number): string => n.toString(16).padStart(64, '0');

function item(stage: string, i: number, inputs: CellProvenance['inputs'] = {}): CellProvenance {
  return {
    cell: `${stage}:${i}`, stage, determinism: 'exact', params: { i }, inputs, code: { [`stages/${stage}.ts`]: sha(1) }, reasons: [],
    record: {
      cell: `${stage}:${i}`, key: sha(i), fields: { stage, params: { i }, inputs: {}, code: sha(1), facts: {} }, status: 'done', outputs: { out: { sha256: sha(100 + i), bytes: 10 } },
      computedBy: { engine: 'native', build: 'b' }, durationMs: 500, finishedAt: `2026-01-01T00:00:${String(10 + (i % 40)).padStart(2, '0')}.500+00:00`, machine: 'machine-1', run: 'r',
    },
  } as unknown as CellProvenance;
}

const input = (items: readonly CellProvenance[]): Parameters<typeof crateOf>[0] => ({
  name: 'A study', description: 'Of things.', licence: 'Apache-2.0', basedOn: { name: 'A paper', url: 'https://example.org/paper' }, items, titles: new Map([['make', 'Make it']]), workflow: { path: 'data/code/pipeline.ts', bytes: 9 }, readme: Buffer.from('# A study'),
  files: [{ path: 'index.html', bytes: 5, sha256: sha(7), cell: 'page:x' }, { path: 'cells/a.html', bytes: 5, sha256: sha(8), cell: 'cells:x' }, { path: 'data/t.csv', bytes: 5, sha256: sha(9), cell: 'exports:x' }],
  sources: [{ path: 'data/a.txt', title: 'A', origin: 'somewhere', licence: 'public domain', sha256: sha(3), bytes: 4 }],
});

interface Entity { readonly '@id': string; readonly '@type': string | readonly string[]; readonly [property: string]: unknown }
const graphOf = (items: readonly CellProvenance[]): readonly Entity[] => (crateOf(input(items)) as { '@graph': readonly Entity[] })['@graph'];

const items = [...Array.from({ length: 50 }, (_, i) => item('make', i, { text: [{ file: 'data/a.txt', sha256: sha(3) }] })), item('use', 60, { of: [{ cell: 'make:1', output: 'out' }, { cell: 'make:2', output: 'out' }] })];

test('every entity that is named is in the graph, once', () => {
  const graph = graphOf(items);
  const ids = graph.map((entity) => entity['@id']);
  assert.is(new Set(ids).size, ids.length);
  const outside = /^https?:\/\/(www\.typescriptlang|bioschemas|w3id\.org\/ro\/crate)/;
  const named = new Set<string>();
  const walk = (value: unknown): void => {
    if (Array.isArray(value)) { assert.ok(value.length > 1, 'a list of one'); value.forEach(walk); return; }
    if (typeof value === 'object' && value !== null) named.add((value as { '@id': string })['@id']);
  };
  for (const entity of graph) for (const [property, value] of Object.entries(entity)) if (property !== '@id' && property !== '@type') walk(value);
  assert.equal([...named].filter((id) => !ids.includes(id) && !outside.test(id)), []);
});

test('a stage is an action: from when the first of its cells began to the last one\'s end, of what it read', () => {
  const action = graphOf(items).find((entity) => entity['@id'] === '#action-make')!;
  assert.equal([action['startTime'], action['endTime']], ['2026-01-01T00:00:10+00:00', '2026-01-01T00:00:49+00:00']);
  assert.equal(action['object'], { '@id': '#source-data/a.txt' });
  const use = graphOf(items).find((entity) => entity['@id'] === '#action-use')!;
  assert.equal(use['object'], { '@id': '#results-make' });
  assert.match(String(action['description']), /^50 cells, computed by native b; one by one in data\/records/);
});

test('every term is in its own list of terms; its size does not grow with the cells', () => {
  const crate = crateOf(input(items)) as { '@context': readonly unknown[]; '@graph': readonly Entity[] };
  const terms = new Set(Object.keys(crate['@context'].find((one) => typeof one === 'object') as object));
  const used = new Set(crate['@graph'].flatMap((entity) => [...Object.keys(entity).filter((name) => !name.startsWith('@')), ...[entity['@type']].flat()]));
  assert.equal([...used].filter((term) => !terms.has(term)), []);
  const many = JSON.stringify(crateOf(input(Array.from({ length: 5000 }, (_, i) => item('make', i)))));
  assert.ok(many.length < JSON.stringify(crateOf(input(items))).length + 2000);
});

test('a study without a result is a crate, too', () => {
  const graph = graphOf([]);
  assert.is(graph.find((entity) => entity['@id'] === '#run'), undefined);
  assert.not.match(JSON.stringify(graph), /undefined|null|Infinity/);
});

test.run();
