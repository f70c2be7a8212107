/**
 * Scripts that compute numbers of the study once more with transformers, bitsandbytes and torch, from the same weights and texts. Which
 * numbers that can be, with what agreement and why, is said here; the Python is in crosscheck-python.ts.
 */
import { FIDELITY, INT8_LINEAR, LOAD, MEASURES, PACKED_BYTES, QUANTIZE, TENSOR, VERDICT, WEIGHTS, WINDOWS } from './crosscheck-python.ts';
import type { StudyConfig, StudyModel } from './config.ts';

/** What is asked: a number of a table of data/schema.sql. */
export interface Asked {
  readonly id: string;
  readonly table: string;
  readonly column: string;
  readonly row: { readonly [column: string]: unknown };
  readonly value: number;
}

type Answer = { readonly script: string } | { readonly why: string };

/** Largest difference that two right computations may show: `absolute` + `relative` x the value. */
interface Agreement { readonly absolute: number; readonly relative: number; readonly why: string }

const SAME_WEIGHTS = 'both use the same weights, bit for bit, and fp32; only the order of sums differs';
const AGREEMENTS: { readonly [measure: string]: Agreement } = {
  nll: { absolute: 1e-5, relative: 0, why: SAME_WEIGHTS },
  perplexity: { absolute: 0, relative: 1e-5, why: `${SAME_WEIGHTS}; the relative error of a perplexity is the error of its logarithm` },
  delta_nll: { absolute: 2e-5, relative: 0, why: `${SAME_WEIGHTS}, in two losses` },
  kl_mean: { absolute: 2e-6, relative: 1e-4, why: `${SAME_WEIGHTS}; two right fp32 engines differ by a divergence of about 1e-6` },
  kl_max: { absolute: 1e-5, relative: 1e-3, why: `${SAME_WEIGHTS}; a single token rests on no mean` },
  entropy_shift: { absolute: 2e-5, relative: 0, why: SAME_WEIGHTS },
  delta_p_rms: { absolute: 1e-6, relative: 1e-4, why: SAME_WEIGHTS },
  top1_agreement: { absolute: 1e-3, relative: 0, why: 'two nearly equal logits may change places with the order of sums' },
  right_to_wrong: { absolute: 1e-3, relative: 0, why: 'two nearly equal logits may change places with the order of sums' },
  wrong_to_right: { absolute: 1e-3, relative: 0, why: 'two nearly equal logits may change places with the order of sums' },
};
/** A value that is rounded to an integer, or kept from it as an outlier, differs by a step where a sum ends on the other side. */
const INT8_AGREEMENT: Agreement = { absolute: 2e-5, relative: 0.05, why: 'activations are rounded to 8 bits: where a sum ends a little on the other side of a half, a whole step differs' };
const EXACT: Agreement = { absolute: 0, relative: 1e-12, why: 'bytes are counted' };
const ERROR: Agreement = { absolute: 1e-9, relative: 1e-6, why: 'the decoded weights are the same bits; sums are taken in float64' };

const FOUR_BIT: ReadonlySet<string> = new Set(['nf4', 'nf4-dq', 'fp4', 'fp4-dq']);
const COUNTED: { readonly [quantity: string]: string } = {
  bits_per_weight_linear: '8 * linear_bytes / linear_weights', bits_per_weight_model: '8 * (linear_bytes + other_bytes) / (linear_weights + other_weights)', weight_bytes: 'linear_bytes + other_bytes',
};

export function crosscheck(study: StudyConfig): (asked: Asked) => Answer {
  return (asked) => {
    const { table, column, row } = asked;
    const model = study.models.find(({ name }) => name === row['model']);
    if (table === 'claimed') return { why: `it is claimed, not derived: ${String(row['program'])} gave it, and the file ${String(row['file'])}.csv says so` };
    if (row['exact'] === false || /^speed|^kernel_rates$|^machines$/.test(table)) return { why: 'it was measured on a machine at one time; "bitwidth run --measure" takes it here' };
    if (table === 'sweep_metrics' || table === 'generations' || table === 'sampling_windows') return { why: 'it rests on this study\'s sampler and its noise, or on what a judge says of them, which others\' code does not have' };
    if (model === undefined) return { why: 'it is about no model of the study, or follows from numbers that can be asked for one by one' };
    if (model.files.config === undefined) return { why: 'the weights of its model are in a GGUF file, which the packages that such a script rests on round as they read it' };
    const format = String(row['format']);
    if (table === 'metrics' && column === 'value') return ofMetric(asked, model, format, study);
    if (table === 'tensor_errors' && (column === 'relative_rms_error' || column === 'max_abs_error')) {
      return { script: script(asked, ERROR, head(model, format), LOAD, WEIGHTS, QUANTIZE, `NAME = ${python(row['tensor'])}`, TENSOR, `found = ${column}`) };
    }
    if (table === 'artifacts' && column === 'linear_bytes') return { script: script(asked, EXACT, head(model, format), LOAD, WEIGHTS, QUANTIZE, PACKED_BYTES, 'found = linear_bytes') };
    return { why: `nothing else computes ${table}.${column}: it counts or names what the study has` };
  };
}

function ofMetric(asked: Asked, model: StudyModel, format: string, study: StudyConfig): Answer {
  const quantity = String(asked.row['quantity']);
  const counted = COUNTED[quantity];
  if (counted !== undefined) return { script: script(asked, EXACT, head(model, format), LOAD, WEIGHTS, QUANTIZE, PACKED_BYTES, `found = ${counted}`) };
  const measure = quantity.replace(/_all$/, '');
  const agreement = Object.hasOwn(AGREEMENTS, measure) ? AGREEMENTS[measure]! : undefined;
  if (agreement === undefined) return { why: `${quantity} is not among what a script computes (${[...Object.keys(AGREEMENTS), ...Object.keys(COUNTED)].join(', ')})` };
  const texts = study.texts.filter(({ name }) => asked.row['text'] === null || asked.row['text'] === name);
  const settings = [
    `TEXTS = ${python(texts.map(({ file }) => file.path))}`, `WINDOWS, TOKENS = ${study.windowsPerText}, ${study.windowTokens}`,
    `FIRST = ${quantity.endsWith('_all') ? 1 : 32}  # positions with fewer tokens before them are not counted`,
  ].join('\n');
  return { script: script(asked, format === 'int8' ? INT8_AGREEMENT : agreement, head(model, format), LOAD, WEIGHTS, QUANTIZE, settings, WINDOWS, ...(format === 'int8' ? [INT8_LINEAR] : []), FIDELITY, MEASURES, `found = measures[${python(measure)}]`) };
}

function head({ files, baseFormat, hub, shape }: StudyModel, format: string): string {
  const [folderOf, nameOf] = [(path: string): string => path.replace(/\/[^/]*$/, ''), (path: string): string => path.slice(path.lastIndexOf('/') + 1)];
  const [first] = files.weights;
  const folder = hub === undefined ? python(folderOf(first?.at ?? first?.path ?? ''))
    : `__import__("huggingface_hub").snapshot_download(${python(hub.repository)}, revision=${python(hub.commit)}, allow_patterns=["*.json", "*.safetensors", "*.model"])`;
  const kind = FOUR_BIT.has(format) ? `quant_type=${python(format.slice(0, 3))}, double=${format.endsWith('-dq') ? 'True' : 'False'}` : '';
  return [`MODEL, FORMAT, BASE = ${folder}, ${python(format)}, ${python(baseFormat)}`, `FILES = ${python(files.weights.map(({ path }) => nameOf(path)))}`, `TIED = ${shape.tiedEmbeddings ? 'True' : 'False'}`, ...(kind === '' ? [] : [`FOUR_BIT = dict(${kind})`])].join('\n');
}

function script(asked: Asked, { absolute, relative, why }: Agreement, ...parts: readonly string[]): string {
  return [
    `# Computes ${asked.id.replace(/[^\w.+=-]/g, '-')} again, with none of the study's code.`,
    '#   pip install torch transformers bitsandbytes numpy safetensors',
    '# Run it in the project\'s folder (the one with data/). It ends with exit code 1 where the numbers do not agree.',
    ...parts,
    `REPORTED, ABSOLUTE, RELATIVE = ${asked.value}, ${absolute}, ${relative}`,
    `# Why that tolerance: ${why}.`,
    VERDICT,
  ].join('\n');
}

/** JSON's texts, lists and null are Python's, but for null. */
const python = (value: unknown): string => JSON.stringify(value) ?? 'None';
