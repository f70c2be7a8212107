/**
 * Finding where a step went wrong. Only the logits are checked in every step (and what LLM.int8() rounds to fp16); when they are not
 * finite, the step's earlier results, which are still in the engine, are read in order, so that the error names the op and the
 * tensor that began it.
 */
import { NotFinite } from './ops.ts';
import type { Activation, Ops } from './ops.ts';

/** The ops of a step, whose result is an activation. */
type RecordedOp = 'embed' | 'rmsNorm' | 'layerNorm' | 'linear' | 'rotate' | 'attention' | 'siluMul' | 'gelu' | 'add' | 'take'
  | 'headNorm' | 'mul' | 'scale' | 'columns';

export interface Trace {
  /** The engine's ops, remembering the results of the step. */
  readonly ops: Ops;
  /** Names a weight or vector for messages. */
  name<T extends object>(held: T, name: string): T;
  /** Throws NotFinite for the first result of the step that is not finite: 'linear model.layers.0.mlp.down_proj.weight has ...'. */
  findNotFinite(): Promise<void>;
}

export function traced(engine: Ops): Trace {
  const names = new WeakMap<object, string>();
  // Names are put together only when something is wrong, so that a step pays nothing for them.
  let results: { readonly op: string; readonly args: readonly unknown[]; readonly activation: Activation }[] = [];
  const nameOf = (op: string, args: readonly unknown[]): string => {
    const tensor = args.map((arg) => (typeof arg === 'object' && arg !== null ? names.get(arg) : undefined)).find((name) => name !== undefined);
    return tensor === undefined ? op : `${op} ${tensor}`;
  };
  const recording = (op: RecordedOp, run: (...args: unknown[]) => Activation) => (...args: unknown[]): Activation => {
    try {
      const activation = run(...args);
      results.push({ op, args, activation });
      return activation;
    } catch (error) {
      throw error instanceof NotFinite ? new NotFinite(`${nameOf(op, args)}: ${error.what}`, error.count) : error;
    }
  };

  const bind = <K extends Exclude<keyof Ops, 'again'>>(op: K): Ops[K] => engine[op].bind(engine) as Ops[K];
  const record = <K extends RecordedOp>(op: K): Ops[K] => recording(op, bind(op) as (...args: unknown[]) => Activation) as Ops[K];
  return {
    ops: {
      weight: bind('weight'), vector: bind('vector'), rotary: bind('rotary'), kvCache: bind('kvCache'), freeCache: bind('freeCache'),
      begin(rows) {
        results = [];
        engine.begin(rows);
      },
      // What was remembered of the step before is of this one.
      again: (rows, result) => engine.again?.(rows, result) ?? false,
      embed: record('embed'), rmsNorm: record('rmsNorm'), layerNorm: record('layerNorm'), linear: record('linear'), rotate: record('rotate'),
      attention: record('attention'), siluMul: record('siluMul'), gelu: record('gelu'), add: record('add'), take: record('take'),
      headNorm: record('headNorm'), mul: record('mul'), scale: record('scale'), columns: record('columns'),
      read: bind('read'), sample: bind('sample'), memory: bind('memory'), dispose: bind('dispose'),
    },
    name(held, name) {
      names.set(held, name);
      return held;
    },
    async findNotFinite() {
      for (const { op, args, activation } of results) await engine.read(activation, nameOf(op, args));
    },
  };
}
