/**
 * What an engine must compute exactly as the reference does: each op, each format, odd shapes. An engine runs selfTest() when it
 * is first opened in a process, on the machine that will compute; test/conformance/engines.test.ts runs the larger set.
 */
import { DOT_BLOCK, fromBits } from './arithmetic.ts';
import { ReferenceOps } from './engines/reference.ts';
import { formatNamed, formats } from './formats.ts';
import type { Activation, AttentionShape, Ops, RowCopies, Weight } from './ops.ts';
import { rotaryTables } from './rotary.ts';
import { threefry2x32 } from './threefry.ts';

/** 2^-130, below the smallest normal fp32. */
const DENORMAL = fromBits(1 << 19);

/** A canonical engine that disagrees with the reference on this machine. */
export class EngineUnfit extends Error {
  constructor(engine: string, disagreement: string) {
    super(`the engine ${engine} disagrees with the reference on this machine: ${disagreement}`);
    this.name = 'EngineUnfit';
  }
}

/** One computation; its result must have the same bits on every canonical engine. */
export interface OpCase {
  readonly name: string;
  run(ops: Ops): Promise<Float32Array>;
}

/** Throws EngineUnfit naming the first case whose bits differ. `fresh` gives an instance for one case, which is disposed after it. */
export async function selfTest(engine: string, fresh: () => Ops | Promise<Ops>, cases: readonly OpCase[] = opCases('start')): Promise<void> {
  for (const { name, run } of cases) {
    const judge = new ReferenceOps();
    const ops = await fresh();
    try {
      const expected = await run(judge);
      const actual = await run(ops);
      const at = firstDifference(expected, actual);
      if (at !== undefined) throw new EngineUnfit(engine, `${name}: element ${at} is ${actual[at]}, not ${expected[at]}`);
    } catch (error) {
      if (error instanceof EngineUnfit) throw error;
      throw new EngineUnfit(engine, `${name}: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      ops.dispose();
    }
  }
}

/** Index of the first value whose bits differ, or undefined. +0 and -0 differ. */
export function firstDifference(expected: Float32Array, actual: Float32Array): number | undefined {
  if (expected.length !== actual.length) return Math.min(expected.length, actual.length);
  const a = new Int32Array(expected.buffer, expected.byteOffset, expected.length);
  const b = new Int32Array(actual.buffer, actual.byteOffset, actual.length);
  const at = a.findIndex((bits, index) => bits !== b[index]);
  return at < 0 ? undefined : at;
}

/**
 * Reproducible values over many magnitudes: mostly within +-2, every 17th zero, every 29th denormal, every 31st an outlier
 * beyond 6 (LLM.int8() treats those apart).
 */
export function testValues(seed: number, length: number, scale = 1): Float32Array {
  return Float32Array.from({ length }, (_, i) => {
    const [r, s] = threefry2x32(seed, 0, i, 0);
    if (i % 17 === 16) return i % 2 === 0 ? 0 : -0;
    const value = (r / 1073741824) * scale; // 2^30
    if (i % 29 === 28) return value * DENORMAL;
    if (i % 31 === 30) return value + Math.sign(value) * 6;
    return value / (1 << (s >>> 8) % 6);
  });
}

/** `start`: milliseconds. `full`: what a test takes seconds for. */
export function opCases(extent: 'start' | 'full'): OpCase[] {
  const full = extent === 'full';
  return [
    ...linearCases(full), ...mixedOutlierCases(full), ...(full ? [...roundShapeCases(), ...blockSizeCases(), ...randomLinearCases(), ...halfCases()] : []), ...embedCases(), ...normCases(full), ...headNormCases(full), ...columnCases(), ...rotateCases(), ...attentionCases(full), ...elementCases(), takeCase(), sampleCase(), ...notFiniteCases(), sharedBeginningCase(), takeTwiceCase(),
  ];
}

/** An activation of chosen values: the rows of a table, looked up. */
export function input(ops: Ops, rows: number, cols: number, values: Float32Array, positions = Int32Array.from({ length: rows }, (_, i) => i), slots = new Int32Array(rows), copies?: RowCopies): Activation {
  ops.begin({ slot: slots, position: positions, token: Int32Array.from({ length: rows }, (_, i) => i), ...(copies === undefined ? {} : { copies }) });
  return ops.embed(table(ops, 'fp32', rows, cols, values));
}

export function table(ops: Ops, formatName: string, outFeatures: number, inFeatures: number, values: Float32Array, blockSize?: number): Weight {
  const format = formatNamed(formatName);
  return ops.weight(format.encode({ name: `test ${formatName}`, shape: [outFeatures, inFeatures], values }, blockSize === undefined ? {} : { blockSize }), format);
}

function linearCases(full: boolean): OpCase[] {
  // [rows, outFeatures, inFeatures]: whole blocks, ragged blocks, less than a lane group, more rows than any tile.
  const shapes = [[1, 3, 64], [5, 17, 130], [9, 5, 33]];
  if (full) {
    shapes.push([1, 1, 1], [2, 7, 2], [1, 16, 63], [3, 16, 65], [33, 19, 192], [16, 64, 128], [4, 4, 96], [8, 31, 320], [7, 9, 1], [1, 130, 704], [6, 2, 129]);
    for (let rows = 1; rows <= 33; rows += 4) shapes.push([rows, rows + 2, 64 + rows]);
  }
  const cases = formats.flatMap(({ name }) => shapes.map(([rows, outFeatures, inFeatures], index): OpCase => ({
    name: `linear ${name} [${rows}, ${inFeatures}] x [${outFeatures}, ${inFeatures}]`,
    async run(ops) {
      const x = input(ops, rows!, inFeatures!, testValues(index, rows! * inFeatures!));
      const w = table(ops, name, outFeatures!, inFeatures!, testValues(100 + index, outFeatures! * inFeatures!, 0.05));
      const bias = index % 2 === 0 ? ops.vector(testValues(200, outFeatures!)) : undefined;
      const plain = ops.linear(x, w, bias);
      return ops.read(ops.linear(x, w, bias, plain), 'linear');
    },
  })));
  cases.push({
    name: 'linear with denormal results',
    async run(ops) {
      const x = input(ops, 2, 70, testValues(7, 140, DENORMAL).map((v) => (Math.abs(v) > 1 ? 0 : v)));
      return ops.read(ops.linear(x, table(ops, 'fp32', 5, 70, testValues(8, 350))), 'linear');
    },
  });
  return cases;
}

/** One product without bias of test values. */
function productCase(formatName: string, rows: number, outFeatures: number, inFeatures: number, seed: number, blockSize?: number): OpCase {
  return {
    name: `product ${formatName}${blockSize === undefined ? '' : ` in blocks of ${blockSize}`} [${rows}, ${inFeatures}] x [${outFeatures}, ${inFeatures}]`,
    async run(ops) {
      const x = input(ops, rows, inFeatures, testValues(seed, rows * inFeatures));
      return ops.read(ops.linear(x, table(ops, formatName, outFeatures, inFeatures, testValues(seed + 1, outFeatures * inFeatures, 0.05), blockSize)), 'linear');
    },
  };
}

/** Every number of rows from 1 to 33 over whole blocks, where packed codes are multiplied as they are. */
function roundShapeCases(): OpCase[] {
  return formats.flatMap(({ name }) => Array.from({ length: 33 }, (_, i) => productCase(name, i + 1, 1 + (i * 7) % 23, 64 * (1 + i % 5), 300 + i)));
}

/** Scales whose blocks are shorter than a block of the dot product, span several, and cross rows. */
function blockSizeCases(): OpCase[] {
  return formats.filter(({ tableCodes }) => tableCodes).flatMap(({ name }) => [32, 128, 256, 4096].flatMap((blockSize) => [
    productCase(name, 3, 9, 192, 400, blockSize), productCase(name, 1, 6, 100, 401, blockSize),
  ]));
}

/** A batch of which some rows have outliers for LLM.int8(), from none to all columns; so many outputs that a product put together in another order shows. */
function mixedOutlierCases(full: boolean): OpCase[] {
  return (full ? [64, 130, 300] : [130]).map((inFeatures) => ({
    name: `int8 over ${inFeatures} columns, rows with 0 to all outliers`,
    async run(ops) {
      const [rows, outFeatures] = [9, 70];
      const values = testValues(500, rows * inFeatures, 0.5).map((value, i) => {
        const outliers = Math.floor((Math.floor(i / inFeatures) * inFeatures) / (rows - 1));
        return (i * 37) % inFeatures < outliers ? (value < 0 ? value - 6 : value + 6) : Math.max(-5.9, Math.min(5.9, value));
      });
      return ops.read(ops.linear(input(ops, rows, inFeatures, values), table(ops, 'int8', outFeatures, inFeatures, testValues(501, outFeatures * inFeatures, 0.05))), 'int8');
    },
  }));
}

/** Shapes drawn at random, the same in every run. */
function randomLinearCases(): OpCase[] {
  return Array.from({ length: 48 }, (_, i) => {
    const [a, b] = threefry2x32(600, 0, i, 0);
    const below = (bits: number, limit: number) => (bits & 0xffff) % limit;
    const inFeatures = i % 3 === 0 ? 64 * (1 + below(b, 12)) : 1 + below(b, 700);
    return productCase(formats[i % formats.length]!.name, 1 + below(a, 40), 1 + below(a >>> 16, 90), inFeatures, 600 + i);
  });
}

/** Weights of 16 bits at the edges of their types: denormal, zeros of both signs, largest. */
function halfCases(): OpCase[] {
  const smallest = 1 / (1 << 24);
  const edges = [0, -0, smallest, -smallest, 1023 * smallest, 1024 * smallest, -1025 * smallest, 3 * smallest, 64, -127.9375];
  return ['fp16', 'bf16'].flatMap((name) => [edges, [...edges, 128, -65504]].map((values): OpCase => ({
    name: `${name} with weights up to ${Math.max(...values.map(Math.abs))}`,
    async run(ops) {
      const [outFeatures, inFeatures] = [6, 70];
      const w = table(ops, name, outFeatures, inFeatures, Float32Array.from({ length: outFeatures * inFeatures }, (_, i) => values[(i * 7) % values.length]!));
      const x = input(ops, 3, inFeatures, testValues(90, 3 * inFeatures));
      const product = await ops.read(ops.linear(x, w), 'linear');
      ops.begin({ slot: new Int32Array(2), position: Int32Array.of(0, 1), token: Int32Array.of(5, 2) });
      return joined([product, await ops.read(ops.embed(w), 'embed')]);
    },
  })));
}

function embedCases(): OpCase[] {
  return formats.filter(({ product }) => product === 'weights').map(({ name }) => ({
    name: `embed ${name}`,
    async run(ops) {
      const weight = table(ops, name, 9, 70, testValues(1, 630));
      ops.begin({ slot: new Int32Array(4), position: Int32Array.of(0, 1, 2, 3), token: Int32Array.of(8, 0, 3, 3) });
      return ops.read(ops.embed(weight), 'embed');
    },
  }));
}

function normCases(full: boolean): OpCase[] {
  return (full ? [1, 2, 33, 64, 65, 100, 128, 200] : [64, 100]).flatMap((cols): OpCase[] => [
    {
      name: `rmsNorm over ${cols}`,
      run: (ops) => ops.read(ops.rmsNorm(input(ops, 5, cols, testValues(2, 5 * cols)), ops.vector(testValues(3, cols)), 1e-5), 'rmsNorm'),
    },
    {
      name: `layerNorm over ${cols}`,
      run: (ops) => ops.read(ops.layerNorm(input(ops, 5, cols, testValues(2, 5 * cols)), ops.vector(testValues(3, cols)), ops.vector(testValues(4, cols)), 1e-5), 'layerNorm'),
    },
  ]);
}

function headNormCases(full: boolean): OpCase[] {
  // [heads, headDim]
  const shapes = full ? [[3, 1], [2, 20], [4, 64], [1, 70], [3, 130], [2, 256]] : [[3, 20], [2, 64]];
  return shapes.map(([heads, headDim]) => ({
    name: `headNorm of ${heads} x ${headDim}`,
    run: (ops) => ops.read(ops.headNorm(input(ops, 5, heads! * headDim!, testValues(6, 5 * heads! * headDim!)), ops.vector(testValues(9, headDim!)), 1e-6), 'headNorm'),
  }));
}

/** What is taken is used, so that what lies behind a row's columns shows. */
function columnCases(): OpCase[] {
  // [runs, columns of a run, first, width]
  return [[1, 100, 0, 100], [1, 100, 64, 36], [3, 30, 10, 10], [4, 64, 63, 1], [2, 130, 1, 128]].map(([runs, every, first, width]) => ({
    name: `columns ${first} to ${first! + width!} of ${runs} x ${every}`,
    async run(ops) {
      const taken = ops.columns(input(ops, 5, runs! * every!, testValues(51, 5 * runs! * every!)), every!, first!, width!);
      const used = ops.linear(taken, table(ops, 'fp32', 3, runs! * width!, testValues(52, 3 * runs! * width!)));
      return joined([await ops.read(taken, 'columns'), await ops.read(used, 'linear')]);
    },
  }));
}

function rotateCases(): OpCase[] {
  // [headDim, elements that turn]
  return [[16, 16], [20, 12], [6, 6]].map(([headDim, dim]) => ({
    name: `rotate ${dim} of ${headDim}`,
    async run(ops) {
      const { cos, sin, positions, halfDim } = rotaryTables(10000, dim!, 40);
      const x = input(ops, 4, 3 * headDim!, testValues(5, 12 * headDim!), Int32Array.of(0, 1, 39, 17));
      return ops.read(ops.rotate(x, ops.rotary(cos, sin, positions, halfDim), headDim!), 'rotate');
    },
  }));
}

function attentionCases(full: boolean): OpCase[] {
  const shapes: AttentionShape[] = [
    { heads: 4, kvHeads: 2, headDim: 16, window: 0 },
    { heads: 3, kvHeads: 1, headDim: 20, window: 7 },
  ];
  if (full) shapes.push({ heads: 2, kvHeads: 2, headDim: 64, window: 0 }, { heads: 4, kvHeads: 4, headDim: 6, window: 0 }, { heads: 2, kvHeads: 1, headDim: 130, window: 66 });
  return shapes.map((shape) => ({
    name: `attention heads ${shape.heads}/${shape.kvHeads} x ${shape.headDim} window ${shape.window}`,
    run: (ops) => attentionRun(ops, shape),
  }));
}

/** Two sequences of different length over two layers: a first step with both, then single rows, past the first block of keys. */
function attentionRun(ops: Ops, shape: AttentionShape): Promise<Float32Array> {
  const long = DOT_BLOCK + 2;
  return attentionSteps(ops, shape, [[...sequence(1, 0, 5), ...sequence(0, 0, long)], [...sequence(0, long, long + 2), ...sequence(1, 5, 6)], sequence(1, 6, 7)]);
}

/** Two more sequences begin as one of these, and go on alone. */
function sharedBeginningCase(): OpCase {
  const copies = { row: Int32Array.of(0, 0, 1, 1, 2, 2, 3, 4), slot: Int32Array.of(2, 3, 2, 3, 2, 3, 3, 3) };
  const steps = [[...sequence(1, 0, 5), ...sequence(0, 0, 2)], [...sequence(0, 2, 3), ...sequence(2, 3, 4)], [...sequence(1, 5, 6), ...sequence(3, 5, 6), ...sequence(2, 4, 5)]];
  return { name: 'attention after a shared beginning', run: (ops) => attentionSteps(ops, { heads: 4, kvHeads: 2, headDim: 16, window: 0 }, steps, copies) };
}

interface SlotPosition { readonly slot: number; readonly position: number }

function sequence(slot: number, from: number, to: number): SlotPosition[] {
  return Array.from({ length: to - from }, (_, i) => ({ slot, position: from + i }));
}

/** `copies`: of the first step's rows. */
async function attentionSteps(ops: Ops, shape: AttentionShape, steps: readonly (readonly SlotPosition[])[], copies?: RowCopies): Promise<Float32Array> {
  const cache = ops.kvCache(2, copies === undefined ? 2 : 4, DOT_BLOCK + 8, shape.kvHeads, shape.headDim);
  const results: Float32Array[] = [];
  for (const [step, rows] of steps.entries()) {
    const slots = Int32Array.from(rows, ({ slot }) => slot);
    const positions = Int32Array.from(rows, ({ position }) => position);
    const width = Math.max(shape.heads, shape.kvHeads) * shape.headDim;
    const x = input(ops, rows.length, width, testValues(10 + step, rows.length * width), positions, slots, step === 0 ? copies : undefined);
    // Distinct q, k, v of the right widths through products with fixed weights.
    const project = (seed: number, heads: number) => ops.linear(x, table(ops, 'fp32', heads * shape.headDim, width, testValues(seed, heads * shape.headDim * width, 0.5)));
    for (const layer of [0, 1]) {
      const out = ops.attention(project(20 + layer, shape.heads), project(30 + layer, shape.kvHeads), project(40 + layer, shape.kvHeads), cache, layer, shape);
      results.push(await ops.read(out, 'attention'));
    }
  }
  ops.freeCache(cache);
  return joined(results);
}

function elementCases(): OpCase[] {
  const range = Float32Array.from({ length: 3 * 97 }, (_, i) => {
    const x = (i - 145) * 0.61;
    return i % 11 === 10 ? Math.sign(x) * fromBits(i % 2 === 0 ? 1 << i % 23 : (i % 140) << 23) : x; // powers of two, denormal and normal
  });
  const two = (ops: Ops): [Activation, Activation] => {
    const x = input(ops, 3, 97, range);
    return [x, ops.linear(x, table(ops, 'fp32', 97, 97, testValues(50, 97 * 97, 0.1)))];
  };
  // Where the functions bend: of their values an order of products that is not the law's changes one in some hundred.
  const near = testValues(53, 6 * 191, 2);
  const bent = (name: string, of: (ops: Ops, x: Activation) => Activation): OpCase => ({ name: `${name} within some units`, run: (ops) => ops.read(of(ops, input(ops, 6, 191, near)), name) });
  return [
    bent('siluMul', (ops, x) => ops.siluMul(x, x)), bent('gelu erf', (ops, x) => ops.gelu(x, 'erf')), bent('gelu tanh', (ops, x) => ops.gelu(x, 'tanh')),
    { name: 'siluMul', run: (ops) => ops.read(ops.siluMul(...two(ops)), 'siluMul') },
    { name: 'gelu erf', run: (ops) => ops.read(ops.gelu(two(ops)[0], 'erf'), 'gelu') },
    { name: 'gelu tanh', run: (ops) => ops.read(ops.gelu(two(ops)[0], 'tanh'), 'gelu') },
    { name: 'add', run: (ops) => ops.read(ops.add(...two(ops)), 'add') },
    { name: 'mul', run: (ops) => ops.read(ops.mul(...two(ops)), 'mul') },
    { name: 'scale', run: (ops) => ops.read(ops.scale(two(ops)[0], 25.3), 'scale') },
  ];
}

/** Read into a place that does not begin where its memory does. */
function takeTwiceCase(): OpCase {
  return {
    name: 'take a row twice',
    run: (ops) => ops.read(ops.take(input(ops, 7, 13, testValues(63, 91)), Int32Array.of(0, 3, 3, 6)), 'take', new Float32Array(4 * 13 + 1).subarray(1)),
  };
}

function takeCase(): OpCase {
  return {
    name: 'take',
    async run(ops) {
      const x = input(ops, 7, 13, testValues(60, 91));
      const some = ops.take(x, Int32Array.of(0, 3, 6));
      const none = ops.linear(ops.rmsNorm(ops.take(x, new Int32Array()), ops.vector(testValues(61, 13)), 1e-5), table(ops, 'fp32', 3, 13, testValues(62, 39)));
      return joined([await ops.read(some, 'take'), await ops.read(none, 'take')]);
    },
  };
}

/** Greedy, all candidates and few, with ties, zeros of both signs and more rows than threads. */
function sampleCase(): OpCase {
  return {
    name: 'sample',
    async run(ops) {
      const [rows, vocabulary] = [12, 201];
      const values = testValues(80, rows * vocabulary).map((value, i) => (i % 3 === 0 ? Math.round(value * 4) / 4 : value));
      values.fill(0, 3 * vocabulary, 4 * vocabulary);
      const logits = input(ops, rows, vocabulary, values);
      const tokens = await ops.sample(logits, {
        temperature: Float32Array.from({ length: rows }, (_, row) => [0, 0.7, 1, 1.3, 0.1, 2][row % 6]!),
        topK: Int32Array.from({ length: rows }, (_, row) => [0, 0, 1, 40, 7, vocabulary][row % 6]!),
        promptKey: Int32Array.from({ length: rows }, (_, row) => Math.imul(row + 1, 0x9e3779b1)),
        seed: Int32Array.from({ length: rows }, (_, row) => row >> 1),
        position: Int32Array.from({ length: rows }, (_, row) => 3 * row),
      }, 'sample');
      return Float32Array.from(tokens);
    },
  };
}

/** read() must notice an infinity and a NaN anywhere, and int8 an activation beyond fp16: 1 where it does. */
function notFiniteCases(): OpCase[] {
  const large = 3e38;
  const refused = (compute: () => Promise<unknown>) => compute().then(() => 0, (error: unknown) => (error instanceof Error && error.name === 'NotFinite' ? 1 : 0));
  const cases = [0, 36, 38].map((at) => ({
    name: `read refuses what is not finite at ${at}`,
    async run(ops: Ops) {
      const values = testValues(70, 39);
      values[at] = large;
      const x = input(ops, 3, 13, values);
      const infinite = ops.add(x, x);
      const invalid = ops.siluMul(ops.linear(x, table(ops, 'fp32', 13, 13, new Float32Array(169).fill(-large))), infinite);
      const answers = [];
      for (const activation of [x, infinite, invalid]) answers.push(await refused(() => ops.read(activation, 'test')));
      const draws = { temperature: new Float32Array(3).fill(1), topK: new Int32Array(3), promptKey: new Int32Array(3), seed: new Int32Array(3), position: new Int32Array(3) };
      answers.push(await refused(() => ops.sample(infinite, draws, 'test')));
      return Float32Array.from(answers);
    },
  }));
  return [...cases, {
    name: 'int8 refuses activations beyond fp16',
    async run(ops: Ops) {
      const answers = [];
      for (const largest of [65504, 65519, 65520, 1e9]) {
        const values = testValues(71, 39);
        values[20] = -largest;
        const x = input(ops, 3, 13, values);
        const w = table(ops, 'int8', 4, 13, testValues(72, 52, 0.1));
        answers.push(await refused(async () => ops.read(ops.linear(x, w), 'test')));
      }
      return Float32Array.from(answers);
    },
  }];
}

function joined(arrays: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(arrays.reduce((length, array) => length + array.length, 0));
  let at = 0;
  for (const array of arrays) {
    all.set(array, at);
    at += array.length;
  }
  return all;
}
