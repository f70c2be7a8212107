/** The part of the WebAssembly interface that the wasm engine uses; TypeScript declares it only together with the DOM. */
declare namespace WebAssembly {
  interface Module { readonly [Symbol.toStringTag]: 'WebAssembly.Module' }
  interface Memory { readonly buffer: ArrayBuffer; grow(pages: number): number }
  class Instance {
    constructor(module: Module);
    readonly exports: Readonly<Record<string, unknown>>;
  }
  function validate(bytes: Uint8Array): boolean;
  function compile(bytes: Uint8Array): Promise<Module>;
}
