/** The graph of the RO-Crate: entities that name each other. */
import { createHash } from 'node:crypto';
import type { CellProvenance } from '../stages/dag/index.ts';

export interface CrateFile { readonly path: string; readonly bytes: number; readonly sha256: string; readonly cell: string }
export interface CrateSource { readonly path: string; readonly title: string; readonly origin: string; readonly licence: string; readonly sha256: string; readonly bytes: number }

export interface CrateInput {
  readonly name: string;
  readonly description: string;
  /** The work that it begins with. */
  readonly basedOn: { readonly name: string; readonly url: string };
  /** SPDX identifier of what is the study's own. */
  readonly licence: string;
  /** Every cell that the report is about. */
  readonly items: readonly CellProvenance[];
  /** Of the site. */
  readonly files: readonly CrateFile[];
  readonly sources: readonly CrateSource[];
  /** Stage -> what it does, in words. */
  readonly titles: ReadonlyMap<string, string>;
  readonly workflow: { readonly path: string; readonly bytes: number };
  /** Bytes of README.md, which says what is in the folder. */
  readonly readme: Uint8Array;
}

interface Entity { readonly '@id': string; readonly '@type': string | readonly string[]; readonly [property: string]: unknown }
interface Ref { readonly '@id': string }

const ref = (id: string): Ref => ({ '@id': id });
/** The standard's validators take a list of one for none. */
const refs = (ids: readonly string[]): Ref | readonly Ref[] | undefined => ids.length === 0 ? undefined : ids.length === 1 ? ref(ids[0]!) : ids.map(ref);

const PROFILES = ['https://w3id.org/ro/wfrun/process/0.5', 'https://w3id.org/ro/wfrun/workflow/0.5', 'https://w3id.org/ro/wfrun/provenance/0.5'];
const WORKFLOW_CRATE = 'https://w3id.org/workflowhub/workflow-ro-crate/1.0';
const WORKFLOW_PROFILE = 'https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE';

const hashOf = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');
/** Pages are many, and told as a folder each; data are told file by file. */
const isData = ({ path }: CrateFile): boolean => path.startsWith('data/');

export function crateOf({ name, description, basedOn, licence, items, files, sources, titles, workflow, readme }: CrateInput): object {
  const stages = stagesOf(items);
  const ended = [...stages.values()].map(({ end }) => end).sort().at(-1);
  const started = [...stages.values()].map(({ start }) => start).sort()[0];
  const data = files.filter(isData);
  const folders = [...new Set(files.filter((file) => !isData(file)).map(({ path }) => path.includes('/') ? `${path.slice(0, path.indexOf('/'))}/` : path))].sort();
  const licenceId = `https://spdx.org/licenses/${licence}`;
  const inputs = sources.map(({ path }) => sourceId(path));
  const order = [...stages.keys()];
  const graph: Entity[] = [
    { '@id': 'ro-crate-metadata.json', '@type': 'CreativeWork', about: ref('./'), conformsTo: [ref('https://w3id.org/ro/crate/1.1'), ref(WORKFLOW_CRATE)] },
    {
      '@id': './', '@type': 'Dataset', name, description, license: ref(licenceId), conformsTo: [...PROFILES, WORKFLOW_CRATE].map(ref),
      ...(ended === undefined ? {} : { datePublished: ended }), mainEntity: ref(workflow.path), author: ref('#study'), publisher: ref('#study'),
      hasPart: [workflow.path, 'README.md', ...folders, ...data.map(({ path }) => path)].map(ref), mentions: refs(['#report', ...(order.length === 0 ? [] : ['#run', '#organize']), ...order.map(actionId)]),
      isBasedOn: ref(basedOn.url),
    },
    ...PROFILES.map((id): Entity => ({ '@id': id, '@type': 'CreativeWork', name: `${{ process: 'Process', workflow: 'Workflow', provenance: 'Provenance' }[id.split('/').at(-2)!]!} Run Crate`, version: '0.5' })),
    { '@id': WORKFLOW_CRATE, '@type': 'CreativeWork', name: 'Workflow RO-Crate', version: '1.0' },
    { '@id': licenceId, '@type': 'CreativeWork', name: licence, description: `The licence ${licence} of the study's own files; data that it read have theirs.`, url: licenceId },
    { '@id': basedOn.url, '@type': 'ScholarlyArticle', name: basedOn.name, url: basedOn.url },
    { '@id': '#study', '@type': 'Organization', name: 'Whoever ran this study', description: 'The report names no person: its records say which machine computed what, and nothing about who owns it.', url: basedOn.url },
    { '@id': 'README.md', '@type': 'File', name: 'README.md', description: 'What is in this folder.', about: ref('./'), encodingFormat: 'text/markdown', contentSize: String(readme.length), sha256: hashOf(readme), license: ref(licenceId) },
    { '@id': '#typescript', '@type': 'ComputerLanguage', name: 'TypeScript', identifier: ref('https://www.typescriptlang.org/'), url: ref('https://www.typescriptlang.org/') },
    {
      '@id': workflow.path, '@type': ['File', 'SoftwareSourceCode', 'ComputationalWorkflow', 'HowTo'], name: `${name}: the pipeline`, description: 'Composes the stages of the study and of its report into one graph.', conformsTo: ref(WORKFLOW_PROFILE),
      encodingFormat: 'text/typescript', contentSize: String(workflow.bytes), license: ref(licenceId), programmingLanguage: ref('#typescript'), author: ref('#study'), url: basedOn.url, version: '1',
      input: refs(sources.map(({ path }) => parameterId(path))), output: refs(['#parameter-report']), step: refs(order.map(stepId)), hasPart: refs(order.map(toolId)),
    },
    ...sources.map((source): Entity => ({ '@id': parameterId(source.path), '@type': 'FormalParameter', additionalType: 'Text', name: source.path, description: `The sha256 of ${source.path}: ${source.title}`, conformsTo: ref('https://bioschemas.org/profiles/FormalParameter/1.0-RELEASE'), valueRequired: true, workExample: ref(sourceId(source.path)) })),
    { '@id': '#parameter-report', '@type': 'FormalParameter', additionalType: 'Collection', name: 'report', description: 'The report: its pages, and its tables as data.', conformsTo: ref('https://bioschemas.org/profiles/FormalParameter/1.0-RELEASE'), workExample: ref('#report') },
    { '@id': '#report', '@type': 'Collection', name: 'the report', mainEntity: ref('index.html'), exampleOfWork: ref('#parameter-report'), hasPart: refs(data.map(({ path }) => path)) },
    ...sources.map((source): Entity => ({
      // Weights and texts are no part of the report: what was read is told by its hash.
      '@id': sourceId(source.path), '@type': 'PropertyValue', name: source.path, value: source.sha256, description: `${source.title}: ${source.origin}; licence ${source.licence}; ${source.bytes} bytes`, exampleOfWork: ref(parameterId(source.path)),
    })),
    ...folders.map((path): Entity => path.endsWith('/')
      ? { '@id': path, '@type': 'Dataset', name: path.slice(0, -1), description: `Pages and assets of the report under ${path}`, license: ref(licenceId) }
      : fileEntity(files.find((file) => file.path === path)!, licenceId)),
    ...data.map((file) => fileEntity(file, licenceId)),
    ...[...stages.values()].flatMap((stage, i) => stageEntities(stage, i, titles.get(stage.name) ?? stage.name, stages, basedOn.url)),
    ...(order.length === 0 ? [] : [
      {
        '@id': '#run', '@type': 'CreateAction', name: `Run of ${name}`, description: `${items.filter(({ record }) => record?.status === 'done').length} cells have a result.`, instrument: ref(workflow.path), object: refs(inputs), result: ref('#report'),
        startTime: started, endTime: ended, agent: ref('#study'), actionStatus: 'http://schema.org/CompletedActionStatus',
      },
      { '@id': '#engine', '@type': 'SoftwareApplication', name: 'bitwidth', description: 'Decides which cells are computed, runs them, and keeps their records.', url: basedOn.url, softwareVersion: '1' },
      {
        '@id': '#organize', '@type': 'OrganizeAction', name: `Control of the run of ${name}`, description: 'The machinery started each stage once what it reads was there.', instrument: ref('#engine'), object: refs(order.map(controlId)), result: ref('#run'),
        startTime: started, endTime: ended, agent: ref('#study'), actionStatus: 'http://schema.org/CompletedActionStatus',
      },
    ]),
  ];
  return { '@context': CONTEXT, '@graph': graph.map((entity) => Object.fromEntries(Object.entries(entity).filter(([, value]) => value !== undefined))) };
}

interface Stage {
  readonly name: string;
  readonly cells: readonly CellProvenance[];
  /** ISO 8601 with +00:00. */
  readonly start: string;
  readonly end: string;
}

/** Stages with a result, each after those that it reads. */
function stagesOf(items: readonly CellProvenance[]): ReadonlyMap<string, Stage> {
  const byStage = new Map<string, CellProvenance[]>();
  for (const item of items) if (item.record?.status === 'done') byStage.set(item.stage, [...byStage.get(item.stage) ?? [], item]);
  const stages = [...byStage].map(([name, cells]): Stage => {
    const ends = cells.map(({ record }) => Date.parse(record!.finishedAt));
    const starts = cells.map(({ record }, i) => ends[i]! - record!.durationMs);
    return { name, cells, start: iso(starts.reduce((a, b) => Math.min(a, b))), end: iso(ends.reduce((a, b) => Math.max(a, b))) };
  });
  return new Map(stages.sort((a, b) => (a.end < b.end ? -1 : a.end > b.end ? 1 : a.name < b.name ? -1 : 1)).map((stage) => [stage.name, stage]));
}

const iso = (ms: number): string => `${new Date(Math.floor(ms)).toISOString().slice(0, 19)}+00:00`;

const actionId = (stage: string): string => `#action-${stage}`;
const stepId = (stage: string): string => `data/code/pipeline.ts#${stage}`;
const toolId = (stage: string): string => `#stage-${stage}`;
const controlId = (stage: string): string => `#control-${stage}`;
const resultId = (stage: string): string => `#results-${stage}`;
const parameterId = (path: string): string => `#parameter-${path}`;
const sourceId = (path: string): string => `#source-${path}`;

function stageEntities({ name, cells, start, end }: Stage, position: number, title: string, stages: ReadonlyMap<string, Stage>, url: string): readonly Entity[] {
  const from = [...new Set(cells.flatMap(({ inputs }) => Object.values(inputs).flat().flatMap((one) => one.cell === undefined ? [] : [one.cell.slice(0, one.cell.indexOf(':'))])))].filter((stage) => stage !== name && stages.has(stage));
  const read = [...new Set(cells.flatMap(({ inputs }) => Object.values(inputs).flat().flatMap((one) => one.file ?? [])))].sort();
  const engines = [...new Set(cells.flatMap(({ record }) => record?.computedBy === undefined ? [] : [Object.values(record.computedBy).join(' ')]))].sort();
  const outputs = cells.flatMap(({ cell, record }) => Object.entries(record!.outputs).map(([output, { sha256, bytes }]) => ({ line: `${cell}#${output} ${sha256}`, bytes })));
  // One hash for all that it made: over cell, output and sha256, a line each, sorted. The records have them one by one.
  const digest = hashOf(outputs.map(({ line }) => line).sort().join('\n'));
  const code = Object.keys(cells[0]!.code).filter((file) => /\.[cm]?[jt]s$/.test(file));
  return [
    { '@id': stepId(name), '@type': 'HowToStep', name, position: String(position + 1), workExample: ref(toolId(name)) },
    { '@id': toolId(name), '@type': 'SoftwareApplication', name, description: `${title}. Its code: ${code.slice(0, 20).join(', ')}${code.length > 20 ? ', ...' : ''}`, url, softwareVersion: cells[0]!.record!.fields.code.slice(0, 16) },
    { '@id': controlId(name), '@type': 'ControlAction', name: `Control of ${name}`, instrument: ref(stepId(name)), object: ref(actionId(name)) },
    {
      '@id': actionId(name), '@type': 'CreateAction', name: title, description: `${cells.length} ${cells.length === 1 ? 'cell' : 'cells'}${engines.length === 0 ? '' : `, computed by ${engines.slice(0, 5).join('; ')}`}; one by one in data/records.ndjson.gz.`,
      instrument: ref(toolId(name)), object: refs([...from.map(resultId), ...(from.length === 0 ? read.map(sourceId) : [])]), result: ref(resultId(name)),
      startTime: start, endTime: end, agent: ref('#study'), actionStatus: 'http://schema.org/CompletedActionStatus',
    },
    { '@id': resultId(name), '@type': 'CreativeWork', name: `Results of ${name}`, description: `${outputs.length} outputs of ${cells.length} cells; sha256 over "cell#output sha256", a line each, sorted`, contentSize: String(outputs.reduce((sum, { bytes }) => sum + bytes, 0)), sha256: digest },
  ];
}

const FORMATS: { readonly [ending: string]: string } = {
  html: 'text/html', csv: 'text/csv', parquet: 'application/vnd.apache.parquet', duckdb: 'application/vnd.duckdb', gz: 'application/gzip', json: 'application/json', sql: 'application/sql', tex: 'text/x-tex', ts: 'text/typescript', css: 'text/css', js: 'text/javascript',
};

function fileEntity({ path, bytes, sha256, cell }: CrateFile, licence: string): Entity {
  const ending = path.slice(path.lastIndexOf('.') + 1);
  return { '@id': path, '@type': 'File', name: path.slice(path.lastIndexOf('/') + 1), description: `Written by ${cell}`, encodingFormat: FORMATS[ending] ?? 'application/octet-stream', contentSize: String(bytes), sha256, license: ref(licence) };
}

/** Every term that is used, so that no reader needs the network; the first entry names the standard. */
const SCHEMA = ['CreativeWork', 'Dataset', 'ScholarlyArticle', 'Organization', 'SoftwareSourceCode', 'SoftwareApplication', 'HowTo', 'HowToStep', 'CreateAction', 'OrganizeAction', 'ControlAction', 'Collection',
  'about', 'name', 'description', 'license', 'datePublished', 'mainEntity', 'author', 'publisher', 'hasPart', 'mentions', 'isBasedOn', 'version', 'url', 'identifier', 'encodingFormat', 'contentSize', 'programmingLanguage', 'step', 'additionalType',
  'valueRequired', 'workExample', 'exampleOfWork', 'instrument', 'object', 'result', 'startTime', 'endTime', 'agent', 'actionStatus', 'position', 'softwareVersion'];
const CONTEXT: readonly unknown[] = ['https://w3id.org/ro/crate/1.1/context', 'https://w3id.org/ro/terms/workflow-run/context', {
  ...Object.fromEntries(SCHEMA.map((term) => [term, `http://schema.org/${term}`])),
  File: 'http://schema.org/MediaObject', conformsTo: 'http://purl.org/dc/terms/conformsTo', ComputerLanguage: 'http://schema.org/ComputerLanguage', PropertyValue: 'http://schema.org/PropertyValue', value: 'http://schema.org/value', ComputationalWorkflow: 'https://bioschemas.org/ComputationalWorkflow',
  FormalParameter: 'https://bioschemas.org/FormalParameter', input: 'https://bioschemas.org/ComputationalWorkflow#input', output: 'https://bioschemas.org/ComputationalWorkflow#output', sha256: 'https://w3id.org/ro/terms/workflow-run#sha256',
}];
