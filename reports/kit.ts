/** What a page of one's own is written with: `import { html, num, table } from 'bitwidth/reports'` (docs/own-study.md). */
export { figure, dotPanel, sharedDomain } from './charts.ts';
export { html, link, list, lit } from './html.ts';
export type { Content, Html } from './html.ts';
export type { PageContent } from './layout.ts';
export { cellPath, derived, num } from './num.ts';
export type { Row } from './num.ts';
export { missing } from './page.ts';
export type { Page, PageInput } from './page.ts';
export { table } from './table.ts';
