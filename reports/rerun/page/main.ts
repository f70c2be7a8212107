/** The program behind the button "Re-run": script.js loads it when the button is pressed, and hands it the section and the site's address. */
import { make } from './dom.ts';
import { Panel } from './panel.ts';
import { Site } from './site.ts';
import { Trying } from './try.ts';

let site: Site | undefined;

async function open(section: HTMLElement, root: string): Promise<void> {
  site ??= new Site(root);
  const place = make('div', { role: 'status' });
  section.querySelector('button')!.parentElement!.replaceWith(place);
  try {
    const { rerun: cell, try: trying } = section.dataset;
    const plan = await site.plan();
    const { element } = trying === undefined ? new Panel(site, plan, { cell: cell === '' ? undefined : cell }) : new Trying(site, plan);
    place.replaceWith(element);
    // What was in focus is gone.
    element.querySelector<HTMLElement>('input, textarea')?.focus();
  } catch (error) {
    place.textContent = error instanceof Error ? error.message : String(error);
  }
}

(window as { bitwidthRerun?: typeof open }).bitwidthRerun = open;
