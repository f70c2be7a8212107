import { readFileSync } from 'node:fs';

export interface Settings { readonly names: readonly string[]; readonly slowMs: number; readonly computeMs: number; readonly child: boolean; /** In so many batches. */ readonly batches: number; readonly timed: boolean; readonly wrong?: string }

export function readSettings(root: string): Settings {
  return JSON.parse(readFileSync(`${root}/settings.json`, 'utf8')) as Settings;
}
