// Threads of a subgroup, WIDTH of them, add up by themselves.
fn pooled(own: vec4f) -> vec4f { return subgroupAdd(own); }
fn pooledWhole(own: vec4i) -> vec4i { return subgroupAdd(own); }
