/** The program that draws the report again, which pages load when they are asked to: how they name it, what it is made of, and what it offers (redraw.ts). */
import type { ProgramParts } from './program.ts';
import type { redrawn } from './redraw.ts';

/** In the site, and the name under which it leaves itself. */
export const PAGES_PROGRAM = 'assets/pages.js', PAGES_NAME = 'bitwidthPages';

export const PAGES_PARTS: ProgramParts = { entry: 'reports/pages-program.ts', instead: { 'stages/dag/index.ts': 'stages/dag/in-page.ts' }, absent: ['canvas'] };

export interface PagesProgram { readonly redrawn: typeof redrawn }
