/**
 * How a pipeline is written down: small, pure constructors. They check what can be seen from one declaration alone; `pipeline()`
 * checks what needs all of them.
 */
import { unsafePath } from './paths.ts';
import type { Cell, FileRef, GatherRef, InputRef, Json, OutputRef, RecordsRef, Stage } from './types.ts';

/** What is declared, or typed on the command line, is wrong. The message is for the person who wrote it; exit code 2. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
}

/** True for ConfigurationError, also for one from another copy of this module (the launcher and the bundle hold one each). */
export function isConfigurationError(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ConfigurationError';
}

const STAGE_NAME = /^[a-z][a-z0-9-]*$/;
const FIELD_NAME = /^[A-Za-z][A-Za-z0-9_.-]*$/;
const SEGMENT = /^[A-Za-z0-9._+=-]+$/;
/** Segments between slashes, none of them '.' or '..': one look at a path that is right. */
const PATH = /^(?!\.{1,2}(?:\/|$))[A-Za-z0-9._+=-]+(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._+=-]+)*$/;
const MAX_ID_CHARACTERS = 200;

/** Declares a stage. Throws ConfigurationError naming the stage and the field. */
export function stage(declaration: Stage): Stage {
  const wrong = (field: string, what: string): never => {
    throw new ConfigurationError(`stage "${declaration.name}": ${field} ${what}`);
  };
  if (!STAGE_NAME.test(declaration.name)) wrong('name', 'must be lower-case letters, digits and "-", and begin with a letter');
  if (declaration.title.trim() === '') wrong('title', 'is empty; give one plain sentence');
  const unsafe = unsafePath(declaration.module);
  if (unsafe !== undefined) wrong('module', `"${declaration.module}" ${unsafe}; give a path from the project's root`);
  if (declaration.outputs.length === 0) wrong('outputs', 'is empty; a stage commits at least one output');
  if (new Set(declaration.outputs).size !== declaration.outputs.length) wrong('outputs', 'names one output twice');
  for (const output of declaration.outputs) if (!FIELD_NAME.test(output)) wrong('outputs', `has "${output}"; allowed are ${FIELD_NAME.source}`);
  for (const output of declaration.unstableOutputs ?? []) {
    if (!declaration.outputs.includes(output)) wrong('unstableOutputs', `has "${output}", which is not among outputs`);
  }
  for (const [name, least] of [['cpus', 1], ['memoryBytes', 0], ['gpus', 0]] as const) {
    const amount = declaration.resources?.[name];
    if (amount !== undefined && !(Number.isSafeInteger(amount) && amount >= least)) wrong(`resources.${name}`, `is ${amount}; it must be a whole number from ${least}`);
  }
  for (const name of Object.keys(declaration.resources ?? {})) if (!['cpus', 'memoryBytes', 'gpus'].includes(name)) wrong('resources', `has "${name}"; allowed are cpus, memoryBytes, gpus`);
  if (declaration.agreement !== undefined && declaration.determinism === 'exact') wrong('agreement', 'is for results that are not exact; exact ones are equal or differ');
  if (declaration.timeoutMs !== undefined && !(declaration.timeoutMs > 0)) wrong('timeoutMs', 'must be more than 0');
  if (declaration.retries !== undefined && !(Number.isInteger(declaration.retries) && declaration.retries >= 0)) wrong('retries', 'must be 0 or more');
  return declaration;
}

/** What a cell adds to its stage and its place in the sweep. */
export type CellDeclaration = Partial<Omit<Cell, 'stage' | 'id'>>;

/**
 * Declares one cell: `cell(quantize, 'novel-4m/nf4', { params: { format: 'nf4' }, inputs: { weights: output(...) } })` has the id
 * 'quantize:novel-4m/nf4'. Throws ConfigurationError naming the cell and the field.
 */
export function cell(of: Stage, path: string, declaration: CellDeclaration = {}): Cell {
  const id = `${of.name}:${path}`;
  const wrong = (field: string, what: string): never => {
    throw new ConfigurationError(`cell "${printable(id)}": ${field} ${what}`);
  };
  if (id.length > MAX_ID_CHARACTERS) wrong('id', `is longer than ${MAX_ID_CHARACTERS} characters`);
  if (!PATH.test(path)) for (const segment of path.split('/')) {
    if (!SEGMENT.test(segment) || segment === '.' || segment === '..') {
      wrong('id', `has the segment "${printable(segment)}"; allowed are letters, digits and . _ + = - between slashes`);
    }
  }
  const { params = {}, inputs = {}, ...rest } = declaration;
  for (const name in params) {
    const value = params[name];
    if (!FIELD_NAME.test(name)) wrong('params', `has the name "${printable(name)}"; allowed are ${FIELD_NAME.source}`);
    const problem = notJson(value);
    if (problem !== undefined) wrong(`params.${name}`, problem);
  }
  for (const name in inputs) {
    const input = inputs[name]!;
    if (!FIELD_NAME.test(name)) wrong('inputs', `has the name "${printable(name)}"; allowed are ${FIELD_NAME.source}`);
    if (input.kind === 'file') {
      const unsafe = unsafePath(input.path);
      if (unsafe !== undefined) wrong(`inputs.${name}`, `file "${printable(input.path)}" ${unsafe}; give a path from the project's root`);
    }
  }
  for (const name of Object.keys(rest.tools ?? {})) {
    if (!FIELD_NAME.test(name)) wrong('tools', `has the name "${printable(name)}"; allowed are ${FIELD_NAME.source}`);
  }
  for (const path of rest.uses ?? []) {
    const unsafe = unsafePath(path);
    if (unsafe !== undefined) wrong('uses', `file "${printable(path)}" ${unsafe}; give a path from the project's root`);
  }
  if (rest.work !== undefined && !(rest.work >= 0 && Number.isFinite(rest.work))) wrong('work', 'must be a finite number, 0 or more');
  for (const name of ['memoryBytes', 'gpus'] as const) if (rest[name] !== undefined && !(Number.isSafeInteger(rest[name]) && rest[name] >= 0)) wrong(name, `is ${rest[name]}; it must be a whole number, 0 or more`);
  if (rest.gpu !== undefined && rest.anyGpu === true) wrong('anyGpu', `contradicts gpu, which is "${printable(rest.gpu.name)}"; give one of them`);
  if (rest.gpu !== undefined && (rest.gpus ?? of.resources?.gpus) !== 1) wrong('gpu', `is "${printable(rest.gpu.name)}", so gpus must be 1`);
  return { stage: of, id, params, inputs, ...rest };
}

const idOf = (of: Cell | string): string => typeof of === 'string' ? of : of.id;

/** An output of another cell; the name may be left out when its stage has one output only. */
export function output(of: Cell | string, name?: string): OutputRef {
  const chosen = name ?? (typeof of === 'string' ? undefined : of.stage.outputs.length === 1 ? of.stage.outputs[0] : undefined);
  if (chosen === undefined) throw new ConfigurationError(`output of "${idOf(of)}": say which one`);
  return { kind: 'output', cell: idOf(of), output: chosen };
}

/** A file of the project, by its path from the root; or, `at` an absolute path, one that lies elsewhere and is recorded under the name `path`. */
export function file(path: string, at?: string): FileRef {
  return at === undefined ? { kind: 'file', path } : { kind: 'file', path, at };
}

/** Many outputs, in this order; those of failed cells arrive as missing. */
export function gather(of: Iterable<OutputRef>): GatherRef {
  return { kind: 'gather', of: [...of] };
}

/** The records of these cells, in this order. */
export function records(of: Iterable<Cell | string>): RecordsRef {
  return { kind: 'records', of: Array.from(of, idOf) };
}

/** Every cell that an input names, in order. */
export function forEachCellOf(input: InputRef, visit: (cell: string) => void): void {
  switch (input.kind) {
    case 'file': return;
    case 'output': return visit(input.cell);
    case 'gather':
      for (const { cell } of input.of) visit(cell);
      return;
    case 'records': for (const cell of input.of) visit(cell);
  }
}

/** Text from outside, safe to print on one line. */
export function printable(text: string): string {
  const line = text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, '\ufffd');
  return line.length > 300 ? `${line.slice(0, 299)}…` : line;
}

function notJson(value: Json | undefined): string | undefined {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return undefined;
  if (Object.is(value, -0)) return 'is -0, which JSON writes as 0; use 0';
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : `is ${value}; numbers must be finite`;
  if (Array.isArray(value)) {
    for (const item of value) { const problem = notJson(item); if (problem !== undefined) return problem; }
    return undefined;
  }
  if (typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype) {
    for (const item of Object.values(value)) { const problem = notJson(item); if (problem !== undefined) return problem; }
    return undefined;
  }
  return `has a value of type ${typeof value}; allowed are the types of JSON`;
}
