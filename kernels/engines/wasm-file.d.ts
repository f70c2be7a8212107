/** A file of this kind is its bytes in a program that a page loads. */
declare module '*.wasm' {
  const bytes: Uint8Array<ArrayBuffer>;
  export default bytes;
}
