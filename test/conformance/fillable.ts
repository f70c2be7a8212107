/** The device, which says while it is `full` that it has no memory, and counts how often it was asked for a mistake. */
export function fillable(device: GpuDevice, state: { full: boolean; asked: number }): GpuDevice {
  const scopes: string[] = [];
  const instead: Partial<GpuDevice> = {
    pushErrorScope: (filter) => (scopes.push(filter), device.pushErrorScope(filter)),
    async popErrorScope() {
      state.asked++;
      const lacks = scopes.pop() === 'out-of-memory' && state.full;
      const found = await device.popErrorScope();
      return lacks ? { message: 'none is left' } as GpuError : found;
    },
  };
  return new Proxy(device, {
    get(_, name) {
      if (Object.hasOwn(instead, name)) return instead[name as keyof GpuDevice];
      const value: unknown = Reflect.get(device, name);
      return typeof value === 'function' ? value.bind(device) as unknown : value;
    },
  });
}
