/** The terms of the report. The first use of each on a page links to its entry; a term that is not here is refused. */
import { escapeText, html, late, lit } from './html.ts';
import type { Html } from './html.ts';

/** Term -> what it means, in one or two sentences. Keys are the anchors. */
export const GLOSSARY: { readonly [key: string]: { readonly term: string; readonly meaning: () => Html } } = {
  'a-a-pair': { term: 'A/A pair', meaning: () => html`One format timed twice within a block. Whatever difference it shows is noise of the machine; a speed difference smaller than that means nothing.` },
  accuracy: { term: 'accuracy', meaning: () => html`Share of multiple-choice items where the option of the highest log-likelihood after the context is the right one.` },
  alias: { term: 'alias', meaning: () => html`A format whose decoded weights are the same bits as another's for this checkpoint. It is computed once and shown under both names.` },
  'answer-flip': { term: 'answer flip', meaning: () => html`A multiple-choice item where the format takes another option than the base. Flips in both directions can leave the accuracy as it was.` },
  absmax: { term: 'absmax', meaning: () => html`The largest absolute value in a block of weights. Codes are fractions of it, so it must be stored with the block.` },
  base: { term: 'base', meaning: () => html`The checkpoint's own type, widened without loss. Every difference in the study is a difference to it.` },
  'bits-per-byte': { term: 'bits per byte', meaning: () => html`Negative log-likelihood in bits, divided by the UTF-8 bytes of the scored text. Comparable between models with different tokenizers.` },
  'bits-per-weight': { term: 'bits per weight', meaning: () => html`Stored bits, all scales counted, divided by the number of weights. For the linear layers alone unless said otherwise; embeddings and norms stay in the base type.` },
  bootstrap: { term: 'bootstrap', meaning: () => html`Intervals from resampling. The unit resampled is the window (or the prompt), because tokens of one window depend on one another.` },
  calibration: { term: 'calibration gap', meaning: () => html`Mean NLL less mean entropy: by how much the text surprises more than the distribution expects. Zero when calibrated; above zero it is too sure of itself.` },
  cell: { term: 'cell', meaning: () => html`One run point: a stage with one set of parameters and inputs. Each has its own page, with its inputs, code, machine and the command that computes it again.` },
  'delta-nll': { term: 'ΔNLL', meaning: () => html`Mean negative log-likelihood of the text under the format, minus that under the base, in nats per token. Paired: the same tokens. Positive is worse.` },
  'delta-p': { term: 'Δp', meaning: () => html`Probability of the text's own token under the format, less that under the base.` },
  'double-quantized': { term: 'double-quantized', meaning: () => html`The scales of the blocks are themselves quantized to ${lit('8', 'definition')} bits, which saves almost half a bit a weight.` },
  entropy: { term: 'entropy', meaning: () => html`The NLL that a distribution expects of what is drawn from it, in nats: low where it is sure.` },
  exact: { term: 'exact', meaning: () => html`Computed in one fixed order of fp32 and float64 operations: the same bytes on every machine, whatever the engine. The opposite is measured.` },
  equivalence: { term: 'equivalence test', meaning: () => html`Two one-sided tests: alike means that the whole interval lies within a margin written down beforehand, not that no difference was found.` },
  flip: { term: 'flip', meaning: () => html`A position where the most likely next token under the format is not the base's. It can turn a right choice wrong or a wrong one right.` },
  greedy: { term: 'greedy', meaning: () => html`Always the most likely token: temperature ${lit('0', 'definition')}, or top_k ${lit('1', 'definition')}.` },
  hazard: { term: 'hazard', meaning: () => html`Of the texts that are still the base's, the share that parts from it at the next token.` },
  judge: { term: 'judge', meaning: () => html`The largest unquantized model of the study. Its log-probabilities grade what the others would write.` },
  kl: { term: 'KL divergence', meaning: () => html`KL(base ‖ format) of the next-token distributions, in nats, over the full vocabulary. Zero when the format changes nothing.` },
  measured: { term: 'measured', meaning: () => html`A fact about one machine at one time, such as a duration. Shown under that machine's label.` },
  nll: { term: 'NLL', meaning: () => html`Negative log-likelihood: −log of the probability given to the token that follows, in nats.` },
  null: { term: 'null of equal size', meaning: () => html`Gaussian noise on the base's logits whose mean KL divergence is the format's. What it does too is no property of the format but of damage of that size.` },
  perplexity: { term: 'perplexity', meaning: () => html`exp of the mean NLL per token.` },
  'quality-shift': { term: 'quality shift', meaning: () => html`E(T) = Σ (p_format − p_base)(v) · (−log p_judge(v)), in nats: how much worse, by the judge, the token drawn at temperature T is expected to be under the format than under the base.` },
  'restricted-mean': { term: 'restricted mean', meaning: () => html`The area under the survival curve of “not yet different” up to a fixed length: the expected number of tokens before the texts part, counted up to that length.` },
  roofline: { term: 'roofline', meaning: () => html`Rate of arithmetic against the arithmetic done for each byte read: below a certain point no kernel can be faster than its memory, above it than its arithmetic.` },
  survival: { term: 'survival curve', meaning: () => html`The share of texts that are not yet different, by length. A text that ended, equal to the base's, counts as long as it lasted (Kaplan and Meier).` },
  temperature: { term: 'temperature', meaning: () => html`T divides the logits before softmax. Below one the distribution sharpens; at zero only the most likely token remains.` },
  'top-k': { term: 'top_k', meaning: () => html`Sampling from the k most likely tokens only; ${lit('0', 'definition')} means from all.` },
  'top-1-agreement': { term: 'top-1 agreement', meaning: () => html`Share of positions where the most likely next token is the same under format and base.` },
  'total-variation': { term: 'total variation', meaning: () => html`Half the sum of absolute differences of two distributions: the largest difference in probability that any event can have, and the least chance that coupled draws differ.` },
  verdict: { term: 'verdict', meaning: () => html`What the study can say of a claim: supported, contradicted, inconclusive, true by construction, not testable here, or too noisy. Each holds for its scope only.` },
  window: { term: 'window', meaning: () => html`A run of consecutive tokens scored together. Windows do not overlap. Every position but the first is scored; those with fewer than ${lit('32', 'definition')} tokens of context count only in metrics whose name ends in _all.` },
};

/** A term of the glossary, linked on its first use on the page. Throws on an unknown key. */
export function term(key: keyof typeof GLOSSARY & string, text?: string): Html {
  const entry = GLOSSARY[key];
  if (!entry) throw new TypeError(`unknown term "${key}"; terms are ${Object.keys(GLOSSARY).join(', ')}`);
  const shown = escapeText(text ?? entry.term);
  return late((page) => {
    if (page.terms.has(key)) return shown;
    page.terms.add(key);
    return `<a class="term" href="${page.root}glossary.html#${key}">${shown}</a>`;
  });
}
