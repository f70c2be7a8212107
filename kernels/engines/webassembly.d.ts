/** The part of the WebAssembly interface that the wasm engine uses; TypeScript declares it only together with the DOM. */
declare namespace WebAssembly {
  interface Module { readonly [Symbol.toStringTag]: 'WebAssembly.Module' }
  class Memory {
    constructor(descriptor: { readonly initial: number; readonly maximum: number; readonly shared: boolean });
    /** A SharedArrayBuffer where the memory is shared. */
    readonly buffer: ArrayBuffer;
    grow(pages: number): number;
  }
  class Instance {
    constructor(module: Module, imports: { readonly env: { readonly memory: Memory } });
    readonly exports: Readonly<Record<string, unknown>>;
  }
  function validate(bytes: Uint8Array): boolean;
  function compile(bytes: Uint8Array): Promise<Module>;
}
