/** The part of WebAssembly that is used: TypeScript has its types only among those of browsers. */
declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array);
  }
  class Memory {
    readonly buffer: ArrayBuffer;
    /** In pages of 64 KiB. */
    constructor(limits: { readonly initial: number });
  }
  class Instance {
    readonly exports: Readonly<Record<string, unknown>>;
    constructor(module: Module, imports: Readonly<Record<string, Readonly<Record<string, Memory>>>>);
  }
}
