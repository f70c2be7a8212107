export { packRows, packWeight, packHalves, packCodes4 } from './layout';
export { packCodes, quantizeRow } from './int8';
export { sequenceBytes } from './attention';
export { countNotFinite } from './elementwise';
export { preparedBytesOf, scratchBytesOf, stateBytesOf, runProgram, refusedCount, help, stop } from './program';
// Exported only so that the optimizer keeps them functions; linear.ts accumulate() tells why.
export { accumulate } from './linear';
export { accumulateFp16, accumulateBf16, accumulateTable4 } from './one-row';
export { codeSums, wideSums } from './int8';
export { moveExponents, widenFp16, widenBf16, decodeTable4 } from './weights';
export { scores32, scores64, scoresAny, values1, values2 } from './attention';
export * from './statistics';
