/** The part of WebGPU that the engine uses; TypeScript declares it only together with the DOM, if at all. */
interface GpuBuffer {
  readonly size: number;
  mapAsync(mode: number, offset?: number, size?: number): Promise<undefined>;
  getMappedRange(offset?: number, size?: number): ArrayBuffer;
  unmap(): void;
  destroy(): void;
}
interface GpuBindGroupLayout { readonly label: string }
interface GpuPipelineLayout { readonly label: string }
interface GpuBindGroup { readonly label: string }
interface GpuPipeline { readonly label: string }
interface GpuCommands { readonly label: string }
interface GpuShaderModule { readonly label: string }
interface GpuError { readonly message: string }

interface GpuPass {
  setPipeline(pipeline: GpuPipeline): void;
  setBindGroup(index: number, group: GpuBindGroup, offsets: readonly number[]): void;
  dispatchWorkgroups(x: number, y: number, z: number): void;
  end(): void;
}

interface GpuQuerySet { readonly label: string }
interface GpuTimestampWrites { readonly querySet: GpuQuerySet; readonly beginningOfPassWriteIndex?: number; readonly endOfPassWriteIndex?: number }

interface GpuEncoder {
  beginComputePass(descriptor?: { readonly timestampWrites?: GpuTimestampWrites }): GpuPass;
  resolveQuerySet(queries: GpuQuerySet, first: number, count: number, to: GpuBuffer, at: number): void;
  clearBuffer(buffer: GpuBuffer, offset?: number, size?: number): void;
  copyBufferToBuffer(from: GpuBuffer, fromAt: number, to: GpuBuffer, toAt: number, bytes: number): void;
  finish(): GpuCommands;
}

interface GpuLimits {
  readonly maxBufferSize: number;
  readonly maxStorageBufferBindingSize: number;
}

interface GpuDevice {
  readonly features: ReadonlySet<string>;
  readonly limits: GpuLimits;
  readonly lost: Promise<{ readonly reason: string; readonly message: string }>;
  readonly queue: {
    writeBuffer(buffer: GpuBuffer, at: number, data: ArrayBufferView, from?: number, length?: number): void;
    submit(commands: readonly GpuCommands[]): void;
  };
  createQuerySet(descriptor: { readonly type: 'timestamp'; readonly count: number }): GpuQuerySet;
  createBuffer(descriptor: { readonly size: number; readonly usage: number }): GpuBuffer;
  createShaderModule(descriptor: { readonly code: string }): GpuShaderModule;
  createBindGroupLayout(descriptor: { readonly entries: readonly object[] }): GpuBindGroupLayout;
  createPipelineLayout(descriptor: { readonly bindGroupLayouts: readonly GpuBindGroupLayout[] }): GpuPipelineLayout;
  createComputePipelineAsync(descriptor: { readonly layout: GpuPipelineLayout; readonly compute: { readonly module: GpuShaderModule; readonly entryPoint: string } }): Promise<GpuPipeline>;
  createBindGroup(descriptor: { readonly layout: GpuBindGroupLayout; readonly entries: readonly { readonly binding: number; readonly resource: object }[] }): GpuBindGroup;
  createCommandEncoder(): GpuEncoder;
  pushErrorScope(filter: 'validation' | 'out-of-memory' | 'internal'): void;
  popErrorScope(): Promise<GpuError | null>;
  destroy(): void;
}

interface GpuAdapterInfo {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
  readonly isFallbackAdapter?: boolean;
  readonly subgroupMinSize?: number;
  readonly subgroupMaxSize?: number;
}

interface GpuAdapter {
  readonly info: GpuAdapterInfo;
  readonly features: ReadonlySet<string>;
  readonly limits: GpuLimits;
  requestDevice(descriptor: { readonly requiredFeatures: readonly string[]; readonly requiredLimits: Partial<GpuLimits> }): Promise<GpuDevice>;
}

interface Gpu {
  requestAdapter(options?: { readonly powerPreference?: string; readonly forceFallbackAdapter?: boolean }): Promise<GpuAdapter | null>;
}
