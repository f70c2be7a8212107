/** Links at the foot of every page to a project's own pages: a project's own file of this path stands in for this one (docs/own-study.md). */

export const ownLinks: readonly (readonly [path: string, title: string])[] = [];
