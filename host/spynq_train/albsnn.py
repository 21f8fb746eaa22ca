"""ALBSNN: weights as three scaled bit planes, except in the layers that lose most by it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from spynq_train.ale import choose, estimates
from spynq_train.method import Method, one_hot
from spynq_train.network import Block, SpikingNetwork
from spynq_train.neuron import Neuron
from spynq_train.planes import straight_through, three_planes
from spynq_train.topology import Layer

__all__ = ["KEEP", "AdaptiveBinary", "PlanesBlock"]

KEEP = ("ale", "none", "ends", "all")
"""Which layers keep full precision: those of the estimate, none (BSNN), first and last, or all."""


class PlanesBlock(Block):
    """A block whose forward pass uses three bit planes unless it is told to keep full precision.

    Attributes
    ----------
    full : Tensor of bool
        Keep full precision.
    removed : Tensor of uint8
        Plane (from 1) that weight optimisation took away from each weight; 0 is none.
    """

    full: Tensor
    removed: Tensor

    def __init__(
        self,
        layer: Layer,
        neuron: Neuron,
        surrogate: nn.Module,
        *,
        norm: bool = True,
        bias: bool = False,
        whole: bool = False,
    ) -> None:
        super().__init__(layer, neuron, surrogate, norm=norm, bias=bias, whole=whole)
        self.register_buffer("full", torch.tensor(False))
        self.register_buffer("removed", torch.zeros(self.weights.weight.shape, dtype=torch.uint8))

    def binary(self) -> Tensor:
        """The sum of planes, less what was removed; no gradients."""
        planes, alpha, total = three_planes(self.weights.weight)
        for number in range(3):
            total = total - (self.removed == number + 1) * alpha[number] * planes[number]
        return total

    def weight(self) -> Tensor:
        """Weights of the forward pass, with the gradient of the full ones (straight-through)."""
        shadow: Tensor = self.weights.weight
        return shadow if bool(self.full) else straight_through(shadow, self.binary())


class AdaptiveBinary(Method):
    """A network of :class:`PlanesBlock`, trained on the mean squared error of its rates.

    Parameters
    ----------
    network : SpikingNetwork
        Of planes blocks.
    classes : int
    keep : str
        One of :data:`KEEP`.
    criterion : str
        Of ``ale``, one of :data:`spynq_train.ale.CRITERIA`.
    loss : {"mse", "cross-entropy"}
    """

    def __init__(
        self,
        network: SpikingNetwork,
        classes: int,
        *,
        keep: str = "ale",
        criterion: str = "top-2",
        loss: Literal["mse", "cross-entropy"] = "mse",
    ) -> None:
        super().__init__()
        if keep not in KEEP:
            raise ValueError(f"keep must be one of {', '.join(KEEP)}, not {keep!r}")
        choose([1.0, 0.0], criterion)  # refuses a name that is not known before training begins
        if loss not in ("mse", "cross-entropy"):
            raise ValueError(f"loss must be mse or cross-entropy, not {loss!r}")
        self.network, self.classes, self.keep, self.criterion, self.loss = (
            network,
            classes,
            keep,
            criterion,
            loss,
        )
        self.mark()

    @property
    def planes(self) -> list[PlanesBlock]:
        """The blocks."""
        return [block for block in self.network.blocks if isinstance(block, PlanesBlock)]

    def full_layers(self) -> list[int]:
        """Layers (from 1) that are at full precision now."""
        return [number for number, block in enumerate(self.planes, 1) if bool(block.full)]

    def mark(self) -> None:
        """Choose the layers of full precision from the weights as they are."""
        count = len(self.planes)
        if self.keep == "ale":
            weights = [block.weights.weight.detach() for block in self.planes]
            chosen: Sequence[int] = choose(estimates(weights, self.classes), self.criterion)
        else:
            chosen = {"none": [], "ends": [1, count], "all": range(1, count + 1)}[self.keep]
        for number, block in enumerate(self.planes, 1):
            block.full.fill_(number in chosen)

    def objective(self, x: Tensor, y: Tensor) -> Tensor:
        """Loss of a batch."""
        rates = self.network.rates(x)
        if self.loss == "mse":
            return nn.functional.mse_loss(rates, one_hot(y, self.classes))
        return nn.functional.cross_entropy(rates, y)

    def learn(self, x: Tensor, y: Tensor, optimiser: torch.optim.Optimizer) -> float:
        """Choose the layers, then one update."""
        self.mark()
        return self.update(x, y, optimiser)

    def update(self, x: Tensor, y: Tensor, optimiser: torch.optim.Optimizer) -> float:
        """One update with the layers as they are chosen."""
        optimiser.zero_grad()
        loss = self.objective(x, y)
        torch.autograd.backward(loss)
        optimiser.step()
        return loss.item()

    def stored_bits(self) -> float:
        """Bits per weight as the paper counts: 3 of a binarised one, 32 of a full one."""
        sizes = [block.weights.weight.numel() for block in self.planes]
        bits = [32 if bool(block.full) else 3 for block in self.planes]
        return sum(s * b for s, b in zip(sizes, bits, strict=True)) / sum(sizes)
