// Where there are no subgroups, or of changing size: WIDTH is 1, and every thread's own goes into workgroup memory.
fn pooled(own: vec4f) -> vec4f { return own; }
fn pooledWhole(own: vec4i) -> vec4i { return own; }
