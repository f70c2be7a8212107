/** The words of a recorded program; kernels/engines/program.ts says what they mean. */
export const OP_BYTES: usize = 64;
export const LINE_SHIFT: usize = 6;
export const SAMPLE_BYTES: usize = 20;

export const EMBED: i32 = 1;
export const RMS_NORM: i32 = 2;
export const LAYER_NORM: i32 = 3;
export const LINEAR: i32 = 4;
export const ROTATE: i32 = 5;
export const REMEMBER: i32 = 6;
export const ATTEND: i32 = 7;
export const SILU_MUL: i32 = 8;
export const GELU: i32 = 9;
export const ADD: i32 = 10;
export const TAKE: i32 = 11;
export const SAMPLE: i32 = 12;
export const HEAD_NORM: i32 = 13;
export const MUL: i32 = 14;
export const SCALE: i32 = 15;
export const COLUMNS: i32 = 16;

// @ts-ignore: decorator
@inline
export function codeOf(op: usize): i32 { return load<i32>(op); }
// @ts-ignore: decorator
@inline
export function waits(op: usize): bool { return load<i32>(op, 4) != 0; }
/** Lines of out, x and y; -1: none. */
// @ts-ignore: decorator
@inline
export function outOf(op: usize): i32 { return load<i32>(op, 8); }
// @ts-ignore: decorator
@inline
export function xOf(op: usize): i32 { return load<i32>(op, 12); }
// @ts-ignore: decorator
@inline
export function yOf(op: usize): i32 { return load<i32>(op, 16); }
/** Addresses of what the host holds; -1: none. */
// @ts-ignore: decorator
@inline
export function handleOf(op: usize): usize { return load<usize>(op, 20); }
// @ts-ignore: decorator
@inline
export function handle2Of(op: usize): usize { return load<usize>(op, 24); }
// @ts-ignore: decorator
@inline
export function rowsOf(op: usize): i32 { return load<i32>(op, 28); }
// @ts-ignore: decorator
@inline
export function colsOf(op: usize): i32 { return load<i32>(op, 32); }
/** a0 .. a4. */
// @ts-ignore: decorator
@inline
export function argument(op: usize, index: usize): i32 { return load<i32>(op + (index << 2), 36); }
// @ts-ignore: decorator
@inline
export function f0Of(op: usize): f32 { return load<f32>(op, 56); }
// @ts-ignore: decorator
@inline
export function f1Of(op: usize): f32 { return load<f32>(op, 60); }

/** Blocks of a padded row of so many columns. */
// @ts-ignore: decorator
@inline
export function blocksIn(columns: i32): i32 { return (columns + 63) >> 6; }
/** Bytes of a padded row. */
// @ts-ignore: decorator
@inline
export function strideOf(columns: i32): usize { return <usize>blocksIn(columns) << 8; }
