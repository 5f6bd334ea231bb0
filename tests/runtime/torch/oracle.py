"""PyTorch as the oracle of one training run.

oracle.py RUN TOLERANCE: trains the model of RUN/initial (config.json and model.safetensors as Hugging Face has
them) by RUN/run.json, and compares the loss of each step with run.json's, the gradients after clipping with
RUN/gradients<step>, and the weights in the end with RUN/final. Forward passes are written out here from the papers
(Radford et al. 2019; Touvron et al. 2023); backward passes, clipping and AdamW are PyTorch's.
"""
import json
import math
import pathlib
import struct
import sys

import torch
import torch.nn.functional as F


def read_safetensors(path):
    data = path.read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + size])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        assert entry["dtype"] == "F32", name
        begin, end = (8 + size + offset for offset in entry["data_offsets"])
        flat = torch.frombuffer(bytearray(data[begin:end]), dtype=torch.float32)
        tensors[name] = flat.reshape(entry["shape"])
    return tensors


def attention(q, k, v):
    """Causal; q (b, heads, s, d); k and v may have fewer heads, each shared by as many queries."""
    shared = q.shape[1] // k.shape[1]
    k, v = (t.repeat_interleave(shared, dim=1) for t in (k, v))
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    mask = torch.ones(scores.shape[-2:], dtype=torch.bool).tril()
    core = scores.masked_fill(~mask, -math.inf).softmax(-1) @ v
    return core.transpose(1, 2).flatten(2)


def heads(x, count):
    return x.unflatten(-1, (count, -1)).transpose(1, 2)


def gpt2(config, w, ids):
    def norm(x, name):
        return F.layer_norm(x, x.shape[-1:], w[name + ".weight"], w[name + ".bias"], config["layer_norm_epsilon"])

    def linear(x, name):  # Conv1D: (inputs, outputs)
        return torch.addmm(w[name + ".bias"], x.flatten(0, 1), w[name + ".weight"]).unflatten(0, x.shape[:2])

    approximate = "tanh" if config["activation_function"] == "gelu_new" else "none"
    x = w["transformer.wte.weight"][ids] + w["transformer.wpe.weight"][: ids.shape[1]]
    for i in range(config["n_layer"]):
        h = f"transformer.h.{i}."
        qkv = linear(norm(x, h + "ln_1"), h + "attn.c_attn").chunk(3, dim=-1)
        x = x + linear(attention(*(heads(t, config["n_head"]) for t in qkv)), h + "attn.c_proj")
        up = linear(norm(x, h + "ln_2"), h + "mlp.c_fc")
        x = x + linear(F.gelu(up, approximate=approximate), h + "mlp.c_proj")
    return norm(x, "transformer.ln_f") @ w["transformer.wte.weight"].T


def rotary_frequencies(config):
    d = config["head_dim"]
    f = 1 / config["rope_theta"] ** (torch.arange(0, d, 2, dtype=torch.float64) / d)
    scaling = config.get("rope_scaling")
    if not scaling:
        return f
    turns = scaling["original_max_position_embeddings"] * f / (2 * math.pi)
    low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
    kept = ((turns - low) / (high - low)).clamp(0, 1)
    return f * kept + f / scaling["factor"] * (1 - kept)


def rotated(x, frequencies):
    angles = torch.outer(torch.arange(x.shape[-2], dtype=torch.float64), frequencies)
    cos, sin = angles.cos().float(), angles.sin().float()
    a, b = x.chunk(2, dim=-1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1)


def llama(config, w, ids):
    def norm(x, name):
        scale = torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + config["rms_norm_eps"])
        return x * scale * w[name + ".weight"]

    f = rotary_frequencies(config)
    x = w["model.embed_tokens.weight"][ids]
    for i in range(config["num_hidden_layers"]):
        h = f"model.layers.{i}."

        def linear(x, name):
            return F.linear(x, w[h + name + ".weight"], w.get(h + name + ".bias"))

        y = norm(x, h + "input_layernorm")
        q = rotated(heads(linear(y, "self_attn.q_proj"), config["num_attention_heads"]), f)
        k = rotated(heads(linear(y, "self_attn.k_proj"), config["num_key_value_heads"]), f)
        v = heads(linear(y, "self_attn.v_proj"), config["num_key_value_heads"])
        x = x + linear(attention(q, k, v), "self_attn.o_proj")
        y = norm(x, h + "post_attention_layernorm")
        x = x + linear(F.silu(linear(y, "mlp.gate_proj")) * linear(y, "mlp.up_proj"), "mlp.down_proj")
    head = "model.embed_tokens.weight" if config["tie_word_embeddings"] else "lm_head.weight"
    return norm(x, "model.norm") @ w[head].T


class Comparison:
    def __init__(self, tolerance):
        self.tolerance, self.failures, self.worst = tolerance, 0, 0.0

    def close(self, what, ours, theirs, scale):
        difference = (ours - theirs).abs().max().item() / scale
        self.worst = max(self.worst, difference)
        if not difference <= self.tolerance:
            self.failures += 1
            print(f"{what}: differs by {difference:.3g} of {scale:.3g}")

    def all_close(self, what, ours, theirs):
        if ours.keys() != theirs.keys():
            self.failures += 1
            print(f"{what}: other tensors: {sorted(ours.keys() ^ theirs.keys())}")
            return
        # Gradients of key biases are zero but for rounding: a thousandth of the largest is their scale.
        least = max(t.abs().max().item() for t in theirs.values()) / 1000
        for name, tensor in theirs.items():
            self.close(f"{what} {name}", ours[name], tensor, max(tensor.abs().max().item(), least))


def optimizer(weights, run):
    matrices = [p for p in weights.values() if p.dim() > 1]
    vectors = [p for p in weights.values() if p.dim() == 1]
    groups = [{"params": matrices, "weight_decay": run["weight_decay"]}, {"params": vectors, "weight_decay": 0}]
    return torch.optim.AdamW(groups, run["learning_rate"], (run["beta1"], run["beta2"]), run["epsilon"])


def main(directory, tolerance):
    path = pathlib.Path(directory)
    run = json.loads((path / "run.json").read_text())
    config = json.loads((path / "initial" / "config.json").read_text())
    weights = read_safetensors(path / "initial" / "model.safetensors")
    for tensor in weights.values():
        tensor.requires_grad_()
    model = gpt2 if config["model_type"] == "gpt2" else llama
    adamw = optimizer(weights, run)
    comparison = Comparison(tolerance)
    for step, sequences in enumerate(run["tokens"]):
        ids = torch.tensor(sequences)
        logits = model(config, weights, ids[:, :-1])
        loss = F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
        adamw.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(weights.values(), run["clip"])
        gradients = {name: tensor.grad for name, tensor in weights.items()}
        comparison.close(f"loss of step {step}", torch.tensor(run["losses"][step]), loss.detach(), loss.item())
        comparison.close(f"gradient norm of step {step}", torch.tensor(run["norms"][step]), norm, norm.item())
        ours = read_safetensors(path / f"gradients{step}" / "model.safetensors")
        comparison.all_close(f"step {step}, gradient of", ours, gradients)
        adamw.step()
    final = {name: tensor.detach() for name, tensor in weights.items()}
    comparison.all_close("in the end,", read_safetensors(path / "final" / "model.safetensors"), final)
    print(f"largest difference {comparison.worst:.3g}")
    return comparison.failures > 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2])))
