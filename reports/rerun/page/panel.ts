/** The panel that opens under the button: what can be done and what that loads; then how far it is; then what was found, with a record to keep. */
import { byteSize, count, duration } from '../../../stages/dag/index.ts';
import { checks } from '../checks.ts';
import { KeptFiles } from '../kept.ts';
import { readersReproduction } from '../reproduction.ts';
import { button, downloadLink, make } from './dom.ts';
import { Results } from './results.ts';
import type { Check, Finding, Offer, Place, Refusal } from '../checks.ts';
import type { Plan, PlannedFile } from '../plan.ts';
import type { Site } from './site.ts';

interface Offered { readonly check: Check; readonly offer: Offer; readonly box: HTMLInputElement; readonly select: HTMLSelectElement | undefined }

export class Panel {
  readonly element = make('div', { class: 'panel-rerun' });
  readonly #site: Site;
  readonly #plan: Plan;
  readonly #place: Place;

  constructor(site: Site, plan: Plan, place: Place) {
    this.#site = site;
    this.#plan = plan;
    this.#place = place;
    this.#choose();
  }

  /** First: nothing is loaded yet. */
  #choose(): void {
    const refused = new Map<string, Refusal>();
    const site = this.#site, reach = { has: (sha256: string) => site.has(sha256), get reads() { return site.reads; } };
    const offers = checks.flatMap((check): { readonly check: Check; readonly offer: Offer }[] => {
      const offer = check.offer(this.#place, this.#plan, reach);
      if (offer === undefined) return [];
      if ('downloads' in offer) return [{ check, offer }];
      refused.set(check.name, offer);
      return [];
    });
    // What asks for a folder first is done when it is wanted, not before all else.
    const asksFirst = ({ offer }: Pick<Offered, 'offer'>): boolean => site.needsFolder && offer.readsFiles;
    const selects = new Map<string, HTMLSelectElement>();
    const offered = offers.map(({ check, offer }): Offered => {
      if (offer.choices !== undefined) selects.set(check.name, make('select', {}, ...offer.choices.values.map((value) => make('option', { value }, value))));
      const select = selects.get(offer.choiceOf ?? check.name);
      return { check, offer, select, box: make('input', { type: 'checkbox', checked: offer.onlyIfAsked !== true && (!asksFirst({ offer }) || offers.every((one) => asksFirst(one) || one.offer.onlyIfAsked === true)) }) };
    });
    const said = Array.from(refused.values(), ({ note }) => make('p', {}, note));
    if (offered.length === 0) {
      this.element.replaceChildren(...said, ...(said.length === 0 ? [make('p', {}, 'Nothing here can be computed by a page.')] : []));
      return;
    }
    const size = make('p', { class: 'size', role: 'status' });
    const problem = make('p', { class: 'problem', role: 'alert' });
    const chosen = (): Offered[] => offered.filter(({ box }) => box.checked);
    const start = button('Start', () => {
      // A second click may come before the button is gone.
      if (start.disabled) return;
      start.disabled = true;
      void this.#run(chosen(), refused, problem);
    });
    const folder = make('input', { type: 'file', id: 'rerun-folder' }), asking = make('label', { for: folder.id });
    folder.webkitdirectory = true;
    const ask = make('p', { class: 'folder' }, asking, folder);
    const choose = async (): Promise<void> => {
      problem.textContent = '';
      // One after the other, and none while it starts.
      folder.disabled = start.disabled = true;
      await site.choose(folder.files ?? []).catch((error: Error) => { problem.textContent = error.message; });
      folder.disabled = false;
      update();
      folder.focus();
    };
    folder.addEventListener('change', () => void choose());
    const update = (): void => {
      const files = [...new Map(chosen().flatMap(({ offer, select }) => offer.downloads(select?.value)).map((file) => [file.path, file])).values()];
      size.replaceChildren(...sizeWords(files));
      ask.hidden = !(site.fromFile && chosen().some(({ offer }) => offer.readsFiles));
      asking.textContent = site.folder === undefined
        ? 'This page was opened from a file, from where it may load scripts only. To check the site’s files choose its folder, the one with index.html; nothing is sent anywhere. '
        : `The site’s files are read in the folder “${site.folder}”. To read them in another one, choose it: `;
      start.disabled = chosen().length === 0 || folder.disabled || (site.needsFolder && !ask.hidden);
    };
    for (const control of [...offered.map(({ box }) => box), ...selects.values()]) control.addEventListener('change', update);
    update();
    this.element.replaceChildren(
      make('ul', { class: 'offers' }, ...offered.map(({ check, offer, box, select }) => make('li', { 'data-check': check.name }, make('label', {}, box, ` ${offer.title}`), ...(offer.choices === undefined ? [] : [make('label', {}, ` ${offer.choices.label} `, select!)])))),
      ...said, ask, size, make('p', {}, start), problem);
    offered[0]!.box.focus();
  }

  async #run(chosen: readonly Offered[], refused: ReadonlyMap<string, Refusal>, problem: HTMLElement): Promise<void> {
    const stop = new AbortController();
    const stopped = new Promise<void>((resolve) => stop.signal.addEventListener('abort', () => resolve()));
    const results = new Results(this.#place, refused);
    const bar = make('progress', { 'aria-label': 'How far it is' });
    const told = make('span', { class: 'told' });
    const status = make('p', { role: 'status' });
    const cancel = button('Cancel', () => { cancel.disabled = true; stop.abort(); });
    const working = make('p', { class: 'working' }, bar, told, cancel);
    this.element.replaceChildren(working, results.element, status);
    cancel.focus();
    const kept = new KeptFiles(chosen.map(({ offer, select }) => offer.downloads(select?.value)), (path) => this.#site.file(path, stop.signal));
    for (const { check } of chosen) results.ask(check.name);
    for (const { check, offer, select } of chosen) {
      if (stop.signal.aborted) break;
      const progress = (done: number, total: number, unit: string): void => {
        // Of what nobody knows how long it takes the bar only moves.
        if (total === 0) bar.removeAttribute('value');
        else {
          bar.max = total;
          bar.value = done;
        }
        told.textContent = total === 0 ? ` ${unit} ` : unit === 'bytes' ? ` ${byteSize(done)} of ${byteSize(total)} ` : ` ${done} of ${total} ${unit} `;
      };
      const started = performance.now();
      try {
        const downloads = offer.downloads(select?.value);
        // A step that is under way cannot be broken off, and is not waited for: what comes after it stops.
        await Promise.race([stopped, check.run({
          place: this.#place, plan: this.#plan, choice: select?.value, signal: stop.signal, progress, say: (finding) => { if (!stop.signal.aborted) results.add(check.name, finding); },
          file: kept.file, sentUnpacked: (path) => this.#site.sentUnpacked(path), reads: this.#site.reads, chosen: this.#site.chosen,
          object: async (sha256) => {
            stop.signal.throwIfAborted();
            loadingWords(told, this.#plan.objects[sha256], downloads);
            return this.#site.object(this.#plan, sha256);
          },
          program: async (path, name) => {
            told.textContent = ` loads ${path} `;
            return this.#site.program(path, name);
          },
        })]);
        if (!stop.signal.aborted) results.end(check.name);
      } catch (error) {
        if (!stop.signal.aborted) results.add(check.name, { verdict: 'note', unfinished: true, what: `${check.about}: broken off after ${duration(performance.now() - started)}`, detail: error instanceof Error ? error.message : String(error) });
      }
    }
    working.remove();
    status.textContent = stop.signal.aborted ? `Cancelled. ${results.findings.length === 0 ? 'Nothing was found until then.' : results.summary()}` : results.summary();
    const more = button('Do something else', () => this.#choose());
    const lost = document.activeElement === null || document.activeElement === document.body;
    this.element.append(await this.#record(results.findings, problem), make('p', {}, more));
    // The button that was in focus is gone.
    if (lost) more.focus({ preventScroll: true });
  }

  /** What the study's ledger takes. */
  async #record(findings: readonly Finding[], problem: HTMLElement): Promise<Node> {
    const { userAgent, hardwareConcurrency } = navigator;
    const write = (by: string): Promise<string | undefined> => readersReproduction(this.#plan, findings, { by, browser: userAgent, processors: hardwareConcurrency, when: new Date() });
    if (await write('') === undefined) return make('span');
    const name = make('input', { type: 'text', maxlength: '200', autocomplete: 'name' });
    const place = make('span');
    const save = button('Make a record of this', () => void write(name.value).then(
      (text) => place.replaceChildren(' ', downloadLink('reproduction.json', 'reproduction.json', text!), ', which the study takes with “npx bitwidth ledger add reproduction.json”.'),
      (error: Error) => { problem.textContent = error.message; }));
    return make('p', { class: 'record' }, make('label', {}, 'Your name, if the record shall say it: ', name), ' ', save, place);
  }
}

function sizeWords(files: readonly PlannedFile[]): readonly (Node | string)[] {
  if (files.length === 0) return ['Loads nothing more.'];
  return [
    `Start loads ${byteSize(files.reduce((sum, { bytes }) => sum + bytes, 0))} in ${count(files.length, 'file')} of this site.`,
    make('details', {}, make('summary', {}, 'Which'), make('ul', {}, ...files.slice(0, 100).map(({ path, bytes }) => make('li', {}, `${path}, ${byteSize(bytes)}`)), ...(files.length > 100 ? [make('li', {}, `and ${files.length - 100} more`)] : []))),
  ];
}

function loadingWords(told: HTMLElement, object: PlannedFile | undefined, of: readonly PlannedFile[]): void {
  const place = of.findIndex(({ path }) => path === object?.path);
  if (object !== undefined && place >= 0) told.textContent = ` loads ${object.path}, ${byteSize(object.bytes)} (${place + 1} of ${of.length}) `;
}
