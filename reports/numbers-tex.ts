/**
 * The stage `numbers-tex`: a macro for every number, for papers. data/numbers.tex is read by TeX and by LaTeX:
 *
 *   \input{numbers.tex}   Its mean KL divergence is \bwnum{kl_mean.novel-4m.nf4}~\bwunit{kl_mean.novel-4m.nf4}.
 *
 * \bwnum gives the number as the site prints it, with its interval; \bwvalue without; \bwlow, \bwhigh the ends; \bwexact every digit; \bwunit the
 * unit; \bwn of how many. A number that is not there stops TeX with its id. `bitwidth check paper.tex` holds a paper to the results.
 */
import type { Run } from '../stages/dag/index.ts';
import { TEX_FILE } from './drawn-with-file.ts';
import { byteUnitOf, decimalsFor, formatNumber } from './num.ts';
import { numbersIn } from './numbers.ts';
import { readTables, text } from './task-tables.ts';
import type { Formatted, Row } from './num.ts';
import type { TableNumber } from './numbers.ts';

export const run: Run = async (cells, io) => {
  for (const cell of cells) {
    const tables = [...await readTables([cell], io)].map(([table, bytes]) => [table, text(bytes).split('\n').flatMap((line) => line === '' ? [] : [JSON.parse(line) as Row])] as const);
    await io.commit(cell.id, { tex: { tree: new Map([[TEX_FILE, texFile(tables)]]) } });
  }
};

export const texFile = (tables: Iterable<readonly [table: string, rows: readonly Row[]]>): string =>
  `${HEAD}\n${Array.from(tables, ([table, rows]) => numbersIn(table, rows).map(macroLine)).flat().join('\n')}\n\\endinput\n`;

/** A number in the pieces that the macros give. */
export interface TexNumber {
  readonly id: string;
  /** In math mode: '0.257 \pm 0.004'. */
  readonly number: string;
  readonly value: string;
  /** Empty where there is no interval. */
  readonly low: string;
  readonly high: string;
  readonly unit: string;
  /** Every digit that tells the double apart. */
  readonly exact: string;
  /** Items that it is of; empty where the row says none. */
  readonly n: string;
}

/** Names of the macros, in the order of \bwdefine's arguments after the id. */
export const MACROS = ['number', 'value', 'low', 'high', 'unit', 'exact', 'n'] as const;

export function texOf(number: TableNumber): TexNumber {
  const { id, value, low, high, unit, row, column } = number;
  const formatted = formatNumber(number);
  const share = unit === 'share' || unit === 'fraction';
  // To the place that the value is given to; bytes in its unit.
  const decimals = low !== undefined && high !== undefined && high > low && formatted.power === undefined && unit !== 'bytes' ? decimalsFor((high - low) / 2 * (share ? 100 : 1)) : decimalsIn(formatted);
  const end = (bound: number | undefined): string => bound === undefined ? '' : math(formatNumber({ value: bound, ...(unit === undefined ? {} : { unit }) }, { decimals, ...(unit === 'bytes' ? { byteUnit: byteUnitOf(value) } : {}), ...(formatted.power === undefined ? {} : { smallest: 0 }) }), false);
  return {
    id, number: math(formatted, true), value: math(formatted, false), low: end(low), high: end(high),
    unit: unitText(formatted.unit ?? (share ? '' : unit ?? '')), exact: String(value),
    n: column === 'value' && typeof row['n'] === 'number' ? String(row['n']) : '',
  };
}

const decimalsIn = ({ value }: Formatted): number => /\.(\d+)$/.exec(value)?.[1]?.length ?? 0;

/** Signs and powers as math mode has them. */
function math({ value, plusMinus, range, power }: Formatted, interval: boolean): string {
  const plain = (digits: string): string => digits.replaceAll('−', '-').replaceAll(',', '{,}');
  const around = !interval ? '' : plusMinus !== undefined ? ` \\pm ${plain(plusMinus)}` : range !== undefined ? `\\;${range.replaceAll('−', '-').replaceAll(/(?<=\d),(?=\d)/g, '{,}')}` : '';
  if (power === undefined) return plain(value) + around;
  const exponent = [...power.slice(power.indexOf('10') + 2)].map((c) => c === '⁻' ? '-' : String('⁰¹²³⁴⁵⁶⁷⁸⁹'.indexOf(c))).join('');
  return `${around === '' ? plain(value) : `(${plain(value)}${around})`} \\times 10^{${exponent}}`;
}

/** A unit in text: what TeX would take for its own is escaped. */
const unitText = (unit: string): string => unit.replaceAll(/[\\{}]/g, '').replaceAll(/[#$%&_]/g, '\\$&').replaceAll('^', '\\^{}').replaceAll('~', '\\~{}');

/** The line of the file that defines a number's macros. */
export const macroLine = (number: TableNumber): string => define(texOf(number));

const define = (it: TexNumber): string => `\\bwdefine{${it.id}}${MACROS.map((part) => `{${it[part]}}`).join('')}`;

/** Only primitives of TeX and the e-TeX of every engine in use. */
const HEAD = String.raw`% Written by bitwidth: every number of the report. Do not edit; "bitwidth check paper.tex" compares.
\def\bwdefine#1#2#3#4#5#6#7#8{%
  \expandafter\gdef\csname bw:#1\endcsname{#2}%
  \expandafter\gdef\csname bw:#1:value\endcsname{#3}%
  \expandafter\gdef\csname bw:#1:low\endcsname{#4}%
  \expandafter\gdef\csname bw:#1:high\endcsname{#5}%
  \expandafter\gdef\csname bw:#1:unit\endcsname{#6}%
  \expandafter\gdef\csname bw:#1:exact\endcsname{#7}%
  \expandafter\gdef\csname bw:#1:n\endcsname{#8}}
\def\bwget#1{\ifcsname bw:#1\endcsname\csname bw:#1\endcsname\else\errmessage{bitwidth: there is no number #1}\fi}
\def\bwnum#1{\ensuremath{\bwget{#1}}}
\def\bwvalue#1{\ensuremath{\bwget{#1:value}}}
\def\bwlow#1{\ensuremath{\bwget{#1:low}}}
\def\bwhigh#1{\ensuremath{\bwget{#1:high}}}
\def\bwunit#1{\bwget{#1:unit}}
\def\bwexact#1{\bwget{#1:exact}}
\def\bwn#1{\bwget{#1:n}}
\def\bwcheck#1#2{#2}
\ifx\ensuremath\undefined\def\ensuremath#1{\ifmmode#1\else$#1$\fi}\fi`;
