/** The program behind the button "Re-run": script.js loads it when the button is pressed, and hands it the section and the site's address. */
import { cellPath } from '../../num.ts';
import { hashesMissing } from '../objects.ts';
import { Panel } from './panel.ts';
import { Site } from './site.ts';
import { Trying } from './try.ts';

let site: Site | undefined;

/** Throws Error, a sentence, and leaves the button as it is: it can be pressed again. */
async function open(section: HTMLElement, root: string): Promise<void> {
  // All of it rests on them: nothing is offered that could not be held to its hash.
  const missing = hashesMissing();
  if (missing !== undefined) throw new Error(missing);
  const { rerun: cell = '', try: trying } = section.dataset;
  if (cell !== '') demandPlace(cell, root);
  site ??= new Site(root);
  const plan = await site.plan();
  const { element } = trying === undefined ? new Panel(site, plan, { cell: cell === '' ? undefined : cell }) : new Trying(site, plan);
  section.querySelector('button')!.parentElement!.replaceWith(element);
  // What was in focus is gone.
  element.querySelector<HTMLElement>('input, textarea')?.focus();
}

/** Throws where another page lies at this address than its cell's own, which is the file that would be read and compared. Some servers leave the ending away. */
function demandPlace(cell: string, root: string): void {
  const bare = (path: string): string => path.replace(/\.html$/, '');
  const here = location.href.startsWith(root) ? decodeURIComponent(location.pathname.slice(new URL(root).pathname.length)) : location.href;
  if (bare(here) !== bare(cellPath(cell))) throw new Error(`This copy of the report does not agree with itself: this page says that it is about ${cell}, whose page is ${cellPath(cell)}, and it lies at ${here}.`);
}

(window as { bitwidthRerun?: typeof open }).bitwidthRerun = open;
