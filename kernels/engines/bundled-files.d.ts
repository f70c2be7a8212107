/** Files that a program for pages holds (reports/program.ts): bytes, and texts. */
declare module '*.wasm' {
  const bytes: Uint8Array<ArrayBuffer>;
  export default bytes;
}
declare module '*.wgsl' {
  const text: string;
  export default text;
}
