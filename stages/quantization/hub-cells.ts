/** What a cell declares that takes files of a hub in: which they are, and what they are held to. */
import type { CellDeclaration } from '../dag/index.ts';
import type { SourceFile } from './config-sources.ts';
import type { StudyModel } from './config.ts';

export function hubDeclaration({ repository, commit }: NonNullable<StudyModel['hub']>, files: readonly SourceFile[]): CellDeclaration {
  const within = ({ path }: SourceFile): string => path.slice(path.indexOf(`@${commit}/`) + commit.length + 2);
  const promised = files.map((one) => ({ name: within(one), bytes: one.bytes ?? 0, sha256: one.sha256 ?? '' }));
  return {
    params: { repository, commit, files: Object.fromEntries(promised.map(({ name, bytes, sha256 }) => [name, { bytes, sha256 }])) },
    promised: promised.map(({ bytes, sha256 }) => ({ bytes, sha256 })),
    // One task for all: so many connections at once are for all models together.
    batch: 'hub',
  };
}
