/**
 * The grammar of the study's cell ids: where a result comes from, readable, in links and on the command line.
 *
 *   fetch:<model>                      fetch-gguf:<model>
 *   tokenize:<model>/<text>            quantize:<model>/<format>
 *   score:<model>/<format>/<text>      score:<model>/<format>/<text>/T0.7/k40
 *   generate:<model>/<format>/greedy   generate:<model>/<format>/T0.7/k40/s1
 *   judge:... as generate              speed:<model>/auto                  speed-other:<model>/<engine>
 *   tabulate:<table>
 */

/** Where a text was sampled. Temperature 0 and top_k 1 are both greedy and need no seed. */
export interface Sampling { readonly temperature: number; readonly topK: number; readonly seed: number }

/** 'T0.7/k40'. */
export function settingPath(temperature: number, topK: number): string {
  return `T${temperature}/k${topK}`;
}

/** 'greedy' or 'T0.7/k40/s1'. */
export function samplingPath({ temperature, topK, seed }: Sampling): string {
  return isGreedy(temperature, topK) ? 'greedy' : `${settingPath(temperature, topK)}/s${seed}`;
}

/** True where sampling always takes the likeliest token. */
export function isGreedy(temperature: number, topK: number): boolean {
  return temperature === 0 || topK === 1;
}

/** What a generate or judge cell's id says; `sampling` is absent for greedy. */
export interface WrittenCell { readonly model: string; readonly format: string; readonly sampling?: Sampling }

/** Reads the id of a generate or judge cell. Throws when it is not one. */
export function writtenCell(id: string): WrittenCell {
  const match = /^(?:generate|judge):([^/]+)\/([^/]+)\/(?:greedy|T([0-9.]+)\/k([0-9]+)\/s([0-9]+))$/.exec(id);
  const [, model, format, temperature, topK, seed] = match ?? [];
  if (model === undefined || format === undefined) throw new Error(`"${id}" is not the id of a generate or judge cell`);
  if (temperature === undefined) return { model, format };
  return { model, format, sampling: { temperature: Number(temperature), topK: Number(topK), seed: Number(seed) } };
}

/** The parts of an id after its stage: ['novel-1m', 'nf4']. */
export function idPath(id: string): string[] {
  return id.slice(id.indexOf(':') + 1).split('/');
}
