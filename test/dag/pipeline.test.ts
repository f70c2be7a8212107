/** What a pipeline may not be, each refused with a sentence that names the cell and the field. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { cell, ConfigurationError, file, gather, output, pipeline, records, stage } from '../../stages/dag/index.ts';
import { graphOf } from '../../stages/dag/graph.ts';
import { graphSvg } from '../../stages/dag/graph-svg.ts';
import { topological } from '../../stages/dag/pipeline.ts';
import type { Cell, Stage } from '../../stages/dag/index.ts';

const test = suite('dag: pipeline');
const make = (name: string, more: Partial<Stage> = {}): Stage => stage({ name, title: 'Make', determinism: 'exact', module: 'make.ts', outputs: ['out'], ...more });
const a = make('a');
const b = make('b', { outputs: ['one', 'two'], unstableOutputs: ['two'] });
const whole = (cells: readonly Cell[], more: object = {}) => pipeline({ name: 'p', root: '/project', cells, ...more });

test('an unstable output reaches cells of which all outputs are unstable', () => {
  const x = cell(b, 'x');
  const all = make('all', { outputs: ['one'], unstableOutputs: ['one'] });
  assert.is(whole([x, cell(all, 'y', { inputs: { i: gather([output(x, 'two')]), j: output(x, 'two') } })]).cells.length, 2);
});

/** Each with the message that it must give. */
const WRONG: readonly (readonly [what: string, declare: () => unknown, message: string | RegExp])[] = [
  ['stage name', () => make('A b'), 'stage "A b": name must be lower-case letters, digits and "-", and begin with a letter'],
  ['stage module', () => make('a', { module: '../make.ts' }), 'stage "a": module "../make.ts" has the segment ".."; give a path from the project\'s root'],
  ['no outputs', () => make('a', { outputs: [] }), /^stage "a": outputs is empty/],
  ['output twice', () => make('a', { outputs: ['x', 'x'] }), 'stage "a": outputs names one output twice'],
  ['unstable output', () => make('a', { unstableOutputs: ['x'] }), 'stage "a": unstableOutputs has "x", which is not among outputs'],
  ['timeout', () => make('a', { timeoutMs: Number.NaN }), 'stage "a": timeoutMs must be more than 0'],
  ['id with ..', () => cell(a, '../x'), /^cell "a:..\/x": id has the segment "\.\."/],
  ['id with a control character', () => cell(a, 'x\u0007y'), /^cell "a:x\ufffdy": id has the segment "x\ufffdy"/],
  ['id that is very long', () => cell(a, 'x'.repeat(300)), /id is longer than 200 characters$/],
  ['id that is empty', () => cell(a, ''), /id has the segment ""/],
  ['parameter name', () => cell(a, 'x', { params: JSON.parse('{"__proto__":1}') }), /^cell "a:x": params has the name "__proto__"/],
  ['parameter NaN', () => cell(a, 'x', { params: { t: Number.NaN } }), 'cell "a:x": params.t is NaN; numbers must be finite'],
  ['parameter -0, also inside', () => cell(a, 'x', { params: { t: [{ u: -0 }] } }), 'cell "a:x": params.t is -0, which JSON writes as 0; use 0'],
  ['parameter of no JSON type', () => cell(a, 'x', { params: { t: new Map() as never } }), 'cell "a:x": params.t has a value of type object; allowed are the types of JSON'],
  ['absolute file', () => cell(a, 'x', { inputs: { f: file('/etc/passwd') } }), 'cell "a:x": inputs.f file "/etc/passwd" is absolute; give a path from the project\'s root'],
  ['file outside', () => cell(a, 'x', { inputs: { f: file('data/../../x') } }), /has the segment "\.\."/],
  ['uses outside', () => cell(a, 'x', { uses: ['../x.ts'] }), /^cell "a:x": uses file/],
  ['output not named', () => output(cell(b, 'x')), 'output of "b:x": say which one'],
  ['id twice', () => whole([cell(a, 'x'), cell(a, 'x')]), 'cell "a:x": declared twice; ids must be unique'],
  ['stage twice', () => whole([cell(a, 'x'), cell(make('a'), 'y')]), 'stage "a": declared twice; share one declaration among its cells'],
  ['unknown cell', () => whole([cell(a, 'left'), cell(a, 'y', { inputs: { i: output('a:lefd', 'out') } })]), 'cell "a:y": inputs.i refers to the unknown cell "a:lefd"; did you mean "a:left"?'],
  ['unknown output', () => whole([cell(a, 'x'), cell(a, 'y', { inputs: { i: output('a:x', 'outt') } })]), 'cell "a:y": inputs.i refers to the output "outt" of "a:x"; its outputs are out'],
  ['unstable input', () => { const x = cell(b, 'x'); return whole([x, cell(a, 'y', { inputs: { i: gather([output(x, 'two')]) } })]); }, /whose bytes may differ between equal runs/],
  ['unknown record', () => whole([cell(a, 'y', { inputs: { i: records(['b:z']) } })]), 'cell "a:y": inputs.i refers to the unknown cell "b:z"'],
  ['tool name', () => cell(a, 'x', { tools: JSON.parse('{"__proto__":1}') }), /^cell "a:x": tools has the name "__proto__"/],
  ['unknown tool', () => whole([cell(a, 'x', { tools: { t: output('t:y', 'out') } })]), 'cell "a:x": tools.t refers to the unknown cell "t:y"'],
  ['tool that is not optional', () => { const x = cell(a, 'x'); return whole([x, cell(a, 'y', { tools: { t: output(x) } })]); }, /^cell "a:y": tools.t refers to "a:x", whose stage is not optional; declare/],
  ['input that is optional', () => { const x = cell(make('t', { optional: true }), 'x'); return whole([x, cell(a, 'y', { inputs: { i: output(x) } })]); }, 'cell "a:y": inputs.i needs "t:x", whose stage is optional; gather it, or use it as a tool'],
  ['cycle through a tool', () => { const t = make('t', { optional: true }); const x = cell(a, 'x', { tools: { t: output('t:y', 'out') } }); return whole([x, cell(t, 'y', { inputs: { i: output(x) } })]); }, /^the cells form a cycle: (a:x -> t:y -> a:x|t:y -> a:x -> t:y)$/],
  ['revocation of everything', () => whole([], { revoked: [{ computedBy: {}, reason: 'wrong' }] }), 'pipeline "p": a revocation (wrong) names nothing that computed; give at least one value of computedBy'],
  ['cycle', () => whole([cell(a, 'x', { inputs: { i: output('a:z', 'out') } }), cell(a, 'y', { inputs: { i: output('a:x', 'out') } }), cell(a, 'z', { inputs: { i: output('a:y', 'out') } })]), /^the cells form a cycle: a:\w -> a:\w -> a:\w -> a:\w$/],
  ['relative root', () => pipeline({ name: 'p', root: 'here', cells: [] }), 'pipeline "p": root must be an absolute path'],
  ['export over the store', () => whole([], { exports: [{ to: '.bitwidth/site', from: [] }] }), 'export to ".bitwidth/site": it overlaps the store .bitwidth'],
  ['export outside', () => whole([], { exports: [{ to: '../site', from: [] }] }), /^export to "\.\.\/site": the path has the segment/],
];
for (const [what, declare, message] of WRONG) {
  test(what, () => {
    try {
      declare();
    } catch (error) {
      assert.instance(error, ConfigurationError);
      const text = (error as Error).message;
      if (typeof message === 'string') assert.is(text, message);
      else assert.match(text, message);
      return;
    }
    assert.unreachable('it was accepted');
  });
}

test('each cell comes after all that it reads', () => {
  const cells: Cell[] = [cell(a, '0')];
  // Reads several before it, by a rule without meaning; declared in reverse.
  for (let i = 1; i < 60; i++) cells.push(cell(a, String(i), { inputs: { g: gather([output(cells[(i * 7) % i]!), output(cells[i >> 1]!)]) } }));
  const order = topological([...cells].reverse()).map(({ id }) => id);
  assert.is(order.length, 60);
  for (const one of cells) {
    const input = one.inputs['g'];
    if (input?.kind === 'gather') for (const { cell: before } of input.of) assert.ok(order.indexOf(before) < order.indexOf(one.id));
  }
});

test('a graph of stages counts cells, and its drawing is safe', () => {
  const first = [1, 2, 3].map((i) => cell(a, String(i)));
  const second = cell(make('b'), 'x', { inputs: { all: gather(first.map((one) => output(one))) } });
  const nodes = graphOf([...first, second], 'stages');
  assert.equal(nodes, [{ name: 'a', cells: 3, reads: [] }, { name: 'b', cells: 1, reads: ['a'] }]);
  const svg = graphSvg([...nodes, { name: '<script>&', cells: 1, reads: ['b'] }], 'a "title"');
  assert.is(svg.match(/<rect /g)?.length, 3);
  assert.is(svg.match(/<path /g)?.length, 2);
  assert.not.match(svg, /<script>/);
  assert.match(svg, /aria-label="a &quot;title&quot;/);
});

test('a graph of stages follows the data, also where some cells of a late stage read nothing', () => {
  const [early, middle, late] = ['early', 'middle', 'late'].map((name) => make(name)) as [Stage, Stage, Stage];
  const first = cell(early, 'x');
  const second = cell(middle, 'x', { inputs: { of: output(first) } });
  const nodes = graphOf([cell(late, 'alone'), first, second, cell(late, 'x', { inputs: { of: gather([output(first), output(second)]) } })], 'stages');
  assert.equal(nodes.map(({ name, reads }) => [name, reads]), [['early', []], ['middle', ['early']], ['late', ['early', 'middle']]]);
  const svg = graphSvg(nodes, 'x');
  assert.equal(svg.match(/<rect x="\d+"/g), ['<rect x="20"', '<rect x="240"', '<rect x="460"'], 'three columns');
  assert.is(svg.match(/<path /g)?.length, 2, 'early to late is implied');
  assert.match(svg, /<title>late reads early, middle<\/title>/);
});

test('stages that read from each other are drawn with both lines', () => {
  const one = cell(a, '1');
  const two = cell(make('c'), '1', { inputs: { of: output(one) } });
  const nodes = graphOf([one, two, cell(a, '2', { inputs: { of: output(two) } })], 'stages');
  assert.equal(nodes.map(({ name }) => name), ['a', 'c']);
  assert.is(graphSvg(nodes, 'x').match(/<path /g)?.length, 2);
});

test.run();
