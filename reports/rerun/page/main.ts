/** The program behind the button "Re-run": script.js loads it when the button is pressed, and hands it the section and the site's address. */
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
  site ??= new Site(root);
  const plan = await site.plan();
  const { rerun: cell, try: trying } = section.dataset;
  const { element } = trying === undefined ? new Panel(site, plan, { cell: cell === '' ? undefined : cell }) : new Trying(site, plan);
  section.querySelector('button')!.parentElement!.replaceWith(element);
  // What was in focus is gone.
  element.querySelector<HTMLElement>('input, textarea')?.focus();
}

(window as { bitwidthRerun?: typeof open }).bitwidthRerun = open;
