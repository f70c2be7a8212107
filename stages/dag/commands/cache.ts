/** `cache`: what is in the shared cache, and moving results to it and from it without a run. */
import { EXIT } from '../command.ts';
import { ConfigurationError } from '../declare.ts';
import { openToCompute } from '../stand-in.ts';
import { readGround } from '../ground.ts';
import { preview } from '../preview.ts';
import { select } from '../selection.ts';
import { onSignals } from '../signals.ts';
import { openSigner } from '../signing-key.ts';
import { SharedCache } from '../cache/shared-cache.ts';
import { isShared } from '../cache/is-shared.ts';
import { publicKeyText } from '../cache/trusted.ts';
import { byteSize, count, grouped } from '../words.ts';
import type { Command, CommandContext } from '../command.ts';
import type { Forecast } from '../preview.ts';
import type { Store } from '../store.ts';
import type { Cell, CellRecord, OutputRecord, Pipeline } from '../types.ts';

const ACTIONS = ['status', 'push', 'pull'] as const;
type Action = (typeof ACTIONS)[number];

const cache: Command = {
  usage: 'bitwidth cache status|push|pull [target ...]',
  details: 'status  shows what the shared cache has of the study\'s results, whose records count, and one\'s own key, which others put under trust:\n'
    + 'push    puts the results that count now into it; a run does so by itself, as it goes on\n'
    + 'pull    brings results and their bytes into the store; a run brings what it needs by itself. Also takes the timings of other machines\n'
    + 'A target is a stage, a cell, or a pattern (score:novel-4m/*); without one all are meant. Where the cache is, and who is trusted: cache: in\n'
    + 'data/study.yaml; see docs/cache.md.',
  options: { json: { type: 'boolean', summary: 'Print what came of it as one JSON object' } },
  positionals: { min: 1, max: Infinity },
  async run(context) {
    const { pipeline, positionals: [named, ...targets], values, print } = context;
    const action = ACTIONS.find((one) => one === named);
    if (action === undefined) throw new ConfigurationError(`cache: unknown action "${named}"; it is status, push or pull\nusage: ${cache.usage}`);
    if (pipeline.cache === undefined) throw new ConfigurationError('cache: there is no shared cache; say where under cache: in data/study.yaml (docs/cache.md), or set BITWIDTH_CACHE');
    if (action === 'push' && pipeline.cache.readOnly === true) throw new ConfigurationError('cache: nothing may be put into it: read_only: yes in data/study.yaml');
    const told: string[] = [];
    const say = (sentence: string): void => {
      told.push(sentence);
      if (values['json'] !== true) print(sentence);
    };
    const opened = await openToCompute(pipeline);
    try {
      const shared = await SharedCache.open(pipeline, opened.store, { readOnly: action !== 'push', told: say });
      const work = new Work(context, opened.store, shared, targets, say);
      const done = await work.do(action);
      if (values['json'] === true) print(JSON.stringify({ action, ...done.facts, told }));
      else for (const line of done.lines) print(line);
      return done.code;
    } finally {
      await opened.store.close({ ran: 0, cached: 0, failed: 0, skipped: 0 });
      opened.remove();
    }
  },
};
export default cache;

interface Done { readonly code: number; readonly facts: object; readonly lines: readonly string[] }

class Work {
  readonly #pipeline: Pipeline;
  readonly #store: Store;
  readonly #shared: SharedCache | undefined;
  readonly #targets: readonly string[];
  readonly #say: (sentence: string) => void;

  constructor({ pipeline }: CommandContext, store: Store, shared: SharedCache | undefined, targets: readonly string[], say: (sentence: string) => void) {
    this.#pipeline = pipeline;
    this.#store = store;
    this.#shared = shared;
    this.#targets = targets;
    this.#say = say;
  }

  async do(action: Action): Promise<Done> {
    const selection = select(this.#pipeline, this.#targets);
    const ignoreSignals = onSignals(() => this.#shared?.hurry());
    try {
      await this.#shared?.vouch(selection.cells);
      const ground = await readGround(this.#pipeline, this.#store, selection.cells);
      const forecasts = preview(selection, ground);
      const cells = selection.cells.filter(({ id, stage }) => isShared(stage) && (this.#targets.length === 0 || selection.named.has(id)));
      const done = cells.flatMap((cell) => { const forecast = forecasts.get(cell.id)!; return forecast.kind === 'done' ? [{ cell, records: forecast.records }] : []; });
      if (action === 'status') return await this.#status(cells, done, forecasts);
      if (this.#shared?.serves !== true) return { code: EXIT.failed, facts: { failed: true }, lines: [] };
      return action === 'push' ? await this.#push(done) : await this.#pull(done, cells.length);
    } finally {
      await this.#shared?.close(action !== 'push');
      ignoreSignals();
    }
  }

  async #push(done: readonly { readonly cell: Cell; readonly records: readonly CellRecord[] }[]): Promise<Done> {
    this.#store.describeRun({ command: 'cache push' });
    for (const { cell, records } of done) this.#shared!.settled(cell, records);
    await this.#shared!.finish();
    const { sent, left, bytesUp } = this.#shared!.traffic();
    const trouble = this.#shared!.trouble('write');
    return { code: left > 0 || trouble !== undefined ? EXIT.failed : EXIT.done, facts: { sent, left, bytesUp, results: done.length }, lines: [
      `${count(sent, 'result')} put into the shared cache (${byteSize(bytesUp)}); ${grouped(done.length - sent - left)} of ${grouped(done.length)} were there.${left > 0 ? ` ${grouped(left)} could not be put there.` : ''}`,
    ] };
  }

  async #pull(done: readonly { readonly cell: Cell; readonly records: readonly CellRecord[] }[], cells: number): Promise<Done> {
    this.#store.describeRun({ command: 'cache pull' });
    const { catalogue } = this.#store;
    const wanted: OutputRecord[] = [];
    for (const { cell, records } of done) {
      const known = new Set(records.map(({ machine }) => machine));
      // Timings of other machines join those of the store only when they are asked for.
      const others = cell.stage.determinism !== 'measured' ? [] : catalogue!.resultOf(cell, records[0]!.key, () => true)?.signed.map(({ record }) => record).filter(({ machine }) => !known.has(machine)) ?? [];
      const all = [...records, ...others];
      this.#shared!.settled(cell, all);
      for (const record of all) wanted.push(...Object.values(record.outputs));
    }
    const lacking = (await this.#shared!.bring(wanted)).length;
    const { bytesDown } = this.#shared!.traffic();
    const { taken } = this.#shared!.traffic();
    return { code: lacking > 0 ? EXIT.failed : EXIT.done, facts: { taken, bytesDown, lacking, results: done.length, cells }, lines: [
      `${count(taken, 'result')} taken from the shared cache (${byteSize(bytesDown)}). ${grouped(done.length)} of ${count(cells, 'cell')} have a result now${lacking > 0 ? `; ${count(lacking, 'object')} of them could not be had` : ''}.`,
    ] };
  }

  async #status(cells: readonly Cell[], done: readonly { readonly cell: Cell; readonly records: readonly CellRecord[] }[], forecasts: ReadonlyMap<string, Forecast>): Promise<Done> {
    const catalogue = this.#store.catalogue!;
    const trust = this.#pipeline.cache!.trust;
    const there = done.filter(({ cell, records }) => records.every((record) => catalogue.hasResult(cell, record))).length;
    const fresh = done.filter(({ records }) => records.some((record) => catalogue.signerOf(record) !== undefined)).length;
    const conflicts = [...forecasts].flatMap(([id, forecast]) => forecast.kind === 'run' && forecast.conflict !== undefined ? [id] : []);
    const { entries, keys, objects, bytes } = catalogue.counts;
    let own: string | undefined;
    try {
      own = publicKeyText(openSigner().publicKey);
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error;
      this.#say(error.message);
    }
    const where = this.#pipeline.cache!.at;
    const place = where.kind === 'folder' ? where.path : `s3://${where.bucket}${where.prefix === '' ? '' : `/${where.prefix}`}`;
    const facts = { reachable: this.#shared?.serves === true, entries, keys, objects, bytes, cells: cells.length, results: done.length, there, fresh, conflicts, ...(own === undefined ? {} : { key: own }), trust };
    return { code: facts.reachable ? EXIT.done : EXIT.failed, facts, lines: [
      `Shared cache: ${place}${this.#pipeline.cache!.readOnly === true ? ', only read' : ''}`,
      `  ${count(keys, 'result')} signed by those who are trusted, of ${count(objects, 'object')} (${byteSize(bytes)}), in ${count(entries, 'entry', 'entries')}`,
      `Of this study: ${grouped(there)} of ${count(cells.length, 'cell')} have their result there${fresh > 0 ? `, ${grouped(fresh)} of them not in the store yet` : ''}; ${count(done.length - there, 'result')} ${done.length - there === 1 ? 'is' : 'are'} only in the store`,
      ...(conflicts.length > 0 ? [`Results that differ, which a run decides: ${conflicts.slice(0, 10).join(', ')}${conflicts.length > 10 ? ` and ${conflicts.length - 10} more` : ''}`] : []),
      ...(trust.length > 0 ? [`Trusted: ${trust.map(({ name }) => name).join(', ')}, and you`] : ['Trusted: only you']),
      ...(own === undefined ? [] : [`Your key, for the trust: of others: ${own}`]),
    ] };
  }
}
