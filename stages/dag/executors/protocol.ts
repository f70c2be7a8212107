/** The messages between a run and its workers. */
import type { Task, TaskEnd } from '../executor.ts';
import type { OutputContent } from '../store.ts';
import type { Failure } from '../types.ts';

export type ToWorker =
  | { readonly kind: 'task'; readonly task: Task }
  /** The bytes of this commit are taken over. */
  | { readonly kind: 'taken'; readonly commit: number }
  | { readonly kind: 'stop' };

export type FromWorker =
  /** The stage's module is loaded: from here its time counts. */
  | { readonly kind: 'started' }
  | { readonly kind: 'committed'; readonly commit: number; readonly cell: string; readonly outputs: { readonly [name: string]: OutputContent }; readonly computedBy?: { readonly [name: string]: string }; readonly peakBytes?: number; readonly tookMs?: number }
  | { readonly kind: 'failed'; readonly cell: string; readonly failure: Failure }
  | { readonly kind: 'warning'; readonly sentence: string }
  | { readonly kind: 'progress'; readonly done: number; readonly total: number; readonly unit: string }
  | { readonly kind: 'end'; readonly end: TaskEnd };
