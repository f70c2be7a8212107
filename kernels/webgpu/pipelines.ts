/**
 * The compiled kernels of one GPU device. A kernel is the text of its files, one after the
 * other; WGSL itself has no imports.
 */

/** The texts of the files, by name without ".wgsl". In Node they lie beside this module (sources.ts); a page brings them along. */
export interface KernelSources { readonly [file: string]: string }

/** How products and sums are written, the quickest first: as the compiler likes them; kept from being fused; with gradual underflow too. Files of these names. */
export const ROUNDINGS = ['plain', 'guarded', 'gradual'] as const;
export type Rounding = (typeof ROUNDINGS)[number];

/** Rows of x that a workgroup of `linear` multiplies with the weights that it has decoded. */
export const MANY_ROWS = 4;

interface Kernel {
  readonly files: readonly string[];
  /** Of the buffers from binding 3. */
  readonly buffers: readonly ('read' | 'write')[];
  /** A constant that the text needs. */
  readonly rows?: number;
}

const FAMILIES = ['fp32', 'fp16', 'bf16', 'table4'] as const;

/** By name. */
const KERNELS: { readonly [name: string]: Kernel } = {
  ...Object.fromEntries(FAMILIES.flatMap((family): [string, Kernel][] => {
    const decode = [...(family === 'fp16' ? ['halves'] : []), `weights-${family}`];
    return [
      [`embed ${family}`, { files: [...decode, 'embed'], buffers: ['read', 'read'] }],
      [`linear ${family} 1`, { files: [...decode, 'linear'], buffers: ['read', 'read', 'read'], rows: 1 }],
      [`linear ${family} ${MANY_ROWS}`, { files: [...decode, 'linear'], buffers: ['read', 'read', 'read'], rows: MANY_ROWS }],
    ];
  })),
  quantize: { files: ['halves', 'quantize'], buffers: ['write', 'write'] },
  int8: { files: ['int8'], buffers: ['read', 'read', 'read', 'read'] },
  norm: { files: ['norm'], buffers: ['read', 'read'] },
  rotate: { files: ['rotate'], buffers: ['read', 'read'] },
  remember: { files: ['remember'], buffers: ['write', 'write'] },
  attend: { files: ['functions', 'attend'], buffers: ['read', 'read', 'write'] },
  elementwise: { files: ['functions', 'elementwise'], buffers: [] },
  rows: { files: ['rows'], buffers: [] },
  sample: { files: ['functions', 'sample'], buffers: [] },
};

/** Names of all files that the kernels are made of. */
export const KERNEL_FILES: readonly string[] = [...new Set(['arithmetic', ...ROUNDINGS, ...Object.values(KERNELS).flatMap(({ files }) => files)])];

/** Bytes of the parameters of one dispatch that a kernel sees: struct Op. */
export const OP_BYTES = 96;

const COMPUTE_STAGE = 4;

export interface Compiled { readonly pipeline: GpuPipeline; readonly layout: GpuBindGroupLayout }

/** The kernels of one device with one rounding, each compiled when it is first asked for, and once. */
export class Pipelines {
  readonly #device: GpuDevice;
  readonly #sources: KernelSources;
  readonly #rounding: Rounding;
  readonly #layouts = new Map<string, GpuBindGroupLayout>();
  readonly #compiled = new Map<string, Promise<Compiled>>();

  constructor(device: GpuDevice, sources: KernelSources, rounding: Rounding) {
    this.#device = device;
    this.#sources = sources;
    this.#rounding = rounding;
  }

  /** Those of these names. Throws Error with the compiler's words where one does not compile. */
  async all(names: Iterable<string>): Promise<ReadonlyMap<string, Compiled>> {
    const entries = Array.from(new Set(names), async (name): Promise<[string, Compiled]> => {
      let compiled = this.#compiled.get(name);
      if (compiled === undefined) this.#compiled.set(name, (compiled = this.#compile(name)));
      return [name, await compiled];
    });
    return new Map(await Promise.all(entries));
  }

  async #compile(name: string): Promise<Compiled> {
    const device = this.#device;
    const { files, buffers, rows } = KERNELS[name]!;
    const layout = this.#layoutOf(buffers);
    const code = [...(rows === undefined ? [] : [`const ROWS = ${rows}u;`]), ...['arithmetic', this.#rounding, ...files].map((file) => this.#sources[file]!)].join('\n');
    device.pushErrorScope('validation');
    const module = device.createShaderModule({ code });
    const refused = await device.popErrorScope();
    try {
      if (refused !== null) throw new Error(refused.message);
      const pipelineLayout = device.createPipelineLayout({ bindGroupLayouts: [layout] });
      return { pipeline: await device.createComputePipelineAsync({ layout: pipelineLayout, compute: { module, entryPoint: 'main' } }), layout };
    } catch (error) {
      throw new Error(`the GPU's compiler refuses the kernel ${name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  }

  #layoutOf(buffers: Kernel['buffers']): GpuBindGroupLayout {
    const name = buffers.join();
    let layout = this.#layouts.get(name);
    if (layout === undefined) {
      const entry = (binding: number, buffer: object) => ({ binding, visibility: COMPUTE_STAGE, buffer });
      this.#layouts.set(name, (layout = this.#device.createBindGroupLayout({ entries: [
        entry(0, { type: 'uniform', hasDynamicOffset: true, minBindingSize: OP_BYTES }), entry(1, { type: 'storage' }), entry(2, { type: 'read-only-storage' }),
        ...buffers.map((access, i) => entry(3 + i, { type: access === 'read' ? 'read-only-storage' : 'storage' })),
      ] })));
    }
    return layout;
  }
}
