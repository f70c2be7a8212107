/**
 * The compiled kernels of one GPU device. A kernel is the text of its files, one after the
 * other; WGSL itself has no imports.
 */
import { GpuFull } from './gpu-full.ts';
import { unrolled } from './unrolled.ts';

/** The texts of the files, by name without ".wgsl". In Node they lie beside this module (sources.ts); a page brings them along. */
export interface KernelSources { readonly [file: string]: string }

/** How products and sums are written, the quickest first: as the compiler likes them; kept from being fused; with gradual underflow too. Files of these names. */
export const ROUNDINGS = ['plain', 'guarded', 'gradual'] as const;
export type Rounding = (typeof ROUNDINGS)[number];

/** Rows of x that a workgroup of `linear` multiplies with the weights that it has decoded. */
export const MANY_ROWS = 4;

/** Rows of x that the kernel for few of them multiplies at once, rows of a tile, and threads that share an output: of the engine webgpu-fast. */
export const FEW_ROWS = 4;
export const TILE_ROWS = [64, 128] as const;
export const TEAMS = [32, 64, 128] as const;

interface Kernel {
  readonly files: readonly string[];
  /** Of the buffers from binding 3. */
  readonly buffers: readonly ('read' | 'write')[];
  /** Constants that the text needs. */
  readonly constants?: { readonly [name: string]: number };
  /** One of the fast engines: another beginning, and several ops at once. */
  readonly fast?: boolean;
  /** Of fp16 arithmetic, which not every device has. */
  readonly f16?: boolean;
}

const FAMILIES = ['fp32', 'fp16', 'bf16', 'table4'] as const;
/** A quad is 16 bytes: SPANS runs of columns, each of VECTORS vectors of four; SCALES of them have one. */
const QUADS = {
  fp32: { SPANS: 1, VECTORS: 1, SCALES: 0, SCALED: 0 }, fp16: { SPANS: 1, VECTORS: 2, SCALES: 0, SCALED: 0 }, bf16: { SPANS: 1, VECTORS: 2, SCALES: 0, SCALED: 0 },
  table4: { SPANS: 4, VECTORS: 2, SCALES: 4, SCALED: 1 },
} as const;
/** Families whose weights fit into fp16. */
const F16_TILES = ['fp16', 'table4'] as const;
/** Codes are looked up. */
const LOOKUP = { fp32: [], fp16: [], bf16: [], table4: ['lookup-table'] } as const;

/** By name. */
export const KERNELS: { readonly [name: string]: Kernel } = {
  ...Object.fromEntries(FAMILIES.flatMap((family): [string, Kernel][] => {
    const decode = [...(family === 'fp16' ? ['halves'] : []), `weights-${family}`];
    return [
      [`embed ${family}`, { files: [...decode, 'embed'], buffers: ['read', 'read'] }],
      [`linear ${family} 1`, { files: [...decode, 'linear'], buffers: ['read', 'read', 'read'], constants: { ROWS: 1 } }],
      [`linear ${family} ${MANY_ROWS}`, { files: [...decode, 'linear'], buffers: ['read', 'read', 'read'], constants: { ROWS: MANY_ROWS } }],
    ];
  })),
  ...Object.fromEntries(FAMILIES.flatMap((family): [string, Kernel][] => [
    ...[1, FEW_ROWS].flatMap((rows) => TEAMS.map((team): [string, Kernel] => [
      `row ${family} ${rows} ${team}`, { files: ['terms-f32', ...LOOKUP[family], `quads-${family}`, 'finish', 'fast-row'], buffers: ['read', 'read', 'read'], constants: { ROWS: rows, TEAM: team, ...QUADS[family] }, fast: true },
    ])),
    ...TILE_ROWS.map((height): [string, Kernel] => [`tile ${family} ${height}`, { files: ['terms-f32', ...LOOKUP[family], `pairs-${family}`, 'finish', 'fast-tile'], buffers: ['read', 'read', 'read'], constants: { HEIGHT: height, TALL: height / 64 }, fast: true }]),
  ])),
  ...Object.fromEntries(F16_TILES.flatMap((family) => TILE_ROWS.map((height): [string, Kernel] => [
    `tile ${family} ${height} f16`, { files: ['terms-f16', ...LOOKUP[family], `pairs-${family}`, 'finish', 'fast-tile'], buffers: ['read', 'read', 'read'], constants: { HEIGHT: height, TALL: height / 64 }, fast: true, f16: true },
  ]))),
  ...Object.fromEntries([1, FEW_ROWS].flatMap((rows) => TEAMS.map((team): [string, Kernel] => [
    `row table4 ${rows} ${team} f16`, { files: ['terms-f16', 'quads-table4-f16', 'finish', 'fast-row'], buffers: ['read', 'read', 'read'], constants: { ROWS: rows, TEAM: team, ...QUADS.table4 }, fast: true, f16: true },
  ]))),
  ...Object.fromEntries([1, FEW_ROWS].flatMap((rows) => TEAMS.map((team): [string, Kernel] => [
    `int8 row ${rows} ${team}`, { files: ['int8-codes', 'finish', 'fast-int8-row'], buffers: ['read', 'read', 'read', 'read'], constants: { ROWS: rows, TEAM: team }, fast: true },
  ]))),
  'int8 tile': { files: ['int8-codes', 'finish', 'fast-int8-tile'], buffers: ['read', 'read', 'read', 'read'], fast: true },
  'attend quickly': { files: ['fast-attend'], buffers: ['read', 'read', 'write'], fast: true },
  'rotate vectors': { files: ['fast-rotate'], buffers: ['read', 'read'], fast: true },
  'norm of rows': { files: ['fast-norm'], buffers: ['read'], fast: true },
  'embed quads': { files: ['quads-embed', 'embed'], buffers: ['read', 'read'] },
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
export const KERNEL_FILES: readonly string[] = [...new Set(['arithmetic', 'fast', 'pool-subgroups', 'pool-threads', ...ROUNDINGS, ...Object.values(KERNELS).flatMap(({ files }) => files)])];

/** Bytes of struct Op, without what only fills it up. */
export const OP_BYTES = 112;
/** Bytes from one op's words to the next: offsets of dynamic uniforms are multiples of this on every adapter. */
export const OP_STRIDE = 256;
/** Ops that a dispatch may do: those of `ops` in fast.wgsl. */
export const MOST_PARTS = 4;

const COMPUTE_STAGE = 4;

/** In the words of a driver: WebGPU has no kind of its own for it where a kernel is compiled. */
const NO_MEMORY = /out of memory|OUT_OF_(?:HOST_|DEVICE_)?MEMORY|E_OUTOFMEMORY/i;

export interface Compiled {
  readonly pipeline: GpuPipeline;
  readonly layout: GpuBindGroupLayout;
  /** Of `ops`, that a bind group shows. */
  readonly opBytes: number;
}

/** The kernels of one device with one rounding, each compiled when it is first asked for, and once. */
export class Pipelines {
  readonly #device: GpuDevice;
  readonly #sources: KernelSources;
  readonly #rounding: Rounding;
  readonly #width: number;
  readonly #layouts = new Map<string, GpuBindGroupLayout>();
  readonly #compiled = new Map<string, Promise<Compiled>>();

  /** `width`: threads of every subgroup; 1 where there are none to rely on. */
  constructor(device: GpuDevice, sources: KernelSources, rounding: Rounding, width: number) {
    this.#device = device;
    this.#sources = sources;
    this.#rounding = rounding;
    this.#width = width;
  }

  /** Those of these names. Throws Error with the compiler's words where one does not compile, and GpuFull where there is no memory for it. */
  async all(names: Iterable<string>): Promise<ReadonlyMap<string, Compiled>> {
    const entries = Array.from(new Set(names), async (name): Promise<[string, Compiled]> => {
      let compiled = this.#compiled.get(name);
      if (compiled === undefined) {
        this.#compiled.set(name, (compiled = this.#compile(name)));
        // What had no memory may have some later. What is wrong with a kernel is found again.
        compiled.catch(() => this.#compiled.delete(name));
      }
      return [name, await compiled];
    });
    return new Map(await Promise.all(entries));
  }

  async #compile(name: string): Promise<Compiled> {
    const device = this.#device;
    const { files, buffers, constants = {}, fast = false, f16 = false } = KERNELS[name]!;
    const opBytes = fast ? MOST_PARTS * OP_STRIDE : OP_BYTES;
    const layout = this.#layoutOf(buffers, opBytes);
    const width = this.#width;
    const begin = fast ? ['fast', width > 1 ? 'pool-subgroups' : 'pool-threads'] : ['arithmetic', this.#rounding];
    const all = fast ? { ...constants, WIDTH: width } : constants;
    const code = [
      ...(f16 ? ['enable f16;'] : []), ...(fast && width > 1 ? ['enable subgroups;'] : []), ...Object.entries(all).map(([constant, value]) => `const ${constant} = ${value}u;`), ...[...begin, ...files].map((file) => unrolled(this.#sources[file]!, constants)),
    ].join('\n');
    device.pushErrorScope('validation');
    const module = device.createShaderModule({ code });
    const refused = await device.popErrorScope();
    try {
      if (refused !== null) throw new Error(refused.message);
      const pipelineLayout = device.createPipelineLayout({ bindGroupLayouts: [layout] });
      return { pipeline: await device.createComputePipelineAsync({ layout: pipelineLayout, compute: { module, entryPoint: 'main' } }), layout, opBytes };
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      if (NO_MEMORY.test(why)) throw new GpuFull(`the GPU has no memory for the kernel ${name}: ${why}`, { cause: error });
      throw new Error(`the GPU's compiler refuses the kernel ${name}: ${why}`, { cause: error });
    }
  }

  #layoutOf(buffers: Kernel['buffers'], opBytes: number): GpuBindGroupLayout {
    const name = `${opBytes} ${buffers.join()}`;
    let layout = this.#layouts.get(name);
    if (layout === undefined) {
      const entry = (binding: number, buffer: object) => ({ binding, visibility: COMPUTE_STAGE, buffer });
      this.#layouts.set(name, (layout = this.#device.createBindGroupLayout({ entries: [
        entry(0, { type: 'uniform', hasDynamicOffset: true, minBindingSize: opBytes }), entry(1, { type: 'storage' }), entry(2, { type: 'read-only-storage' }),
        ...buffers.map((access, i) => entry(3 + i, { type: access === 'read' ? 'read-only-storage' : 'storage' })),
      ] })));
    }
    return layout;
  }
}
