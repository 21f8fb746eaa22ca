"""ALBSNN's accuracy loss estimator: which layers stay at full precision (ALBSNN, eqs. 5 to 10).

No training is needed: the estimate looks at the weights alone, so it is exact and instant.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from spynq_train.network import weighted
from spynq_train.planes import three_planes
from spynq_train.presets import ALBSNN_PAPER
from spynq_train.topology import Layer, parse

__all__ = ["CRITERIA", "choose", "estimates", "initial_weights", "paper_choices"]

CRITERIA = ("top-2", "SC1", "SC2", "SC3", "SC4")
"""Names that :func:`choose` knows."""


def estimates(weights: Sequence[Tensor], classes: int, eta: float = 1.0) -> list[float]:
    """``R`` of every layer; the larger, the more the layer loses by binary weights.

    Parameters
    ----------
    weights : sequence of Tensor
        Weights of layers 1 to N, each ``[c_out, c_in, ...]``; two layers at least.
    classes : int
        Number of classes K.
    eta : float
        Factor of the position term (eq. 9).
    """
    count = len(weights)
    if count < 2:
        raise ValueError(f"the estimate compares at least 2 layers, not {count}")
    middle = (count + 1) / 2
    found = []
    for number, w in enumerate(weights, 1):
        lost = (w - three_planes(w)[2]).abs().sum().item()
        a = lost / w.shape[0]
        # Eq. 7 with eq. 8 put in: the same weights seen as one output, and as one input.
        m = a * (math.sqrt(w.shape[0]) - 1 / math.sqrt(w.shape[1])) / 2
        position = 4 * eta / (count - 1) ** 2 * (number - middle) ** 2
        factor = 1.0 if number <= middle else math.log10(classes)
        found.append(factor * position / (a + m) if a + m > 0 else 0.0)
    return found


def choose(values: Sequence[float], criterion: str = "top-2") -> list[int]:
    """Layers (from 1) that keep full precision.

    Parameters
    ----------
    values : sequence of float
        ``R`` of every layer.
    criterion : str
        ``top-2``: the two largest. ``SC1``: above the mean of all. ``SC2``: above the last layer.
        ``SC3``: first, last, and those between them that are above their own mean. ``SC4``: first, last,
        and the one between them that is nearest to that mean.
    """
    if criterion not in CRITERIA:
        raise ValueError(f"unknown criterion {criterion!r}; known criteria are {', '.join(CRITERIA)}")
    numbered = list(enumerate(values, 1))
    if criterion == "top-2":
        return sorted(number for number, _ in sorted(numbered, key=lambda pair: -pair[1])[:2])
    if criterion in ("SC1", "SC2"):
        least = sum(values) / len(values) if criterion == "SC1" else values[-1]
        return [number for number, value in numbered if value > least]
    inner = numbered[1:-1]
    mean = sum(value for _, value in inner) / max(1, len(inner))
    if criterion == "SC3":
        chosen = [number for number, value in inner if value > mean]
    else:
        chosen = [number for number, _ in sorted(inner, key=lambda pair: abs(pair[1] - mean))[:1]]
    return [1, *chosen, len(values)]


def initial_weights(layers: Sequence[Layer], seed: int) -> list[Tensor]:
    """Weights of untrained layers, as PyTorch draws them."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        modules: list[nn.Module] = [weighted(layer, bias=False) for layer in layers]
    return [weight.detach() for module in modules for weight in module.parameters()]


def paper_choices(seed: int = 0) -> dict[str, tuple[list[float], list[int], list[int]]]:
    """``R``, our two layers and the paper's, of its five networks before any training."""
    found = {}
    for name, (network, inputs, classes, printed) in ALBSNN_PAPER.items():
        values = estimates(initial_weights(parse(network, inputs, classes), seed), classes)
        found[name] = (values, choose(values), list(printed))
    return found
