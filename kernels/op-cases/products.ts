/** Products with weights: every format over odd shapes, outliers, short and long blocks of scales, values at the edges of their types. */
import { formats } from '../formats.ts';
import { threefry2x32 } from '../threefry.ts';
import { DENORMAL, input, joined, table, testValues } from './case.ts';
import type { OpCase } from './case.ts';

export function productCases(full: boolean): OpCase[] {
  return [...linearCases(full), ...mixedOutlierCases(full), ...(full ? [...roundShapeCases(), ...blockSizeCases(), ...randomLinearCases(), ...halfCases()] : [])];
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
