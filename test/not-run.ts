/** Says that a check could not be made here, so that a green run never hides it. With BITWIDTH_REQUIRE_ALL=1 it is a failure. */
export function notRun(name: string, reason: string): void {
  if (process.env['BITWIDTH_REQUIRE_ALL'] === '1') throw new Error(`not run: ${name}: ${reason}`);
  console.log(`not run: ${name}: ${reason}`);
}

/** Says that a check is of something that no package brings: instructions of another processor, a feature of another adapter. No failure anywhere. */
export function notHere(name: string, reason: string): void {
  console.log(`not here: ${name}: ${reason}`);
}
