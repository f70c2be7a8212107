/** What a task is given: located bytes for its inputs and tools, and provenance where a stage asks for the records themselves. */
import { representative } from './decide.ts';
import type { Outcome } from './decide.ts';
import type { Ground } from './ground.ts';
import type { Gathered, InputHandle, TaskCell, TaskInput, TaskTool } from './task-types.ts';
import type { Cell, CellProvenance, CellRecord, InputRef, OutputRecord, OutputRef, PromisedObject, Sha256 } from './types.ts';

type OutcomeOf = (cell: string) => Outcome;

/** Throws DamagedObject when an input or a tool is not in the store any more. */
export function taskCell(cell: Cell, ground: Ground, outcomeOf: OutcomeOf): TaskCell {
  const inputs: { [name: string]: TaskInput } = {};
  for (const [name, input] of Object.entries(cell.inputs)) inputs[name] = taskInput(input, ground, outcomeOf);
  const given = { id: cell.id, params: cell.params, inputs, ...(cell.promised === undefined ? {} : { present: present(cell.promised, ground) }) };
  if (cell.tools === undefined) return given;
  const tools = Object.fromEntries(Object.entries(cell.tools).map(([name, ref]) => [name, taskTool(ref, ground, outcomeOf)]));
  return { ...given, tools };
}

function present(promised: readonly PromisedObject[], { store }: Ground): { readonly [sha256: string]: InputHandle } {
  const handles: { [sha256: string]: InputHandle } = {};
  for (const { sha256, bytes } of promised) {
    const handle = store.find({ sha256: sha256 as Sha256, bytes });
    if (handle !== undefined) handles[sha256] = handle;
  }
  return handles;
}

/** What these cells read of others' outputs, and of what is promised to them: a run has it brought where it is not in the store. */
export function readBy(cells: readonly Cell[], ground: Ground, outcomeOf: OutcomeOf): { readonly needed: readonly OutputRecord[]; readonly promised: readonly OutputRecord[] } {
  const needed = new Map<string, OutputRecord>();
  const promised = new Map<string, OutputRecord>();
  const add = ({ cell, output }: OutputRef): void => {
    const outcome = outcomeOf(cell);
    if (outcome.kind === 'failed') return;
    const records = ground.cell(cell).stage.determinism === 'measured' ? outcome.records : [representative(outcome.records, ground.store)];
    for (const { outputs: { [output]: own } } of records) needed.set(own!.sha256, own!);
  };
  for (const { inputs, tools = {}, promised: objects = [] } of cells) {
    for (const input of Object.values(inputs)) {
      if (input.kind === 'output') add(input);
      else if (input.kind === 'gather') input.of.forEach(add);
    }
    Object.values(tools).forEach(add);
    for (const { sha256, bytes } of objects) promised.set(sha256, { sha256: sha256 as Sha256, bytes });
  }
  return { needed: [...needed.values()], promised: [...promised.values()] };
}

/** A tool that failed is missing, with the reason. Throws DamagedObject when it is not in the store any more. */
export function taskTool(ref: OutputRef, ground: Ground, outcomeOf: OutcomeOf): TaskTool {
  const outcome = outcomeOf(ref.cell);
  if (outcome.kind === 'failed') return { kind: 'missing', failure: outcome.failure };
  const output = outputOf(ref.cell, ref.output, ground, outcomeOf);
  if (output.tree === true) return { kind: 'missing', failure: { code: 'bad-input', sentence: `${ref.output} of ${ref.cell} is a folder; a tool must be a single file` } };
  return { kind: 'object', handle: ground.store.handle(output) };
}

function taskInput(input: InputRef, ground: Ground, outcomeOf: OutcomeOf): TaskInput {
  switch (input.kind) {
    case 'file': return { kind: 'object', handle: ground.fileOf(input.path)! };
    case 'output': {
      const output = outputOf(input.cell, input.output, ground, outcomeOf);
      return output.tree === true ? { kind: 'tree', handle: ground.store.treeHandle(output) } : { kind: 'object', handle: ground.store.handle(output) };
    }
    case 'gather': return { kind: 'gather', items: input.of.flatMap(({ cell, output }) => gathered(cell, output, ground, outcomeOf)) };
    case 'records': return { kind: 'records', items: input.of.map((id) => provenance(ground.cell(id), ground, outcomeOf)) };
  }
}

function outputOf(cell: string, output: string, ground: Ground, outcomeOf: OutcomeOf): OutputRecord {
  const outcome = outcomeOf(cell);
  if (outcome.kind === 'failed') throw new Error(`${cell} failed and has no ${output}`);
  return representative(outcome.records, ground.store).outputs[output]!;
}

function gathered(cell: string, output: string, ground: Ground, outcomeOf: OutcomeOf): readonly Gathered[] {
  const outcome = outcomeOf(cell);
  if (outcome.kind === 'failed') return [{ cell, output, missing: outcome.failure }];
  const measured = ground.cell(cell).stage.determinism === 'measured';
  return outcome.records.map((record) => {
    const own = record.outputs[output]!;
    const handle: InputHandle = ground.store.handle(own);
    return { cell, output, handle, ...(measured ? { machine: record.machine } : {}), ...(own.tree === true ? { tree: ground.store.treeHandle(own).tree } : {}) };
  });
}

/** Everything that is known of how a cell's result came about. */
export function provenance(cell: Cell, ground: Ground, outcomeOf: OutcomeOf): CellProvenance {
  const outcome = outcomeOf(cell.id);
  const record: CellRecord | undefined = outcome.kind === 'done' ? representative(outcome.records, ground.store) : outcome.record;
  const code = (record === undefined ? undefined : ground.store.closure(record.fields.code)) ?? ground.codeOf(cell).files;
  return {
    cell: cell.id, stage: cell.stage.name, determinism: cell.stage.determinism, params: cell.params,
    ...(record === undefined ? {} : { record }),
    ...(outcome.kind === 'done' && outcome.records.length > 1 ? { others: outcome.records.filter((other) => other !== record) } : {}),
    ...(outcome.kind === 'failed' ? { failure: outcome.failure } : outcome.waiver === undefined ? {} : { waiver: outcome.waiver }),
    inputs: Object.fromEntries(Object.entries(cell.inputs).map(([name, input]) => [name, origins(input, ground, outcomeOf)])),
    code,
    reasons: ground.store.decisions(cell.id).at(-1)?.reasons ?? [],
  };
}

function origins(input: InputRef, ground: Ground, outcomeOf: OutcomeOf): CellProvenance['inputs'][string] {
  const origin = (cell: string, output: string) => {
    const outcome = outcomeOf(cell);
    return outcome.kind === 'failed' ? { cell, output } : { cell, output, sha256: representative(outcome.records, ground.store).outputs[output]!.sha256 };
  };
  switch (input.kind) {
    case 'file': {
      const handle = ground.fileOf(input.path);
      return [handle === undefined ? { file: input.path } : { file: input.path, sha256: handle.sha256 }];
    }
    case 'output': return [origin(input.cell, input.output)];
    case 'gather': return input.of.flatMap(({ cell, output }) => {
      const outcome = outcomeOf(cell);
      if (outcome.kind === 'failed' || ground.cell(cell).stage.determinism !== 'measured') return [origin(cell, output)];
      return outcome.records.map((record) => ({ cell, output, machine: record.machine, sha256: record.outputs[output]!.sha256 }));
    });
    case 'records': return input.of.map((cell) => ({ cell }));
  }
}
