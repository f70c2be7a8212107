/** An artifact in a page, where there are no files: it stands in for ../artifact-file.ts, and keeps under the file's name what is written. */
import { keepFile } from '../../dag/in-page.ts';
import type { ArtifactSink } from '../../../kernels/index.ts';

type Files = Pick<typeof import('../artifact-file.ts'), 'writeArtifactFile' | 'nowhere'>;

export const writeArtifactFile: Files['writeArtifactFile'] = (path, write) => {
  let file = new Uint8Array(0);
  const answer = write({
    begin: (bytes) => { file = new Uint8Array(bytes); },
    write: (offset, bytes) => file.set(bytes, offset),
  });
  keepFile(path, file);
  return answer;
};

export const nowhere: ArtifactSink = { begin: () => undefined, write: () => undefined };
