"""transformers with bitsandbytes, asked by bitwidth over lines of JSON (stages/quantization/peers/protocol.ts has the protocol).

Models are loaded as a user of transformers would load them; what is special here is only what is told of them. Weights are counted and
hashed before the first step: bitsandbytes 0.50 packs them anew, in place, when they first meet an activation on some processors.
"""
import base64
import gc
import hashlib
import json
import os
import sys
import time

# What libraries print must not come between the lines: standard output becomes standard error, and the lines go where it was.
LINES = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1 << 16)
os.dup2(2, 1)


def refuse_network(event, _):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.bind", "socket.sendto", "socket.sendmsg"):
        raise PermissionError("a peer of a study uses no network")


sys.addaudithook(refuse_network)

import torch
import transformers

torch.set_grad_enabled(False)
transformers.utils.logging.disable_progress_bar()
transformers.utils.logging.set_verbosity_error()

TYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
NAMES = {dtype: name for name, dtype in TYPES.items()}
MOST_STEPS = 2000


class BadInput(Exception):
    pass


def say(**value):
    LINES.write(json.dumps(value, separators=(",", ":")) + "\n")
    LINES.flush()


def version_of(package):
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def device_words(device):
    if device == "cuda":
        return f"cuda: {torch.cuda.get_device_name(0)}"
    return f"cpu: {torch.backends.cpu.get_cpu_capability()}"


class Peer:
    def open(self, path, threads, **_):
        torch.set_num_threads(threads)
        self.path = path
        self.models = {}
        return {}

    def load(self, model, format, **_):
        compute = TYPES[SETTINGS["compute"]]
        options = {"dtype": TYPES.get(format, compute)}
        if format not in TYPES:
            options["quantization_config"] = quantization(format, compute)
        loaded = transformers.AutoModelForCausalLM.from_pretrained(
            self.path, device_map={"": DEVICE}, local_files_only=True, trust_remote_code=False, use_safetensors=True, **options
        ).eval()
        self.models[model] = loaded
        return {"vocabulary": loaded.config.get_text_config().vocab_size, **described(loaded, format, compute)}

    def clock(self, **_):
        return {"cpuMs": time.process_time_ns() // 1_000_000}

    def unload(self, model, **_):
        del self.models[model]
        gc.collect()
        return {}

    def logits(self, model, tokens, rowsAtOnce, answer, **_):
        logits = self.models[model](ids_of(tokens), use_cache=False).logits[0]
        for first in range(0, len(tokens), rowsAtOnce):
            rows = logits[first : first + rowsAtOnce].float().cpu().contiguous().numpy().astype("<f4", copy=False)
            answer({"first": first, "count": len(rows), "logits": base64.b64encode(rows.tobytes()).decode("ascii")})
        return {}

    def generate(self, model, prompt, newTokens, sampling=None, **_):
        ids = ids_of(prompt)
        how = {"do_sample": False}
        if sampling is not None:
            # What a model's own settings would filter or punish besides is switched off.
            how = {"do_sample": True, "temperature": sampling["temperature"], "top_k": sampling["topK"], "top_p": 1.0, "typical_p": 1.0}
            torch.manual_seed(sampling["seed"])
        written = self.models[model].generate(
            ids, attention_mask=torch.ones_like(ids), num_beams=1, repetition_penalty=1.0, no_repeat_ngram_size=0, max_new_tokens=newTokens, pad_token_id=0, **how
        )
        return {"tokens": written[0, len(prompt) :].tolist()}

    def time(self, model, tokens, promptTokens, warmUpTokens, leastMs, **_):
        own = self.models[model]
        prompt = ids_of(tokens[:promptTokens])
        rows = [ids_of([token]) for token in tokens]
        cache = None
        for row in rows[:warmUpTokens]:
            cache = own(row, past_key_values=cache, use_cache=True, logits_to_keep=1).past_key_values
        prefill, decode = Stopwatch(), Stopwatch()
        while True:
            with prefill.step(promptTokens):
                read = own(prompt, use_cache=True, logits_to_keep=1)
                read.logits[0, -1].float().cpu()
            cache = read.past_key_values
            for row in rows[promptTokens:]:
                with decode.step(1):
                    own(row, past_key_values=cache, use_cache=True, logits_to_keep=1).logits[0, -1].float().cpu()
                if decode.ms >= leastMs:
                    return {"prefill": prefill.taken(), "decode": decode.taken()}


class Stopwatch:
    """Around steps: what the device was asked for before is done, and what is timed is done too. A step ends with its last
    logits on the host, as ours does: the next token would be chosen from them."""

    def __init__(self):
        self.ms, self.tokens, self.steps = 0.0, 0, []

    def step(self, tokens):
        self.adding = tokens
        return self

    def __enter__(self):
        finish()
        self.started = time.perf_counter_ns()

    def __exit__(self, *_):
        finish()
        ms = (time.perf_counter_ns() - self.started) / 1e6
        self.ms += ms
        self.tokens += self.adding
        if len(self.steps) < MOST_STEPS:
            self.steps.append(round(ms, 3))

    def taken(self):
        return {"tokens": self.tokens, "durationMs": self.ms, "stepsMs": self.steps}


def finish():
    if DEVICE == "cuda":
        torch.cuda.synchronize()


def ids_of(tokens):
    return torch.tensor([tokens], dtype=torch.long, device=DEVICE)


def quantization(format, compute):
    if format == "int8":
        return transformers.BitsAndBytesConfig(load_in_8bit=True)
    kind, _, double = format.partition("-")
    if kind not in ("nf4", "fp4") or double not in ("", "dq"):
        raise BadInput(f"there is no format {format}")
    return transformers.BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type=kind, bnb_4bit_use_double_quant=double == "dq", bnb_4bit_compute_dtype=compute
    )


def stored_bytes(tensors):
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def described(model, format, compute):
    """Counts before the first step, which is made here: only after it is known what products are made in."""
    head = model.get_output_embeddings()
    stored, words = {}, set()
    weights = {"linearWeights": 0, "linearBytes": 0, "otherWeights": 0, "otherBytes": 0}
    counted = set()
    for name, module in model.named_modules():
        if not isinstance(module, torch.nn.Linear) or module is head:
            continue
        counted.add(id(module.weight))
        weights["linearWeights"] += module.in_features * module.out_features
        parts, said = parts_of(module)
        words.add(said)
        weights["linearBytes"] += stored_bytes(parts)
        if format not in TYPES:
            codes = parts[0].detach().cpu().contiguous().numpy().tobytes()
            stored[f"{name}.weight"] = hashlib.sha256(codes).hexdigest()
    for parameter in model.parameters():
        if id(parameter) not in counted:
            counted.add(id(parameter))
            weights["otherWeights"] += parameter.numel()
            weights["otherBytes"] += stored_bytes([parameter])
    model(ids_of([0]), use_cache=False)
    packed = any(getattr(getattr(module.weight, "quant_state", None), "packing_format_for_cpu", False) for module in model.modules() if isinstance(module, torch.nn.Linear))
    computes = {
        "weights": ", ".join(sorted(words)),
        "activations": "int8, each row's largest magnitude its scale; columns with an outlier fp16" if format == "int8" else "bf16" if packed else NAMES[TYPES.get(format, compute)],
        "head": NAMES[head.weight.dtype],
    }
    if format == "int8":
        computes["note"] = "A column is an outlier's for all rows of a call together, so a prompt read at once differs from its tokens one by one."
    elif packed:
        computes["note"] = "On this processor bitsandbytes packs the weights anew at the first step, with scales in bf16, and multiplies in bf16 whatever the compute type."
    elif format not in TYPES:
        computes["note"] = f"Rows are multiplied in {NAMES[compute]}; one row and many rows take different kernels."
    return {"weights": weights, "computes": computes, "stored": stored}


def parts_of(linear):
    """What stores a linear layer's weight, its codes first, and that in words."""
    weight, state = linear.weight, getattr(linear.weight, "quant_state", None)
    if state is not None:
        parts = [weight.data, state.absmax]
        absmax = str(state.absmax.dtype).removeprefix("torch.")
        if state.nested:
            parts += [state.state2.absmax, state.offset.reshape(1)]
            return parts, f"{state.quant_type}, blocks of {state.blocksize}, scales as {absmax} codes in blocks of {state.state2.blocksize}"
        return parts, f"{state.quant_type}, blocks of {state.blocksize}, scales {absmax}"
    codes = getattr(weight, "CB", None)
    if codes is not None:
        return [codes, weight.SCB], "int8, a scale a row"
    return [weight.data], NAMES[weight.dtype]


def main():
    peer = Peer()
    say(**{
        "bitwidth-peer": 1,
        "packages": {name: version_of(name) for name in PACKAGES} | {"python": ".".join(map(str, sys.version_info[:3]))},
        "device": device_words(DEVICE),
        "settings": SETTINGS,
    })
    for line in sys.stdin:
        question = json.loads(line)
        id, ask = question.pop("id"), question.pop("ask")
        try:
            if ask not in ("open", "load", "unload", "logits", "generate", "time", "clock"):
                raise BadInput(f"there is no question {ask}")
            say(id=id, done=getattr(peer, ask)(**question, answer=lambda part: say(id=id, part=part)))
        except (MemoryError, torch.cuda.OutOfMemoryError) as error:
            say(id=id, failed={"code": "out-of-memory", "sentence": f"{type(error).__name__}: {error}"})
        except BadInput as error:
            say(id=id, failed={"code": "bad-input", "sentence": str(error)})
        except Exception as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
            say(id=id, failed={"code": "not-available", "sentence": f"{type(error).__name__}: {error}"})


PACKAGES = ("torch", "transformers", "bitsandbytes", "safetensors", "accelerate", "numpy")
# Arguments: device, type of activations.
DEVICE, SETTINGS = sys.argv[1], {"compute": sys.argv[2]}
if DEVICE == "cuda" and not torch.cuda.is_available():
    print("torch finds no CUDA device", file=sys.stderr, flush=True)
    sys.exit(2)
main()
