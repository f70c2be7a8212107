// Products and sums as the compiler likes them: for adapters where the bits are the same without a guard.
fn mul(a: f32, b: f32) -> f32 { return a * b; }

fn add(a: f32, b: f32) -> f32 { return a + b; }
