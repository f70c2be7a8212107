/** All pages of a report: the package's, and a project's own. */
import type { Page } from './page.ts';
import { pages } from './pages.ts';
import { ownPages } from './pages/own.ts';

export const allPages: readonly Page[] = [...pages, ...ownPages];
