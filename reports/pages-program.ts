/** The program that draws a report again in a reader's browser: the modules that wrote it, without DuckDB. */
import { redrawn } from './redraw.ts';
import { PAGES_NAME } from './pages-parts.ts';
import type { PagesProgram } from './pages-parts.ts';

(globalThis as { [name: string]: unknown })[PAGES_NAME] = { redrawn } satisfies PagesProgram;
