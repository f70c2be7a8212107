/** The commands of this room, by name: one line and one file under commands/ for each. */
import { nobody } from './authors.ts';
import type { LoadAuthors } from './authors.ts';
import type { CommandEntry, CommandExtension } from '../stages/dag/index.ts';

export { crosscheckEntry } from './crosscheck.ts';
export { ledgerFiles } from './ledger-files.ts';

/** The commands with which a study leaves, given who made it. */
export function publishingEntries(load: LoadAuthors): { readonly publish: CommandEntry; readonly pack: CommandEntry } {
  return {
    pack: { summary: 'Write one zip with everything of a study', load: async () => ({ default: (await import('./commands/pack.ts')).packWith(load) }) },
    publish: { summary: 'Publish the report: to a folder, a branch, one file or a deposit, after a look for what is private', load: async () => ({ default: (await import('./commands/publish.ts')).publishWith(load) }) },
  };
}

export const provenanceCommands: { readonly [name: string]: CommandEntry | CommandExtension } = {
  audit: { summary: 'Follow a number, a result or a file to where it comes from, and check every link', load: () => import('./commands/audit.ts') },
  'check-site': { summary: 'Check a published report from its files alone', load: () => import('./commands/check-site.ts') },
  diff: { summary: 'Show which numbers changed between two runs, and why', load: () => import('./commands/diff.ts') },
  open: { summary: 'Show another\'s pack: its report, byte for byte', load: () => import('./commands/open.ts') },
  reproduce: {
    summary: 'Compute results once more, here or of another\'s pack, and compare them, bit for bit',
    extend: async (own) => (await import('./commands/reproduce.ts')).reproduceWith(own),
  },
  ledger: { summary: 'List what others found when they computed this again', load: () => import('./commands/ledger.ts') },
  check: {
    summary: 'Hash the whole store again, or hold a paper to the results',
    extend: async (own) => (await import('./commands/check.ts')).checkWith(own),
  },
  serve: { summary: 'Show the report in a browser here, with what a run does now', load: () => import('./commands/serve.ts') },
  query: { summary: 'Ask the tables of the report a question in SQL', load: () => import('./commands/query.ts') },
  attest: { summary: 'Sign the report, and say what that proves', load: () => import('./commands/attest.ts') },
  ...publishingEntries(nobody),
};
