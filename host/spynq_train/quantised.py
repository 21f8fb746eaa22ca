"""Fewer bits: batch normalisation folded into the weights, weights trained through their quantiser."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from spikingjelly.activation_based import functional
from torch import Tensor, nn
from torch.nn.utils import parametrize

from spynq.lif.weights import best_scales

__all__ = ["QuantisedWeight", "fold_batch_norm", "quantise_weights"]


def fold_batch_norm(net: nn.Sequential) -> nn.Sequential:
    """A copy in which every batch normalisation is part of the convolution or linear layer before it.

    ``W' = W gamma / sqrt(var + eps)``, ``b' = (b - mean) gamma / sqrt(var + eps) + beta``, with the running
    mean and variance; the bias counts in every step.
    """
    kept: list[nn.Module] = []
    for module in _copy(net).eval():
        if not isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            kept.append(module)
            continue
        before = kept[-1] if kept else None
        if not isinstance(before, nn.Conv1d | nn.Conv2d | nn.Linear):
            raise ValueError(f"batch normalisation stands behind {before!r}, not behind a layer with weights")
        assert module.running_var is not None and module.running_mean is not None
        factor = module.weight / torch.sqrt(module.running_var + module.eps)
        bias = torch.zeros_like(factor) if before.bias is None else before.bias
        with torch.no_grad():
            before.weight.mul_(factor.reshape(-1, *[1] * (before.weight.ndim - 1)))
            before.bias = nn.Parameter((bias - module.running_mean) * factor + module.bias)
    return nn.Sequential(*kept)


def _copy(net: nn.Sequential) -> nn.Sequential:
    # Membranes of the last batch hang on its gradients and cannot be copied.
    functional.reset_net(net)
    return copy.deepcopy(net)


class QuantisedWeight(nn.Module):
    """Weights as the engine will hold them, in training: rounded forward, straight through backward.

    Parameters
    ----------
    weight : Tensor
        Sets the scale of each output channel once, by :func:`spynq.lif.weights.best_scales`.
    bits : int
        1 to 8; 1 means -1 and +1, 2 means -1, 0 and +1.
    shared : bool
        One scale for all channels, as a layer has that is read by its membranes.
    """

    scale: Tensor

    def __init__(self, weight: Tensor, bits: int, shared: bool = False) -> None:
        super().__init__()
        flat = weight.detach().numpy().reshape(1 if shared else len(weight), -1).astype(np.float64)
        scale = best_scales(flat, bits).astype(np.float32).repeat(len(weight) if shared else 1)
        self.register_buffer("scale", torch.from_numpy(scale).reshape(-1, *[1] * (weight.ndim - 1)))
        self.bits = bits

    def forward(self, weight: Tensor) -> Tensor:
        """Weights on the grid; the gradient stops where they are clipped."""
        most = (1 << max(self.bits - 1, 1)) - 1
        units = weight / self.scale
        if self.bits == 1:
            grid, held = torch.where(units >= 0, 1.0, -1.0), units.clamp(-1, 1)
        else:
            held = units.clamp(-most, most)
            grid = held.round()
        units = held + (grid - held).detach()
        return units * self.scale

    def right_inverse(self, weight: Tensor) -> Tensor:
        """The weight itself, so that training goes on from it."""
        return weight


def quantise_weights(net: nn.Sequential, bits: int) -> nn.Sequential:
    """A copy whose weights go through :class:`QuantisedWeight`; train it on, then export it as any other."""
    if not 1 <= bits <= 8:
        raise ValueError(f"weights have 1 to 8 bits, not {bits}")
    tuned = _copy(net)
    for index, module in enumerate(tuned):
        if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Linear):
            quantiser: Any = QuantisedWeight(module.weight, bits, shared=index == len(tuned) - 1)
            parametrize.register_parametrization(module, "weight", quantiser)
    return tuned
