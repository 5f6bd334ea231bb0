"""PyTorch's side of train_bench.cc: the same model, forward pass of tests/runtime/torch/oracle.py. Prints a
step's median seconds, and those of its processors. train_bench.py STEPS"""
import pathlib
import statistics
import sys
import time

import torch
import torch.nn.functional as F

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "runtime" / "torch"))
import oracle  # noqa: E402

LAYERS, HIDDEN, HEADS, SEQUENCE, BATCH, VOCAB = 6, 384, 6, 256, 8, 8192
CONFIG = {"n_layer": LAYERS, "n_head": HEADS, "activation_function": "gelu", "layer_norm_epsilon": 1e-5}
RUN = {"weight_decay": 0.1, "learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.95, "epsilon": 1e-8}


def initial():
    def linear(name, inputs, outputs):
        return {name + ".weight": 0.02 * torch.randn(inputs, outputs), name + ".bias": torch.zeros(outputs)}

    def norm(name):
        return {name + ".weight": torch.ones(HIDDEN), name + ".bias": torch.zeros(HIDDEN)}

    w = {"transformer.wte.weight": 0.02 * torch.randn(VOCAB, HIDDEN)}
    w["transformer.wpe.weight"] = 0.02 * torch.randn(SEQUENCE, HIDDEN)
    for i in range(LAYERS):
        h = f"transformer.h.{i}."
        w |= norm(h + "ln_1") | linear(h + "attn.c_attn", HIDDEN, 3 * HIDDEN)
        w |= linear(h + "attn.c_proj", HIDDEN, HIDDEN) | norm(h + "ln_2")
        w |= linear(h + "mlp.c_fc", HIDDEN, 4 * HIDDEN) | linear(h + "mlp.c_proj", 4 * HIDDEN, HIDDEN)
    return w | norm("transformer.ln_f")


def main(steps):
    weights = {name: tensor.requires_grad_() for name, tensor in initial().items()}
    adamw = oracle.optimizer(weights, RUN)
    seconds, processors = [], []
    for step in range(-2, steps):
        ids = torch.randint(VOCAB, (BATCH, SEQUENCE + 1))
        begin, ticks = time.perf_counter(), time.process_time()
        logits = oracle.gpt2(CONFIG, weights, ids[:, :-1])
        loss = F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
        adamw.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights.values(), 1.0)
        adamw.step()
        if step >= 0:
            seconds.append(time.perf_counter() - begin)
            processors.append(time.process_time() - ticks)
    print(statistics.median(seconds), statistics.median(processors))


if __name__ == "__main__":
    main(int(sys.argv[1]))
