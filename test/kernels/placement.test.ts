/**
 * Where results lie and which ops wait, against a checker that knows nothing of how that was decided: programs of random shape are run here as
 * a careless device would, each round's ops in any order, and every value must arrive.
 */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Placement } from '../../kernels/engines/placement.ts';
import { AT, OPCODE, WORDS } from '../../kernels/engines/program.ts';
import { threefry2x32 } from '../../kernels/threefry.ts';

/** What an op reads (results of earlier ops) and how many lines it makes; none: it makes no result. */
interface Op { readonly code: number; readonly reads: readonly number[]; readonly lines: number | undefined }

interface Placed { readonly words: Int32Array; readonly lines: number; readonly placement: Placement }

function placed(ops: readonly Op[], wanted: number, keepAll = false, placement = new Placement()): Placed {
  const recorded = new Int32Array(ops.length * WORDS);
  placement.forget();
  for (const [id, { code, reads, lines }] of ops.entries()) {
    recorded.fill(-1, id * WORDS + AT.x, id * WORDS + AT.y + 1);
    recorded[id * WORDS] = code;
    reads.forEach((from, i) => { recorded[id * WORDS + (i === 0 ? AT.x : AT.y)] = from; });
    if (lines !== undefined) placement.make(id, lines);
  }
  return { ...placement.place(recorded, ops.length, wanted, keepAll), placement };
}

/** Rounds of a placed program: ops from one wait to the next. */
function roundsOf({ words }: Placed, ops: readonly Op[]): number[][] {
  const rounds: number[][] = [];
  for (const id of ops.keys()) {
    if (id === 0 || words[id * WORDS + AT.wait] === 1) rounds.push([]);
    rounds.at(-1)!.push(id);
  }
  return rounds;
}

/** Says what is wrong with a placed program, or undefined. `orders` are tried for each round, forwards and backwards. */
function wrong(program: Placed, ops: readonly Op[], wanted: readonly number[]): string | undefined {
  const { words, lines, placement } = program;
  const rounds = roundsOf(program, ops);
  for (const backwards of [false, true]) {
    // Each line holds which op's result it is part of.
    const memory = new Int32Array(lines).fill(-1);
    const holds = (id: number): boolean => {
      const { lines: count } = ops[id]!;
      const line = words[id * WORDS + AT.out]!;
      return count === undefined || (line >= 0 && line + count <= lines && memory.subarray(line, line + count).every((owner) => owner === id));
    };
    for (const round of rounds) {
      for (const id of backwards ? round.toReversed() : round) {
        for (const [i, from] of ops[id]!.reads.entries()) {
          if (words[id * WORDS + (i === 0 ? AT.x : AT.y)] !== words[from * WORDS + AT.out]) return `op ${id} looks for the result of op ${from} elsewhere`;
          if (!holds(from)) return `op ${id} does not find the result of op ${from}${backwards ? ' when its round runs backwards' : ''}`;
        }
        const { lines: count } = ops[id]!;
        if (count !== undefined) memory.fill(id, words[id * WORDS + AT.out]!, words[id * WORDS + AT.out]! + count);
      }
      // Within a round anything may be at the same time: what one op writes, no other touches.
      for (const a of round) for (const b of round) if (a !== b && touches(program, ops, a, b)) return `op ${b} touches what op ${a} of its round writes`;
    }
    for (const id of wanted) if (!holds(id) || placement.lineOf(id) !== words[id * WORDS + AT.out]) return `the result of op ${id} is gone at the end`;
  }
  return undefined;
}

/** Whether op `b` reads or writes lines that op `a` writes. */
function touches({ words }: Placed, ops: readonly Op[], a: number, b: number): boolean {
  const lines = ops[a]!.lines ?? 0;
  const from = words[a * WORDS + AT.out]!;
  const overlaps = (line: number, count: number): boolean => lines > 0 && count > 0 && line < from + lines && from < line + count;
  return overlaps(words[b * WORDS + AT.out]!, ops[b]!.lines ?? 0) || ops[b]!.reads.some((id) => overlaps(words[id * WORDS + AT.out]!, ops[id]!.lines ?? 0));
}

/** A program of 1 to 30 ops whose ops read recent or old results; some make results of no lines, some (`remember`) none. */
function randomProgram(seed: number): Op[] {
  let drawn = 0;
  const draw = (below: number): number => threefry2x32(seed, 1, drawn++, 0)[0] % below;
  const below = (n: number): number => ((draw(n) % n) + n) % n;
  const ops: Op[] = [];
  for (let count = 1 + below(30); ops.length < count;) {
    const results = [...ops.keys()].filter((id) => ops[id]!.lines !== undefined);
    const pick = (): number => results[below(2) ? below(results.length) : Math.max(0, results.length - 1 - below(3))]!;
    if (results.length === 0 || below(8) === 0) ops.push({ code: OPCODE.embed, reads: [], lines: 4 * below(5) });
    else if (below(10) === 0) ops.push({ code: OPCODE.remember, reads: [pick(), pick()], lines: undefined });
    else if (below(10) === 0) ops.push({ code: OPCODE.attend, reads: [pick()], lines: 4 * (1 + below(4)) });
    else ops.push({ code: OPCODE.linear, reads: below(2) ? [pick()] : [pick(), pick()], lines: 4 * below(6) });
  }
  return ops;
}

const seed = Number(process.env['BITWIDTH_TEST_SEED'] ?? Date.now() % 1_000_000);

test('random programs find every value, in any order within a round', () => {
  const placement = new Placement();
  for (let index = 0; index < 2000; index++) {
    const ops = randomProgram(seed + index);
    const results = [...ops.keys()].filter((id) => ops[id]!.lines !== undefined);
    const one = results[(seed + index) % results.length]!;
    for (const [wanted, keepAll] of [[[results.at(-1)!], false], [[one], false], [results, true]] as const) {
      const program = placed(ops, wanted.at(-1)!, keepAll, placement);
      const what = wrong(program, ops, wanted);
      assert.is(what, undefined, `BITWIDTH_TEST_SEED=${seed + index}: ${what}\n${JSON.stringify(ops)}`);
      for (const id of wanted) assert.ok(placement.has(id));
    }
  }
});

test('a program takes the memory of its widest point', () => {
  // A chain: two results are alive at a time.
  const chain: Op[] = Array.from({ length: 10 }, (_, id) => ({ code: OPCODE.linear, reads: id === 0 ? [] : [id - 1], lines: 8 }));
  assert.is(placed(chain, 9).lines, 16);
  assert.is(placed(chain, 9, true).lines, 80);
});

test('ops wait for what they read, and no longer', () => {
  const waits = (ops: readonly Op[]): number[] => {
    const { words } = placed(ops, ops.length - 1, true);
    return [...ops.keys()].map((id) => words[id * WORDS + AT.wait]!);
  };
  const { embed, linear, siluMul, remember, attend } = OPCODE;
  // Gate and up of one input are one round, their product is the next.
  assert.equal(waits([
    { code: embed, reads: [], lines: 4 }, { code: linear, reads: [0], lines: 4 }, { code: linear, reads: [0], lines: 4 }, { code: siluMul, reads: [1, 2], lines: 4 },
  ]), [0, 1, 0, 1]);
  // Caches are not followed: ops on them always wait.
  assert.equal(waits([
    { code: embed, reads: [], lines: 4 }, { code: embed, reads: [], lines: 4 }, { code: remember, reads: [0, 1], lines: undefined }, { code: attend, reads: [0], lines: 4 },
  ]), [0, 0, 1, 1]);
});

test('the checker notices a wait left out and a place given away too early', () => {
  const ops: Op[] = [{ code: OPCODE.embed, reads: [], lines: 4 }, { code: OPCODE.linear, reads: [0], lines: 4 }, { code: OPCODE.linear, reads: [1, 0], lines: 4 }];
  const good = placed(ops, 2);
  assert.is(wrong(good, ops, [2]), undefined);
  const hasty = { ...good, words: good.words.slice() };
  hasty.words[2 * WORDS + AT.wait] = 0;
  assert.match(String(wrong(hasty, ops, [2])), /op 2/);
  const narrow = { ...good, words: good.words.slice() };
  narrow.words[WORDS + AT.out] = narrow.words[2 * WORDS + AT.x] = good.words[AT.out]!;
  assert.match(String(wrong(narrow, ops, [2])), /does not find the result of op 0/);
});

test.run();
