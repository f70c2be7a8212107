/** Ops that change rows: look-up, norms, rotary embedding, activations, sums. */
import { fromBits } from '../arithmetic.ts';
import { formats } from '../formats.ts';
import type { Activation, Ops } from '../ops.ts';
import { rotaryTables } from '../rotary.ts';
import { input, joined, table, testValues } from './case.ts';
import type { OpCase } from './case.ts';

export function embedCases(): OpCase[] {
  return formats.filter(({ product }) => product === 'weights').map(({ name }) => ({
    name: `embed ${name}`,
    async run(ops) {
      const weight = table(ops, name, 9, 70, testValues(1, 630));
      ops.begin({ slot: new Int32Array(4), position: Int32Array.of(0, 1, 2, 3), token: Int32Array.of(8, 0, 3, 3) });
      return ops.read(ops.embed(weight), 'embed');
    },
  }));
}

export function normCases(full: boolean): OpCase[] {
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

export function headNormCases(full: boolean): OpCase[] {
  // [heads, headDim]
  const shapes = full ? [[3, 1], [2, 20], [4, 64], [1, 70], [3, 130], [2, 256]] : [[3, 20], [2, 64]];
  return shapes.map(([heads, headDim]) => ({
    name: `headNorm of ${heads} x ${headDim}`,
    run: (ops) => ops.read(ops.headNorm(input(ops, 5, heads! * headDim!, testValues(6, 5 * heads! * headDim!)), ops.vector(testValues(9, headDim!)), 1e-6), 'headNorm'),
  }));
}

/** What is taken is used, so that what lies behind a row's columns shows. */
export function columnCases(): OpCase[] {
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

export function rotateCases(): OpCase[] {
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

export function elementCases(): OpCase[] {
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
