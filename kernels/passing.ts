/** What may pass, and says nothing of what an engine computes: its device is lost, or has no room. A self-test throws it on as itself, and takes it for no result. */
export class Passing extends Error {}
