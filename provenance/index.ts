/** The commands of this room, by name: one line and one file under commands/ for each. */
import type { CommandEntry, CommandExtension } from '../stages/dag/index.ts';

export const provenanceCommands: { readonly [name: string]: CommandEntry | CommandExtension } = {
  diff: { summary: 'Show which numbers changed between two runs, and why', load: () => import('./commands/diff.ts') },
  pack: { summary: 'Write one zip with everything of a study', load: () => import('./commands/pack.ts') },
  open: { summary: 'Show another\'s pack: its report, byte for byte', load: () => import('./commands/open.ts') },
};
