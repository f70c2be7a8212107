/**
 * Rows for the tests of the report: made by a small generator, valid by data/schema.sql, and plainly not results
 * (models are called artificial-*). Nothing outside test/ reads them.
 */
import type { CellProvenance, CellRecord, Sha256 } from '../../stages/dag/index.ts';

export const MODELS = ['artificial-1m', 'artificial-4m', 'artificial-10m'] as const;
export const FORMATS = ['fp32', 'fp16', 'bf16', 'int8', 'nf4', 'nf4-dq', 'fp4', 'fp4-dq'] as const;
export const PEERS = ['other'] as const;
const FAMILY: { readonly [format: string]: string } = { fp32: 'base', fp16: 'base', bf16: 'base', int8: 'int8', nf4: 'nf4', 'nf4-dq': 'nf4', fp4: 'fp4', 'fp4-dq': 'fp4' };
const BITS: { readonly [format: string]: number } = { fp32: 32, fp16: 16, bf16: 16, int8: 8.03125, nf4: 4.5, 'nf4-dq': 4.127, fp4: 4.5, 'fp4-dq': 4.127 };
const DAMAGE: { readonly [format: string]: number } = { fp32: 0, fp16: 0, bf16: 2e-5, int8: 8e-5, nf4: 3.2e-3, 'nf4-dq': 3.3e-3, fp4: 6.0e-3, 'fp4-dq': 6.1e-3 };
const TEXTS = ['garden', 'hound'] as const;
export const TEMPERATURES = [0, 0.5, 0.8, 1, 1.3] as const;
const ALIASES = new Set(['fp32']);

type Value = string | number | boolean | null | readonly string[] | readonly number[];
type Rows = { [column: string]: Value }[];

/** A fixed sequence in (0, 1): enough to make rows differ. */
function sequence(): () => number {
  let state = 12345;
  return () => { state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff; return (state + 0.5) / 0x80000000; };
}

/** Table -> rows. */
export function artificialRows(): { [table: string]: Rows } {
  const next = sequence();
  const t: { [table: string]: Rows } = {
    models: [], formats: [], layouts: [], artifacts: [], tensor_errors: [], texts: [], windows: [], token_scores: [], sampling_windows: [], null_windows: [], floor_windows: [], metrics: [], sweep_metrics: [], profiles: [], pairs: [], generations: [], judgements: [], choice_sets: [], choices: [], survival: [], worst_tokens: [],
    speed_samples: [], speed_runs: [], speed_blocks: [], speed_memory: [], kernel_rates: [], claimed: [], peers: [], peer_metrics: [], peer_sweep_metrics: [], peer_texts: [], peer_ratios: [], machines: [], machine_caches: [], claims: [], claim_effects: [], sources: [], errata: [],
  };
  MODELS.forEach((model, i) => t['models']!.push({
    model, title: `Artificial model ${model}`, architecture: 'LlamaForCausalLM', parameters: [1_100_000, 4_200_000, 10_500_000][i]!, layers: 2 + 2 * i, hidden_size: 128 * (i + 1), heads: 4, kv_heads: 2,
    feed_forward_size: 384 * (i + 1), vocabulary: 2048, context_tokens: 512, tied_embeddings: true, base_format: 'fp16', source_types: i === 1 ? 'Q4_1, Q8_0' : null, source_bits_per_weight: i === 1 ? 5.25 : null, is_judge: i === 2, source: `bundled:${model}`, cell: `fetch:${model}`,
  }));
  FORMATS.forEach((format, position) => {
    t['formats']!.push({ format, position, title: `${format}, as a test has it`, family: FAMILY[format]!, nominal_bits_per_weight: BITS[format]!, product: format === 'int8' ? 'llm-int8' : 'weights', cell: 'tabulate:formats' });
    const layout: [string, string, number, number][] = format === 'int8' ? [['CB', 'codes, one signed byte each', 8, 1], ['SCB', 'largest value of a row, fp32; one per row', 32, 0]]
      : FAMILY[format] === 'base' ? [['values', 'the number itself', BITS[format]!, 1]]
      : format.endsWith('-dq') ? [['codes', 'index into sixteen values', 4, 1], ['absmax', 'scale of a block, one byte', 8, 64], ['nested', 'scale of 256 scales, fp32', 32, 16384]]
      : [['codes', 'index into sixteen values', 4, 1], ['absmax', 'scale of a block, fp32', 32, 64]];
    layout.forEach(([part, what, bits, per_weights], p) => t['layouts']!.push({ format, position: p, part, what, bits, per_weights, cell: 'tabulate:layouts' }));
  });
  t['choice_sets']!.push({ set: 'cloze', title: 'Which word ends the sentence', origin: 'made from the texts', licence: 'public domain', bytes: 1000, cell: 'tabulate:choice_sets' });
  TEXTS.forEach((text, i) => t['texts']!.push({ text, title: `Text ${text}`, author: 'Nobody', year: 1900 + i, bytes: 50_000 + i, cell: 'tabulate:texts' }));
  // Of a model and a format of the study, and of others.
  [['perplexity', MODELS[2]!, 'nf4', 12.34, 'perplexity', null, '<script>alert(1)</script> "test", 512 tokens'], ['top1_agreement', MODELS[2]!, 'Q4_K_M', 0.912, 'share', null, null], ['decode_tokens_per_second', MODELS[0]!, 'nf4', 61.2, 'tokens/s', 'Test CPU, 2 threads', null], ['decode_tokens_per_second', 'llama-7b', 'nf4', 8.5, 'tokens/s', 'Other CPU', null]]
    .forEach(([metric, model, format, value, unit, machine, conditions]) => t['claimed']!.push({ file: 'others', metric: metric!, model: model!, format: format!, program: 'other.cpp', version: 'b4321', conditions: conditions!, machine: machine!, value: value!, unit: unit!, date: '2026-01-02', source: 'https://example.org/?a=1&b="2"', cell: 'import:others' }));
  // A peer with a format of ours and one of its own; on one model it does not agree, and of another it has the published file.
  for (const [model, format, off] of [[MODELS[0]!, 'fp32', 2e-6], [MODELS[0]!, 'nf4', 4e-5], [MODELS[0]!, 'Q4_0', null], [MODELS[2]!, 'fp32', 3e-4], [MODELS[1]!, 'as-published', 2e-4]] as const) {
    const cell = `peer-summary:${model}/other/${format}`;
    t['peers']!.push({
      model, peer: 'other', format, machine: 'm-1a2b3c', packages: 'other 1.2.3, python 3.11.2', device: 'cpu: Test CPU', settings: 'compute fp32', threads: 2, weights: `${format}, blocks of 64`, activations: 'bf16', head: 'fp32',
      note: format === 'nf4' ? 'Rows <i>are</i> multiplied in bf16.' : null, linear_weights: 1_000_000, linear_bytes: format === 'fp32' ? 4_000_000 : 562_500, other_weights: 300_000, other_bytes: 600_000,
      codes_compared: format === 'nf4' ? 28 : 0, codes_equal: format === 'nf4' ? 27 : 0, cell: `peer-score:${model}/other/${format}/garden`,
    });
    const metric = (quantity: string, value: number, unit: string): number => t['peer_metrics']!.push({ quantity, model, peer: 'other', format, text: null, value, low: value * 0.9, high: value * 1.1, unit, n: 10_000, clusters: 30, cell });
    for (const [quantity, value, unit] of [['kl_mean', 0.0123, 'nats'], ['delta_nll', 0.004, 'nats'], ['top1_agreement', 0.97, 'share'], ['perplexity', 38, 'perplexity']] as const) metric(quantity, value, unit);
    if (off !== null) for (const [quantity, value, unit] of [['agreement_kl_mean', off, 'nats'], ['agreement_kl_max', 50 * off, 'nats'], ['agreement_delta_nll', off, 'nats'], ['agreement_top1', 0.999, 'share']] as const) metric(quantity, value, unit);
    for (const temperature of [0, 0.5]) {
      const wrote = (quantity: string, value: number, unit: string): number => t['peer_sweep_metrics']!.push({ quantity, model, peer: 'other', format, temperature, top_k: 0, max_new_tokens: 64, value, low: value * 0.8, high: value * 1.2, unit, n: 8, clusters: 8, cell: `peer-text-summary:${model}/other/${format}/${temperature}` });
      for (const [quantity, value, unit] of [['new_tokens', 60, 'tokens'], ['judge_nll', 2.31, 'nats'], ['distinct_2', 0.75, 'share'], ['repeated_4grams', 0.125, 'share']] as const) wrote(quantity, value, unit);
      if (temperature === 0) wrote('tokens_until_difference', 21, 'tokens');
      if (temperature === 0 && off !== null) for (const [quantity, value, unit] of [['same_as_ours', 0.5, 'share'], ['tokens_until_difference_from_ours', 33, 'tokens']] as const) wrote(quantity, value, unit);
      t['peer_texts']!.push({ model, peer: 'other', format, prompt: 'mary', seed: temperature === 0 ? 0 : 1, temperature, top_k: 0, max_new_tokens: 64, text: '<b>they</b> wrote', tokens: '1 2 3', ours: temperature === 0 && off !== null ? format : null, first_difference: temperature === 0 && off !== null ? 2 : null, cell: `peer-text-summary:${model}/other/${format}/${temperature}` });
    }
    for (const ours of format === 'Q4_0' ? ['nf4', 'fp4'] : format === 'as-published' ? ['fp16'] : [format]) for (const phase of ['decode', 'prefill']) t['peer_ratios']!.push({ quantity: `${phase}_ratio_to_peer`, model, peer: 'other', format, ours, engine: 'native', value: phase === 'decode' ? 1.71 : 0.83, low: phase === 'decode' ? 1.62 : 0.8, high: phase === 'decode' ? 1.8 : 0.86, unit: 'ratio', n: 9, cell: `peer-ratios:${model}/other` });
    for (const phase of ['decode', 'prefill']) t['metrics']!.push({ quantity: `${phase}_tokens_per_second`, model, format, text: null, temperature: null, top_k: null, max_new_tokens: null, engine: 'other', value: 250, low: 240, high: 260, unit: 'tokens/s', n: 5, clusters: 5, exact: false, cell: `summarize:${model}/speed` });
  }
  t['machines']!.push({ machine: 'm-1a2b3c', cpu: 'Test CPU', cores: 2, memory_bytes: 8e9, os: 'Linux 6', node: 'v20', cell: `speed:${MODELS[0]}/auto` });
  t['machine_caches']!.push({ machine: 'm-1a2b3c', level: 2, bytes: 2 ** 20, shared_by: 1, cell: `speed:${MODELS[0]}/auto` });
  t['sources']!.push({ path: 'data/texts/garden.txt', title: 'Text garden', origin: 'https://example.org/?a=1&b=2', sha256: 'ab'.repeat(32), bytes: 50_000, licence: 'public domain', redistribute: true, cell: 'tabulate:sources' });

  // An engine that gains where the memory bounds it, one that decodes first, and a peer.
  for (const [suite, shape, phase, weights, level] of [['products', '512 x 512', 'product', 262_144, 'L2'], ['products', '4096 x 4096', 'product', 16_777_216, 'memory'], ['models', 'novel-1m', 'decode', 1e6, 'L2'], ['models', 'random-135m', 'decode', 134e6, 'memory']] as const) {
    const rate = (who: string, format: string, bits: number, threads: number, batch: number, value: number, read_share: number | null, more: { [column: string]: Value } = {}): number => t['kernel_rates']!.push({
      suite, who, version: 'abc123', peer: false, decoded: who === 'wasm', format, bits_per_weight: bits, activations: who === 'peer-node' ? 'int8 in blocks of 32' : 'fp32', shape, phase, batch, threads, value, low: value * 0.97, high: value * 1.02, unit: suite === 'models' ? 'tokens/s' : 'G multiply-adds/s', rounds: 9,
      bytes: Math.round(weights * bits / 8), level, level_bytes: level === 'L2' ? 2_097_152 : null, read_share, quick: false, cpu: 'Test CPU', cores: 2, cell: 'bench:kernels', ...more,
    });
    for (const threads of [1, 2]) {
      for (const [format, bits] of [['fp16', 16], ['int8', 8], ['nf4', 4.5]] as const) {
        const gain = level === 'L2' ? 1.03 : 16 / bits;
        rate('native', format, bits, threads, 1, (format === 'fp16' ? 20 : 20 * gain) * threads, 0.8);
        rate('native', format, bits, threads, 8, 50 * threads, null);
        if (threads === 1) rate('wasm', format, bits, 1, 1, 10, 0.1);
      }
      rate('peer-node', 'Q4_0', 4.5, threads, 1, 45 * threads, 0.9, { peer: true, version: '1.2.3' });
      rate('read', 'bytes', 8, threads, 1, 100 * threads, 1, { suite: 'read', bits_per_weight: null, activations: null, shape: `${weights} bytes beside ${shape}`, phase: 'read', version: '', unit: 'GB/s' });
    }
  }

  MODELS.forEach((model, m) => {
    const scale = [1.6, 1.2, 1][m]!;
    for (const format of FORMATS) {
      t['artifacts']!.push({ model, format, alias_of: ALIASES.has(format) ? 'fp16' : null, linear_weights: 1e6 * (m + 1), linear_bytes: Math.round(1e6 * (m + 1) * BITS[format]! / 8), other_weights: 3e5, other_bytes: 6e5, cell: `quantize:${model}/${format}` });
      if (ALIASES.has(format)) continue;
      const cell = `summarize:${model}/${format}`;
      const metric = (quantity: string, value: number, half: number | null, unit: string, more: { [column: string]: Value } = {}): void => {
        t['temperature' in more ? 'sweep_metrics' : 'metrics']!.push({ quantity, model, format, text: null, temperature: null, top_k: null, max_new_tokens: null, ...('temperature' in more ? {} : { engine: null }), value, low: half === null ? null : value - half, high: half === null ? null : value + half, unit, n: 15330, clusters: 30, exact: true, cell, ...more });
      };
      const kl = DAMAGE[format]! * scale * (0.95 + 0.1 * next());
      metric('bits_per_weight_linear', BITS[format]!, null, 'bits');
      metric('bits_per_weight_model', BITS[format]! * 0.8 + 3, null, 'bits');
      metric('weight_bytes', Math.round(1e6 * (m + 1) * BITS[format]! / 8 + 6e5), null, 'bytes');
      metric('perplexity', 40 - 8 * m + kl * 30, 1.2, 'perplexity');
      if (format !== 'fp16') metric('delta_nll', kl * 0.7, kl * 0.35, 'nats');
      metric('bits_per_byte', 1.9 - 0.2 * m + kl, 0.02, 'bits');
      if (format !== 'fp16') metric('kl_mean', kl, kl * 0.08, 'nats');
      for (const [name, by] of [['kl_median', 0.5], ['kl_p90', 2.2], ['kl_p95', 3.1], ['kl_p99', 7.5], ['kl_max', 60]] as const) metric(name, kl * by, name === 'kl_max' ? null : kl * by * 0.1, 'nats');
      metric('top1_agreement', 1 - 8 * Math.min(kl, 0.02), 0.004, 'share');
      const answers = { text: 'cloze', n: 40, clusters: 40, cell: `summarize:${model}/${format}/choices/cloze` };
      metric('accuracy', 0.6 + 0.05 * m - 2 * kl, 0.06, 'share', answers);
      metric('accuracy_per_byte', 0.59 + 0.05 * m - 2 * kl, 0.06, 'share', answers);
      if (format !== 'fp16') {
        for (const [quantity, by] of [['answer_flips', 10], ['answer_right_to_wrong', 5], ['answer_wrong_to_right', 3]] as const) metric(quantity, Math.min(0.5, kl * by), Math.min(0.5, kl * by) / 2, 'share', answers);
        metric('accuracy_change', -2 * kl, kl, 'share', answers);
      }
      for (let option = 0; option < 2; option++) t['choices']!.push({ model, format, set: 'cloze', item: 'garden-1', option, nll: 2 + option, tokens: 2, bytes: 6, is_answer: option === 1, is_chosen: option === 0, cell: `choose:${model}/${format}/cloze` });
      metric('calibration_gap', 0.02 + kl, 0.01, 'nats');
      metric('entropy', 3 - kl, 0.1, 'nats');
      if (format !== 'fp16') {
        metric('entropy_shift', kl, kl * 0.3, 'nats');
        metric('calibration_shift', -kl, kl * 0.3, 'nats');
        metric('delta_p_rms', kl * 2, kl * 0.3, 'share');
        for (const [name, by] of [['delta_p_mean', -0.3], ['delta_p_p01', -5], ['delta_p_p05', -2], ['delta_p_median', -0.01], ['delta_p_p95', 1.8], ['delta_p_p99', 4]] as const) metric(name, kl * by, kl * 0.2, 'share');
      }
      const profile = (name: string, slices: readonly number[], value: (k: number) => number): void => slices.forEach((from, k) => t['profiles']!.push({
        profile: name, model, format, slice: k + 1, slice_from: from, slice_until: slices[k + 1] ?? null, value: value(k), low: value(k) - kl * 0.1, high: value(k) + kl * 0.1, unit: 'nats', n: 500, clusters: 30, cell: `slices:${model}/${format}`,
      }));
      if (format !== 'fp16') profile('kl_by_context', [1, 8, 32, 64, 128], (k) => kl * (1 + k / 10));
      profile(format === 'fp16' ? 'calibration_by_entropy' : 'calibration_shift_by_entropy', [0, 1, 2, 4], (k) => 0.01 * k + kl);
      for (const other of FORMATS.slice(FORMATS.indexOf(format) + 1)) {
        const pair = (quantity: string, value: number, unit: string, more: { [column: string]: Value } = {}): number => t['pairs']!.push({ quantity, model, format, other, engine: null, value, low: value - 0.002, high: value + 0.002, unit, n: 15330, clusters: 30, exact: true, cell: `compare:${model}/${format}/${other}`, ...more });
        const otherKl = DAMAGE[other]! * scale;
        pair('kl_difference', otherKl - kl, 'nats');
        if (format !== 'fp16') pair('kl_ratio', otherKl / kl, 'ratio');
        pair('nll_difference', (otherKl - kl) * 0.7, 'nats');
        pair('top1_agreement_difference', -8 * (otherKl - kl), 'share');
        pair('accuracy_difference', -(otherKl - kl), 'share');
        pair('same_top1', 0.95, 'share');
        for (const engine of ['native', 'wasm']) for (const phase of ['decode', 'prefill']) pair(`${phase}_ratio`, 1.2, 'ratio', { engine, exact: false, cell: `compare:${model}/speed`, n: 5, clusters: 5 });
      }
      if (format !== 'fp16') {
        for (let rank = 1; rank <= 10; rank++) t['worst_tokens']!.push({ model, format, rank, text: 'hound', window: rank, position: 40, context: ` <i>said</i> the \u202E${rank}`, token: rank === 1 ? '\n' : ' hound', choice_base: ' hound', choice: rank === 2 ? '' : ' dog', kl: kl * 60 / rank, nll_base: 0.5, nll: 2, cell: `worst-tokens:${model}/${format}` });
        for (const temperature of TEMPERATURES) {
          if (/4/.test(format) && temperature > 0 && temperature <= 0.8) for (const [name, by] of [['null_shift_mean', -0.2], ['null_shift_least', -0.5], ['null_shift_most', 0.1]] as const) metric(name, kl * by, null, 'nats', { temperature, top_k: 0, cell: `summarize:${model}/${format}/null/T${temperature}`, n: 900 });
          for (let step = 1; step <= 64; step++) t['survival']!.push({ model, format, temperature, top_k: 0, step, at_risk: 16 - Math.floor(step / 8), parted: step % 8 === 0 ? 1 : 0, value: 1 - Math.floor(step / 8) / 16, low: step < 8 ? null : 0.4, high: step < 8 ? null : 1, unit: 'share', n: 16, clusters: 8, cell: `parting:${model}/${format}/T${temperature}/k0` });
        }
      }
      metric('right_to_wrong', 4 * kl, kl * 0.3, 'share');
      metric('wrong_to_right', 3 * kl, kl * 0.3, 'share');
      for (const temperature of TEMPERATURES) {
        for (const top_k of temperature === 0 ? [0] : [0, 40]) {
          const at = { temperature, top_k, cell: `summarize:${model}/${format}/T${temperature}/k${top_k}` };
          metric('total_variation', Math.sqrt(kl) * (temperature === 0 ? 1 : 0.6 / Math.max(temperature, 0.4)), Math.sqrt(kl) * 0.05, 'share', at);
          if (top_k === 0 && format === 'fp16') for (const name of ['base_entropy', 'base_quality']) metric(name, 3 + temperature, 0.1, 'nats', at);
          if (top_k === 0 && temperature > 0) metric('quality_shift', kl * (1.5 - temperature), kl * 0.4, 'nats', at);
          if (top_k > 0) metric('outside_mass', kl * 0.2, kl * 0.05, 'share', at);
          const grown = { temperature, top_k, cell: `summarize:${model}/${format}/texts/T${temperature}/k${top_k}` };
          for (const max_new_tokens of [16, 32, 64]) {
            metric('same_as_base', Math.max(0, 1 - Math.sqrt(kl) * max_new_tokens / 6), 0.1, 'share', { ...grown, max_new_tokens, n: 16, clusters: 8 });
            metric('tokens_until_difference', max_new_tokens * (1 - Math.min(0.7, Math.sqrt(kl) * 3)), 3, 'tokens', { ...grown, max_new_tokens, n: 16, clusters: 8 });
            if (format !== 'fp16') metric('judge_nll_shift', kl * 3, 0.3, 'nats', { ...grown, max_new_tokens, n: 16, clusters: 8 });
            metric('repeated_4grams', 0.1, 0.05, 'share', { ...grown, max_new_tokens, n: 16, clusters: 8 });
            metric('judge_nll', 2 + temperature + kl * 3, 0.3, 'nats', { ...grown, max_new_tokens, n: 16, clusters: 8 });
          }
          for (const [prompt, opening] of [['p1', 'It was a dark'], ['p2', 'The <b>garden</b> & \u202Egate']] as const) {
            const differs = format === 'fp16' ? null : Math.floor(next() * 10) + 1;
            const pieces = Array.from({ length: 16 }, (_, k) => ` ${differs !== null && k >= differs ? format : 'word'}${k}`);
            if (top_k === 0) t['generations']!.push({ model, format, prompt, seed: temperature === 0 ? 0 : 1, temperature, top_k, max_new_tokens: 64, prompt_text: opening, text: pieces.join(''), tokens: pieces.map((_, k) => k).join(' '), pieces, first_difference: differs, cell: `generate:${model}/${format}/T${temperature}/k${top_k}/s1` });
            if (top_k === 0) t['judgements']!.push({ model, format, prompt, seed: temperature === 0 ? 0 : 1, temperature, top_k, nll: pieces.map((_, k) => k / 3), cell: `judge:${model}/${format}/T${temperature}/k${top_k}/s1` });
          }
        }
      }
      for (const text of TEXTS) {
        for (let window = 0; window < 3; window++) {
          const cellOf = `score:${model}/${format}/${text}`;
          t['windows']!.push({ model, format, text, window, scored_tokens: 511, scored_bytes: 1900, nll_base: 1800, nll: 1800 + kl * 511, kl: kl * 511, same_top1: 480, right_to_wrong: 9, wrong_to_right: 7, cell: cellOf });
          for (let position = 1; position < 5; position++) t['token_scores']!.push({ model, format, text, window, position, token: 7 * position, nll_base: 3, nll: 3 + kl, kl: kl * (1 + position), entropy_base: 3, entropy: 3.01, top1_base: 4, top1: 4 + (position % 2), bytes: 4, cell: cellOf });
          if (/4/.test(format)) t['null_windows']!.push({ model, format, text, window, temperature: 0.7, scored_tokens: 40, sigma: 0.1, format_kl: kl, noise_kl: kl, shifts: [kl, -1e-7], cell: `${cellOf}/null/T0.7` });
        }
      }
      for (let layer = 0; layer < 2 + 2 * m; layer++) {
        for (const kind of ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj']) {
          t['tensor_errors']!.push({ model, format, tensor: `model.layers.${layer}.${kind}.weight`, layer, kind, weights: 16384, bytes: Math.round(16384 * BITS[format]! / 8), relative_rms_error: DAMAGE[format]! * 10 * (0.9 + 0.2 * next()), max_abs_error: DAMAGE[format]! * 3, cell: `quantize:${model}/${format}` });
        }
      }
      // One engine that gives verdicts and one that gives none; the smallest model lies in L2.
      for (const engine of ['native', 'wasm']) {
        const timing = `${engine === 'native' ? 'speed' : 'speed-other'}:${model}/${engine === 'native' ? 'auto' : engine}`;
        const measured = { exact: false, engine, cell: `summarize:${model}/speed`, n: 5, clusters: 5 };
        const gain = engine === 'native' && m > 0 ? 16 / BITS[format]! : 1;
        for (const phase of ['prefill', 'decode']) {
          for (let block = 0; block < 5; block++) t['speed_samples']!.push({ model, format, engine, machine: 'm-1a2b3c', phase, pair: 'A', block, place: FORMATS.indexOf(format), tokens: 256, duration_ms: 100 * (m + 1) * (0.9 + 0.2 * next()), gpu_ms: null, steps_ms: [0.4, 0.5], cell: timing });
          metric(`${phase}_tokens_per_second`, 2500 / (m + 1), 60, 'tokens/s', measured);
          if (format !== 'fp16') metric(`${phase}_ratio_to_base`, gain + 0.02 * next(), 0.03, 'ratio', measured);
          else metric(`${phase}_aa_ratio`, 1.003, 0.01, 'ratio', measured);
        }
        metric('time_to_first_token', 4 * (m + 1), 0.1, 'ms', measured);
        for (const [percent, ms] of [[50, 0.4], [95, 0.5]] as const) metric(`decode_latency_p${percent}`, ms * (m + 1), null, 'ms', { ...measured, n: 80 });
        metric('held_bytes', 4e6 * (m + 1) + 2e6, null, 'bytes', measured);
        for (const part of ['weights', 'kvCache']) t['speed_memory']!.push({ model, format, engine, machine: 'm-1a2b3c', part, bytes: 2e6 * (m + 1), cell: timing });
        if (format === 'fp16') {
          t['floor_windows']!.push({ model, format, engine: `${engine}-2`, window: 0, scored_tokens: 511, kl: 0.01, kl_max: 0.001, delta_nll: -0.01, same_top1: 510, cell: `floor:${model}` });
          for (let block = 0; block < 5; block++) t['speed_blocks']!.push({ model, engine, machine: 'm-1a2b3c', block, wall_ms: 250, cpu_ms: 400, steal_ms: engine === 'native' ? 10 : null, load_average: 1.5, mhz: engine === 'native' ? 2600 : null, cell: timing });
          t['speed_runs']!.push({
            model, engine, machine: 'm-1a2b3c', own: engine === 'native', build: 'abc123', threads: 2, prompt_tokens: 128, blocks: 5, base_bytes: 2e6 * (m + 1), level: ['L2', 'L3', 'memory'][m]!,
            least_tokens: 7, wall_ms: 1234.5, cpu_per_wall: 1.9, steal_share: engine === 'native' ? 0.01 : null, load_average: 1.5, mhz: engine === 'native' ? 2600 : null, cell: timing,
          });
        }
      }
    }
  });
  const verdicts = ['inconclusive', 'by construction', 'too noisy', 'contradicted', 'supported', 'not testable here'] as const;
  ['a-quality', 'a-memory', 'a-speed', 'b', 'c1', 'd'].forEach((claim, position) => {
    t['claims']!.push({
      claim, position, version: 'v1', title: `Claim ${claim}, in its own words`, statement: 'nf4 and fp4 are alike.', source: 'arXiv 2309.05210v1', operationalised: 'Ratio of mean KL divergence within a margin.', test: 'two one-sided tests',
      margin: '[0.8, 1.25]', margin_reason: 'A quarter is what another text would change.', sql: "SELECT model, avg(kl) FROM windows WHERE format = 'nf4' GROUP BY model ORDER BY model", verdict: verdicts[position]!, scope: '3 models of at most 10 M parameters, engine wasm', sentence: 'The ratio lies outside the margin on every model.', would_change: 'A ratio inside the margin on more than half of the models.', cell: `claims:${claim}`,
    });
    for (const model of MODELS) t['claim_effects']!.push({ claim, position, part: 'KL ratio', model, format: 'fp4', value: 1.8, low: 1.6, high: 2.1, level: 0.9, margin_low: 0.8, margin_high: 1.25, unit: 'ratio', n: 15330, clusters: 30, verdict: verdicts[position]!, needed_clusters: position === 0 ? 90 : null, cell: `claims:${claim}` });
  });
  return t;
}

const hash = (text: string): Sha256 => {
  let out = '', state = 7;
  for (let i = 0; i < 64; i++) { state = (Math.imul(state, 31) + text.charCodeAt(i % text.length) + i) >>> 0; out += (state % 16).toString(16); }
  return out as Sha256;
};

/** A record for every cell that the rows name, and one cell that failed with a descendant. */
export function artificialRecords(rows: { readonly [table: string]: Rows }): CellProvenance[] {
  const ids = [...new Set([...Object.keys(rows).map((table) => `tabulate:${table}`), ...Object.values(rows).flatMap((table) => table.map((row) => String(row['cell'])))])].sort();
  const stageOf = (cell: string): string => cell.slice(0, cell.indexOf(':'));
  const done = ids.map((cell, i): CellProvenance => {
    const [, model, format] = /^[\w-]+:([\w.-]+)(?:\/([\w.-]+))?/.exec(cell) ?? [];
    const determinism = ['speed', 'speed-other', 'bench'].includes(stageOf(cell)) ? 'measured' : 'exact';
    const params = { ...(model ? { model } : {}), ...(format ? { format } : {}), note: '<script>alert(1)</script>' };
    const record: CellRecord = {
      cell, key: hash(cell), fields: { stage: stageOf(cell), params, inputs: {}, code: hash('code'), facts: {} }, status: 'done', outputs: { rows: { sha256: hash(`${cell} out`), bytes: 1234 + i } },
      computedBy: { engine: 'wasm', build: 'abc123def456' }, durationMs: 12.5 + i, finishedAt: '2026-01-02T03:04:05+00:00', machine: 'm-1a2b3c', run: 'r1',
      ...(stageOf(cell) === 'score' ? { memory: { peakBytes: 450e6 + i, expectedBytes: 500e6 } } : stageOf(cell) === 'quantize' ? { memory: { peakBytes: 300e6, expectedBytes: 200e6 } } : {}),
    };
    const from = stageOf(cell) === 'summarize' ? ids.find((id) => id.startsWith(`score:${model}/`)) : undefined;
    return { cell, stage: stageOf(cell), determinism, params, record, inputs: { source: [from ? { cell: from, output: 'scores', sha256: hash(from) } : { file: 'data/sources.yaml', sha256: hash('file') }] }, code: { 'stages/quantization/score.ts': hash('score'), 'package yaml': '2.9.1' }, reasons: [{ field: 'params.temperature', before: '0.7', after: '0.8' }] };
  });
  const failure = { code: 'not-finite', sentence: 'tensor model.layers.0.mlp.up_proj.weight has 3 values that are not finite', hint: 'check the <weights>' } as const;
  const lost = 'score:artificial-4m/fp32/lost', params = { model: 'artificial-4m', format: 'fp32' };
  const record: CellRecord = { cell: lost, key: hash(lost), fields: { stage: 'score', params, inputs: {}, code: hash('code'), facts: {} }, status: 'failed', failure, outputs: {}, durationMs: 7500, finishedAt: '2026-01-02T03:05:06+00:00', machine: 'm-1a2b3c', run: 'r1' };
  done.push({ cell: lost, stage: 'score', determinism: 'exact', params, failure, record, inputs: {}, code: { 'stages/quantization/score.ts': hash('score'), 'package yaml': '2.9.1' }, reasons: [] });
  done.push({ cell: 'summarize:artificial-4m/fp32/lost', stage: 'summarize', determinism: 'exact', params: { model: 'artificial-4m', format: 'fp32' }, failure: { code: 'upstream-failed', sentence: 'score:artificial-4m/fp32/lost failed' }, inputs: { scores: [{ cell: 'score:artificial-4m/fp32/lost', output: 'scores' }] }, code: {}, reasons: [] });
  return done;
}
