/** The page to try: a prompt, two formats and settings; two texts that grow side by side, the tokens where they part marked. */
import { byteSize, count } from '../../../stages/dag/index.ts';
import { STUDY_NAME, STUDY_PROGRAM } from '../compute.ts';
import { firstPrompt, partedAfter, writableFormats } from '../formats.ts';
import { button, make } from './dom.ts';
import type { WritableFormat } from '../formats.ts';
import type { Plan, PlannedFile } from '../plan.ts';
import type { Site } from './site.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** What the study's program offers (stages/quantization/in-page/write.ts). */
interface WritingProgram {
  write(
    model: { readonly [input: string]: Bytes }, formats: readonly { readonly format: string; readonly artifact?: Bytes }[],
    settings: { readonly prompt: string; readonly temperature: number; readonly topK: number; readonly seed: number; readonly newTokens: number },
    watched: { readonly signal: AbortSignal; wrote(place: number, ids: readonly number[], pieces: readonly string[]): void },
  ): Promise<{ /** How many there was room for. */ readonly newTokens: number; readonly contextTokens: number }>;
}

interface Column { readonly element: HTMLElement; readonly note: HTMLElement; readonly text: HTMLElement; ids: readonly number[]; pieces: readonly string[] }

const MOST_TOKENS = 400;

export class Trying {
  readonly element = make('div', { class: 'panel-rerun' });
  readonly #site: Site;
  readonly #plan: Plan;
  readonly #formats: readonly WritableFormat[];
  readonly #fields = {
    prompt: make('textarea', { rows: '3', dir: 'auto', spellcheck: 'false' }),
    formats: [make('select'), make('select')] as const,
    temperature: make('input', { type: 'number', min: '0', max: '5', step: 'any', value: '0.8', inputmode: 'decimal' }),
    seed: make('input', { type: 'number', min: '0', max: '4294967295', step: '1', value: '1' }),
    newTokens: make('input', { type: 'number', min: '1', max: String(MOST_TOKENS), step: '1', value: '64' }),
  };
  readonly #size = make('p', { class: 'size' });
  readonly #said = make('p', { role: 'status' });
  readonly #texts = make('div', { class: 'texts' });
  readonly #write = button('Write', () => void this.#run());
  readonly #cancel = button('Stop', () => this.#stop?.abort());
  #stop: AbortController | undefined;

  constructor(site: Site, plan: Plan) {
    this.#site = site;
    this.#plan = plan;
    this.#formats = writableFormats(plan);
    if (this.#formats.length === 0) {
      this.element.append(make('p', {}, 'This report publishes no weights that a page could write with.'));
      return;
    }
    const { prompt, formats, temperature, seed, newTokens } = this.#fields;
    prompt.value = firstPrompt(plan);
    for (const [place, select] of formats.entries()) {
      select.append(...this.#formats.map(({ format }) => make('option', { value: format }, format)));
      const wanted = place === 0 ? this.#formats[0]!.format : this.#formats.find(({ format }) => format === 'fp4')?.format ?? this.#formats.at(-1)!.format;
      select.value = wanted;
      select.addEventListener('change', () => this.#update());
    }
    const field = (label: string, input: HTMLElement, wide = false): HTMLElement => make('label', wide ? { class: 'wide' } : {}, make('span', {}, label), input);
    const form = make('form', { class: 'settings' },
      field('Prompt', prompt, true), field('Format', formats[0]), field('and format', formats[1]), field('Temperature (0: always the likeliest token)', temperature), field('Seed', seed), field('New tokens', newTokens));
    form.addEventListener('submit', (event) => event.preventDefault());
    this.#cancel.hidden = true;
    this.element.append(form, this.#size, make('p', {}, this.#write, ' ', this.#cancel), this.#said, this.#texts);
    this.#update();
  }

  #chosen(): readonly WritableFormat[] {
    return this.#fields.formats.map(({ value }) => this.#formats.find(({ format }) => format === value)!);
  }

  #downloads(): readonly PlannedFile[] {
    const objects = new Set(this.#chosen().flatMap(({ model, artifact }) => [...Object.values(model), ...(artifact === undefined ? [] : [artifact])]));
    const program = (globalThis as { [name: string]: unknown })[STUDY_NAME] === undefined ? [{ path: STUDY_PROGRAM, bytes: this.#plan.programs[STUDY_PROGRAM] ?? 0 }] : [];
    return [...program, ...[...objects].filter((sha256) => !this.#site.has(sha256)).map((sha256) => this.#plan.objects[sha256]!)];
  }

  #update(): void {
    const files = this.#downloads();
    this.#size.textContent = files.length === 0 ? 'All that it needs is loaded.' : `The first text loads ${byteSize(files.reduce((sum, { bytes }) => sum + bytes, 0))} in ${count(files.length, 'file')} of this site.`;
  }

  async #run(): Promise<void> {
    const { prompt, temperature, seed, newTokens } = this.#fields;
    const wrong = [temperature, seed, newTokens].find((input) => !input.checkValidity() || input.value === '');
    if (wrong !== undefined) {
      // What was written before was not written with it.
      this.#texts.replaceChildren();
      this.#said.textContent = `${wrong.parentElement!.firstChild!.textContent}: ${wrong.validationMessage || `give a number from ${wrong.min} to ${wrong.max}`}`;
      wrong.focus();
      return;
    }
    const chosen = this.#chosen();
    const stop = this.#stop = new AbortController();
    const stopped = new Promise<never>((_, reject) => stop.signal.addEventListener('abort', () => reject(stop.signal.reason)));
    const columns = chosen.map(({ format }): Column => {
      const note = make('span', { class: 'quiet' }), text = make('div', { dir: 'auto' });
      return { note, text, ids: [], pieces: [], element: make('div', { class: `sample c-${format === 'fp32' || format === 'fp16' || format === 'bf16' ? 'base' : format}` }, make('h2', {}, `${format} `, note), text) };
    });
    this.#texts.replaceChildren(...columns.map(({ element }) => element));
    this.#busy(true);
    try {
      // A file that loads cannot be broken off, and is not waited for.
      const { program, model, formats } = await Promise.race([stopped, this.#load(chosen, stop.signal)]);
      this.#said.textContent = 'Writing.';
      const asked = Number(newTokens.value);
      const room = await program.write(model, formats, { prompt: prompt.value, temperature: Number(temperature.value), topK: 0, seed: Number(seed.value), newTokens: asked }, {
        signal: stop.signal,
        wrote: (place, ids, pieces) => {
          Object.assign(columns[place]!, { ids: [...ids], pieces });
          show(columns);
        },
      });
      this.#said.textContent = `${summaryOf(columns)}${room.newTokens < asked ? ` ${room.newTokens} of ${count(asked, 'new token')}: the model reads ${room.contextTokens} in all.` : ''}`;
    } catch (error) {
      // What nothing was written in tells nothing.
      if (columns.every(({ ids }) => ids.length === 0)) this.#texts.replaceChildren();
      this.#said.textContent = stop.signal.aborted ? `Stopped. ${summaryOf(columns)}`.trim() : error instanceof Error ? error.message : String(error);
    } finally {
      this.#busy(false);
      this.#update();
    }
  }

  async #load(chosen: readonly WritableFormat[], signal: AbortSignal): Promise<{ readonly program: WritingProgram; readonly model: { readonly [input: string]: Bytes }; readonly formats: readonly { readonly format: string; readonly artifact?: Bytes }[] }> {
    const files = this.#downloads();
    const tell = ({ path, bytes }: PlannedFile): void => {
      this.#said.textContent = `Loads ${path}, ${byteSize(bytes)} (${files.findIndex((file) => file.path === path) + 1} of ${files.length}).`;
    };
    const object = async (sha256: string): Promise<Bytes> => {
      signal.throwIfAborted();
      if (!this.#site.has(sha256)) tell(this.#plan.objects[sha256]!);
      return this.#site.object(this.#plan, sha256);
    };
    if (files[0]?.path === STUDY_PROGRAM) tell(files[0]);
    const program = await this.#site.program(STUDY_PROGRAM, STUDY_NAME) as WritingProgram;
    const model: { [input: string]: Bytes } = {};
    for (const [input, sha256] of Object.entries(chosen[0]!.model)) model[input] = await object(sha256);
    const formats: { format: string; artifact?: Bytes }[] = [];
    for (const { format, artifact } of chosen) formats.push({ format, ...(artifact === undefined ? {} : { artifact: await object(artifact) }) });
    return { program, model, formats };
  }

  #busy(busy: boolean): void {
    this.#write.disabled = busy;
    this.#cancel.hidden = !busy;
    (busy ? this.#cancel : this.#write).focus();
  }
}

/** What both have alike in grey, then the first token that they have not, marked; as the report's own samples are shown. */
function show(columns: readonly Column[]): void {
  const [a, b] = columns as readonly [Column, Column];
  const at = partedAfter(a.ids, b.ids);
  const same = at ?? Math.min(a.ids.length, b.ids.length);
  for (const { text, note, pieces } of columns) {
    const rest = pieces.slice(same);
    text.replaceChildren(make('span', { class: 'same' }, pieces.slice(0, same).join('')), ...(at === undefined ? [rest.join('')] : [make('mark', {}, (rest[0] ?? '').replaceAll('\n', '↵\n') || '∅'), rest.slice(1).join('')]));
    note.textContent = at === undefined ? '' : `parts after ${count(at, 'token')}`;
  }
}

function summaryOf(columns: readonly Column[]): string {
  const [a, b] = columns as readonly [Column, Column];
  const at = partedAfter(a.ids, b.ids);
  if (a.ids.length === 0 && b.ids.length === 0) return '';
  if (at !== undefined) return `They part after ${count(at, 'token')}.`;
  return a.ids.length === b.ids.length ? `They are the same for ${count(a.ids.length, 'token')}.` : `They are the same as far as both go, ${count(Math.min(a.ids.length, b.ids.length), 'token')}.`;
}
