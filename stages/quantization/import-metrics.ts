/** The register of metrics that figures of other programs may be of: those of the study with their unit, so that one stands beside the other without conversion. */

export interface ImportedMetric {
  /** As table metrics has it: the only one that is taken. */
  readonly unit: string;
  readonly least: number;
  readonly most: number;
  /** A fact about a machine, which must then be named. */
  readonly measured: boolean;
  /** What a file says wrong most often, with the number that was meant: '0.873 for 87.3 %'. */
  readonly hint?: string;
}

const TINY = Number.MIN_VALUE, HUGE = Number.MAX_VALUE;
const exact = (unit: string, least: number, most: number, hint?: string): ImportedMetric => ({ unit, least, most, measured: false, ...(hint === undefined ? {} : { hint }) });
const measured = (unit: string, hint?: string): ImportedMetric => ({ unit, least: TINY, most: HUGE, measured: true, ...(hint === undefined ? {} : { hint }) });
const SHARE = 'write 0.873 for 87.3 %', BYTES = 'write 1500000000 for 1.5 GB', MS = 'write 12.5 for 0.0125 s';

export const importedMetrics: ReadonlyMap<string, ImportedMetric> = new Map([
  ['perplexity', exact('perplexity', 1, HUGE)],
  ['nll', exact('nats', 0, HUGE, 'of a token; divide bits by 1.442695')],
  ['delta_nll', exact('nats', -HUGE, HUGE, 'of a token: ln of the ratio of perplexities')],
  ['bits_per_byte', exact('bits', 0, HUGE)],
  ['kl_mean', exact('nats', 0, HUGE, 'of a token')],
  ['top1_agreement', exact('share', 0, 1, SHARE)],
  ['accuracy', exact('share', 0, 1, SHARE)],
  ['weight_bytes', exact('bytes', 1, HUGE, BYTES)],
  ['bits_per_weight_linear', exact('bits', TINY, 64)],
  ['bits_per_weight_model', exact('bits', TINY, 64)],
  ['decode_tokens_per_second', measured('tokens/s')],
  ['prefill_tokens_per_second', measured('tokens/s')],
  ['time_to_first_token', measured('ms', MS)],
  ['decode_latency_p50', measured('ms', MS)],
  ['decode_latency_p95', measured('ms', MS)],
  ['held_bytes', measured('bytes', BYTES)],
  ['peak_memory_bytes', measured('bytes', BYTES)],
]);
