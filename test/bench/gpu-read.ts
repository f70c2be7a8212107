/** The rate at which a kernel that does nothing else reads a card's memory. */
const CODE = `
@group(0) @binding(0) var<storage, read> data: array<vec4u>;
@group(0) @binding(1) var<storage, read_write> out: array<u32>;
@compute @workgroup_size(256) fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let step = groups.x * 256u;
  let length = arrayLength(&data);
  var all = vec4u();
  // The length is a multiple of four steps.
  for (var i = id.x; i < length; i += 4u * step) { all ^= data[i] ^ data[i + step] ^ data[i + 2u * step] ^ data[i + 3u * step]; }
  // Never so; but the compiler does not know.
  if ((all.x ^ all.y ^ all.z ^ all.w) == 1u) { out[0] = 1u; }
}`;
const GROUPS = [512, 1024, 2048, 4096];
const READ = 0x80;
const COPY = 0x04;

/** Bytes per millisecond, the best of some runs; a NaN where the device has no clock. `bytes`: a power of 2 of at least 2^24 with all GROUPS. */
export async function readRate(device: GpuDevice, bytes: number): Promise<number> {
  if (!device.features.has('timestamp-query')) return Number.NaN;
  const buffers = [device.createBuffer({ size: bytes, usage: READ }), device.createBuffer({ size: 16, usage: READ }), device.createBuffer({ size: 16, usage: 0x200 | COPY })];
  const mapped = device.createBuffer({ size: 16, usage: 1 | 8 });
  const queries = device.createQuerySet({ type: 'timestamp', count: 2 });
  const layout = device.createBindGroupLayout({ entries: [{ binding: 0, visibility: 4, buffer: { type: 'read-only-storage' } }, { binding: 1, visibility: 4, buffer: { type: 'storage' } }] });
  const pipeline = await device.createComputePipelineAsync({ layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }), compute: { module: device.createShaderModule({ code: CODE }), entryPoint: 'main' } });
  const group = device.createBindGroup({ layout, entries: buffers.slice(0, 2).map((buffer, binding) => ({ binding, resource: { buffer } })) });
  let best = 0;
  for (const groups of GROUPS.filter((groups) => groups * 256 * 16 * 4 <= bytes).concat(bytes < 1 << 23 ? [16] : [])) {
    for (let i = 0; i < 10; i++) {
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass({ timestampWrites: { querySet: queries, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 } });
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group, []);
      pass.dispatchWorkgroups(groups, 1, 1);
      pass.end();
      encoder.resolveQuerySet(queries, 0, 2, buffers[2]!, 0);
      encoder.copyBufferToBuffer(buffers[2]!, 0, mapped, 0, 16);
      device.queue.submit([encoder.finish()]);
      await mapped.mapAsync(1);
      const [from, to] = new BigUint64Array(mapped.getMappedRange().slice(0));
      mapped.unmap();
      best = Math.max(best, bytes / (Number(to! - from!) / 1e6));
    }
  }
  for (const buffer of [...buffers, mapped]) buffer.destroy();
  return best;
}
