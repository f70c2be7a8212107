/** The commands of this room, by name: one line and one file under commands/ for each. */
import type { CommandEntry } from '../stages/dag/index.ts';

export const provenanceCommands: { readonly [name: string]: CommandEntry } = {
  diff: { summary: 'Show which numbers changed between two runs, and why', load: () => import('./commands/diff.ts') },
};
