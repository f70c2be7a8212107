/** What a test has this project do. No input of any cell: what is computed must not depend on it. */
import { readFileSync } from 'node:fs';

/** What a cell does instead of its work. Those that end in 'once' do it the first time only. */
export type Act = 'crash' | 'crash once' | 'exit' | 'hang' | 'flood' | 'throw' | 'nothing' | { readonly treePath: string } | { readonly overwrite: string };

export interface Acts {
  readonly parts: number;
  /** How long each part takes. */
  readonly slowMs: number;
  /** Cell -> its act. */
  readonly acts: { readonly [cell: string]: Act };
}

export function readActs(root: string): Acts {
  return JSON.parse(readFileSync(`${root}/acts.json`, 'utf8')) as Acts;
}
