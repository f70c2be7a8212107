// Products that no compiler can fuse with what is done to them: an exclusive or with `zero`, which is 0 and only the host knows it.
fn mul(a: f32, b: f32) -> f32 { return bitcast<f32>(bitcast<u32>(a * b) ^ op.zero); }

fn add(a: f32, b: f32) -> f32 { return a + b; }
