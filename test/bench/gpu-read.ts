/** The rate at which a kernel that does nothing else reads a card's memory. */
import { GpuClock } from '../../kernels/webgpu/clock.ts';
import { GpuMemory, USAGE } from '../../kernels/webgpu/memory.ts';

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

/** Bytes per millisecond, the best of some runs; a NaN where the device has no clock. `bytes`: a power of 2 of at least 2^24 with all GROUPS. */
export async function readRate(device: GpuDevice, bytes: number): Promise<number> {
  if (!device.features.has('timestamp-query')) return Number.NaN;
  const memory = new GpuMemory(device);
  const clock = new GpuClock(device, memory);
  const [data, out] = [memory.take(bytes, 'weights', 'what is read'), memory.take(16, 'workspace', 'what is never written')];
  const reading = memory.take(16, 'workspace', 'two times, to be read', USAGE.reading).buffer;
  const layout = device.createBindGroupLayout({ entries: [{ binding: 0, visibility: 4, buffer: { type: 'read-only-storage' } }, { binding: 1, visibility: 4, buffer: { type: 'storage' } }] });
  const pipeline = await device.createComputePipelineAsync({ layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }), compute: { module: device.createShaderModule({ code: CODE }), entryPoint: 'main' } });
  const group = device.createBindGroup({ layout, entries: [data, out].map(({ buffer }, binding) => ({ binding, resource: { buffer } })) });
  let best = 0;
  for (const groups of GROUPS.filter((groups) => groups * 256 * 16 * 4 <= bytes).concat(bytes < 1 << 23 ? [16] : [])) {
    for (let i = 0; i < 10; i++) {
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass({ timestampWrites: clock.writes(true, true)! });
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group, []);
      pass.dispatchWorkgroups(groups, 1, 1);
      pass.end();
      clock.resolve(encoder);
      encoder.copyBufferToBuffer(clock.times.buffer, 0, reading, 0, 16);
      device.queue.submit([encoder.finish()]);
      await reading.mapAsync(1);
      best = Math.max(best, bytes / GpuClock.durationMs(reading.getMappedRange().slice(0)));
      reading.unmap();
    }
  }
  memory.dispose();
  return best;
}
