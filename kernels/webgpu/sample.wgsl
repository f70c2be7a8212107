// A token for each row of logits (kernels/sampler.ts): a workgroup. List a0 has, for each row, the bits of the temperature, top_k, prompt key, seed
// and position. The k largest logits are found by their bits: the largest threshold that k of them reach, from the highest bit down.
var<workgroup> counter: atomic<u32>;
var<workgroup> scoreOf: array<u32, 256>;
var<workgroup> tokenOf: array<u32, 256>;

/** Keeps the order of values; both zeros are one. Values are compared so everywhere: an adapter may take denormal numbers for zero. */
fn ordered(z: f32) -> u32 {
  let bits = select(bitcast<u32>(z), 0u, bitcast<u32>(z) == 0x80000000u);
  return select(bits | 0x80000000u, ~bits, (bits >> 31u) == 1u);
}

/** The sum over the threads. */
fn total(thread: u32, own: u32) -> u32 {
  workgroupBarrier();
  if (thread == 0u) { atomicStore(&counter, 0u); }
  workgroupBarrier();
  atomicAdd(&counter, own);
  workgroupBarrier();
  return atomicLoad(&counter);
}

fn turned(x: u32, n: u32) -> u32 { return (x << n) | (x >> (32u - n)); }

/** The first word of Threefry-2x32 with 20 rounds. */
fn threefry(key0: u32, key1: u32, counter0: u32, counter1: u32) -> u32 {
  var keys = array<u32, 3>(key0, key1, 0x1bd11bdau ^ key0 ^ key1);
  var turns = array<u32, 8>(13u, 15u, 26u, 6u, 17u, 29u, 16u, 24u);
  var a = counter0 + key0;
  var b = counter1 + key1;
  for (var i = 0u; i < 20u; i++) {
    a = a + b;
    b = turned(b, turns[i & 7u]) ^ a;
    if ((i & 3u) == 3u) {
      let s = (i >> 2u) + 1u;
      a = a + keys[s % 3u];
      b = b + keys[(s + 1u) % 3u] + s;
    }
  }
  return a;
}

fn gumbel(r: u32) -> f32 { return -log32(-log32((f32(r >> 9u) + 0.5) * 1.1920928955078125e-7)); }

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let vocabulary = u32(op.cols);
  let logits = line(op.x) + group.x * padded(op.cols);
  let list = u32(op.a0) + group.x * 5u;
  let temperature = bitcast<f32>(lists[list]);
  let k = u32(lists[list + 1u]);
  let greedy = lists[list] == 0 || k == 1u;

  var own = 0u;
  for (var i = thread; i < vocabulary; i += 256u) { own += select(0u, 1u, (bitcast<u32>(workspace[logits + i]) & 0x7f800000u) == 0x7f800000u); }
  let bad = total(thread, own);

  var threshold = 0u;
  var lastEqual = 0xffffffffu;
  if (!greedy && k > 0u && k < vocabulary) {
    for (var bit = 0x80000000u; bit > 0u; bit >>= 1u) {
      own = 0u;
      for (var i = thread; i < vocabulary; i += 256u) { own += select(0u, 1u, ordered(workspace[logits + i]) >= (threshold | bit)); }
      if (total(thread, own) >= k) { threshold |= bit; }
    }
    own = 0u;
    for (var i = thread; i < vocabulary; i += 256u) { own += select(0u, 1u, ordered(workspace[logits + i]) > threshold); }
    // Of those equal to the threshold the lowest ids: as many as are wanting.
    let wanting = k - total(thread, own);
    lastEqual = 0u;
    for (var bit = 0x80000000u >> countLeadingZeros(vocabulary); bit > 0u; bit >>= 1u) {
      own = 0u;
      for (var i = thread; i < min(vocabulary, lastEqual | bit); i += 256u) { own += select(0u, 1u, ordered(workspace[logits + i]) == threshold); }
      if (total(thread, own) < wanting) { lastEqual |= bit; }
    }
  }

  var best = 0u;
  var most = 0u;
  var found = false;
  for (var i = thread; i < vocabulary; i += 256u) {
    let z = workspace[logits + i];
    let key = ordered(z);
    if (key < threshold || (key == threshold && i > lastEqual)) { continue; }
    var score = key;
    if (!greedy) { score = ordered(add(z, mul(temperature, gumbel(threefry(u32(lists[list + 2u]), u32(lists[list + 3u]), u32(lists[list + 4u]), i))))); }
    if (!found || score > most) {
      best = i;
      most = score;
      found = true;
    }
  }
  scoreOf[thread] = most;
  tokenOf[thread] = select(0xffffffffu, best, found);
  workgroupBarrier();
  if (thread > 0u) { return; }
  for (var i = 1u; i < 256u; i++) {
    if (tokenOf[i] == 0xffffffffu) { continue; }
    if (scoreOf[i] > most || (scoreOf[i] == most && tokenOf[i] < best)) {
      most = scoreOf[i];
      best = tokenOf[i];
    }
  }
  // As a number: the bits of an integer may not outlive a store as those of a float.
  workspace[line(op.out) + group.x] = f32(select(i32(best), -1 - i32(bad), bad > 0u));
}
