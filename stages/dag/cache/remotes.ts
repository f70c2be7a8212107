/** The register of kinds of remotes: one file and one line for each, loaded when it is used. */
import type { Remote } from './remote.ts';
import type { SharedCacheSettings } from '../types.ts';

/** Opening connects to nothing; it throws RemoteError where credentials are missing. */
export const REMOTES: { readonly [kind in SharedCacheSettings['at']['kind']]: (at: Extract<SharedCacheSettings['at'], { kind: kind }>) => Promise<Remote> } = {
  folder: async (at) => (await import('./folder.ts')).folderRemote(at),
  s3: async (at) => (await import('./s3.ts')).s3Remote(at),
};

/** Opens the remote of some settings. */
export function openRemote({ at }: SharedCacheSettings): Promise<Remote> {
  return at.kind === 'folder' ? REMOTES.folder(at) : REMOTES.s3(at);
}
