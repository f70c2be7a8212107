export { packRows, packWeight, embed } from './layout';
export { linear, accumulate } from './linear';
export { packCodes, quantizeRows, int8Linear, addOutliers, embedCodes } from './int8';
export { rmsNorm, layerNorm } from './norm';
export { add, siluMul, gelu, rotate, clearTails, countNotFinite } from './elementwise';
export { sequenceBytes, remember, attendScratchBytes, attend, scores32, scores64, scoresAny, values1, values2 } from './attention';
export * from './statistics';
