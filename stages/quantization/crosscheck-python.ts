/** The pieces that scripts of crosscheck.ts are put together from. They use others' libraries only. */

export const LOAD = `import sys
from math import exp, sqrt
import torch
from safetensors.torch import load_file
torch.set_grad_enabled(False)`;

/** Which tensors are quantized: every linear layer but the output head. The others are those that are computed with: not what older versions of transformers wrote down besides. */
export const WEIGHTS = `checkpoint = {name: w for file in FILES for name, w in load_file(f"{MODEL}/{file}").items()}
linear = {name: w for name, w in checkpoint.items() if w.ndim == 2 and "embed" not in name and "lm_head" not in name}
unread = lambda name: name.endswith(("rotary_emb.inv_freq", "attention.bias", "attention.masked_bias")) or (TIED and name == "lm_head.weight" and any("embed" in other and torch.equal(e, checkpoint[name]) for other, e in checkpoint.items()))
other = {name: w for name, w in checkpoint.items() if name not in linear and not unread(name)}
TYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}`;

/** encode(w): what is stored, as tensors; decode(w): the weight as it is multiplied, in fp32. */
export const QUANTIZE = `def encode(w):
    if FORMAT in TYPES:
        return [w.to(TYPES[FORMAT])]
    import bitsandbytes.functional as F
    if FORMAT == "int8":
        codes, scales, _ = F.int8_vectorwise_quant(w.to(torch.float16))
        return [codes, scales]
    packed, state = F.quantize_4bit(w.to(torch.float32), blocksize=64, compress_statistics=FOUR_BIT["double"], quant_type=FOUR_BIT["quant_type"])
    if FOUR_BIT["double"]:
        return [packed, state.absmax, state.state2.absmax, state.offset.reshape(1)]
    return [packed, state.absmax]

def decode(w):
    if FORMAT in TYPES:
        return w.to(TYPES[FORMAT]).to(torch.float32)
    import bitsandbytes.functional as F
    if FORMAT == "int8":
        codes, scales, _ = F.int8_vectorwise_quant(w.to(torch.float16))
        return codes.to(torch.float32) * scales[:, None].to(torch.float32) / 127
    packed, state = F.quantize_4bit(w.to(torch.float32), blocksize=64, compress_statistics=FOUR_BIT["double"], quant_type=FOUR_BIT["quant_type"])
    return F.dequantize_4bit(packed, state)`;

export const PACKED_BYTES = `size = lambda tensors: sum(t.numel() * t.element_size() for t in tensors)
linear_bytes = sum(size(encode(w)) for w in linear.values())
linear_weights = sum(w.numel() for w in linear.values())
other_bytes = size(other.values())
other_weights = sum(w.numel() for w in other.values())`;

export const TENSOR = `original = linear[NAME].to(torch.float32).to(torch.float64)
error = decode(linear[NAME]).to(torch.float64) - original
relative_rms_error = float(torch.sqrt((error * error).mean()) / torch.sqrt((original * original).mean()))
max_abs_error = float(error.abs().max())`;

export const WINDOWS = `from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast
tokenizer = PreTrainedTokenizerFast(tokenizer_file=f"{MODEL}/tokenizer.json")
windows = []
for path in TEXTS:
    ids = tokenizer.encode(open(path, encoding="utf-8", newline="").read(), add_special_tokens=False)
    windows += [torch.tensor(ids[i * TOKENS:(i + 1) * TOKENS]) for i in range(WINDOWS)]
load = lambda: AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32, attn_implementation="eager").eval()`;

/** LLM.int8() by its definition, each row for itself: rounded activations, but for the outliers of a row, which meet the decoded weights. */
export const INT8_LINEAR = `import bitsandbytes.functional as F
class Int8(torch.nn.Module):
    def __init__(self, w):
        super().__init__()
        codes, scales, _ = F.int8_vectorwise_quant(w.to(torch.float16))
        self.codes, self.scales = codes.to(torch.float64), scales.to(torch.float64)
    def forward(self, x):
        a = x.to(torch.float16).to(torch.float32)
        outlier = a.abs() >= 6.0
        rest = torch.where(outlier, 0.0, a)
        top = rest.abs().amax(-1, keepdim=True)
        rounded = torch.where(top > 0, torch.round(rest * (127 / top)), 0.0).to(torch.float64)
        y = (rounded @ self.codes.T) * top.to(torch.float64) * self.scales / (127 * 127)
        return (y + torch.where(outlier, a, 0.0).to(torch.float64) @ (self.codes * self.scales[:, None] / 127).T).to(torch.float32)`;

export const FIDELITY = `base, model = load(), load()
for name, w in linear.items():
    path, attribute = name.rsplit(".", 1)
    if FORMAT == "int8":
        parent, child = path.rsplit(".", 1)
        setattr(model.get_submodule(parent), child, Int8(w))
    else:
        model.get_submodule(path).weight.copy_(decode(w))
sums, count, largest = {}, 0, 0.0
for window in windows:
    p, q = (torch.log_softmax(m(window[None]).logits[0, FIRST - 1:-1].to(torch.float64), -1) for m in (base, model))
    right = window[FIRST:, None]
    kl = (p.exp() * (p - q)).sum(-1)
    top, top_base = q.argmax(-1), p.argmax(-1)
    hit, hit_base = top == right[:, 0], top_base == right[:, 0]
    change = q.gather(1, right).exp() - p.gather(1, right).exp()
    parts = dict(nll=-q.gather(1, right), base=-p.gather(1, right), kl=kl, same=top == top_base, wrong=hit_base & ~hit, righted=hit & ~hit_base,
                 entropy=(p.exp() * p).sum(-1) - (q.exp() * q).sum(-1), change=change * change)
    for name, value in parts.items():
        sums[name] = sums.get(name, 0.0) + float(value.to(torch.float64).sum())
    count, largest = count + len(right), max(largest, float(kl.max()))`;

export const MEASURES = `mean = {name: value / count for name, value in sums.items()}
measures = dict(nll=mean["nll"], perplexity=exp(mean["nll"]), delta_nll=mean["nll"] - mean["base"], kl_mean=mean["kl"], kl_max=largest,
                top1_agreement=mean["same"], right_to_wrong=mean["wrong"], wrong_to_right=mean["righted"], entropy_shift=mean["entropy"], delta_p_rms=sqrt(mean["change"]))`;

export const VERDICT = `allowed = ABSOLUTE + RELATIVE * abs(REPORTED)
agrees = abs(found - REPORTED) <= allowed
print(f"reported {REPORTED!r}\\nfound    {found!r}\\ndiffer by {abs(found - REPORTED):.3g}, allowed {allowed:.3g}: {'they agree' if agrees else 'they do not agree'}")
sys.exit(0 if agrees else 1)`;
