/** What decodes together. */

/** Sequences at once: enough to use a weight often once it is in the cache, few enough for their keys and values. */
export const SEQUENCES = 64;

/** Cells that decode together: as many as have SEQUENCES in all, at least one. */
export function groupsOf<T>(cells: readonly T[], sequencesOf: (cell: T) => number): T[][] {
  const groups: T[][] = [];
  let room = 0;
  for (const task of cells) {
    const sequences = sequencesOf(task);
    if (sequences > room) {
      groups.push([]);
      room = SEQUENCES;
    }
    groups.at(-1)!.push(task);
    room -= sequences;
  }
  return groups;
}
