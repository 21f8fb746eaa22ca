"""What a learning method is to the training loop, and what all of them share."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from spikingjelly.activation_based import functional
from torch import Tensor, nn

from spynq_train.network import SpikingNetwork
from spynq_train.topology import Layer

__all__ = ["LayerReport", "Method", "layer_reports", "one_hot"]

Copied = TypeVar("Copied", bound="Method")


class Method(nn.Module):
    """A network and the rule that teaches it; everything that a checkpoint must hold is its state.

    Attributes
    ----------
    network : torch.nn.Module
        What is exported and judged.
    classes : int
    """

    network: SpikingNetwork
    classes: int

    @abstractmethod
    def learn(self, x: Tensor, y: Tensor, optimiser: torch.optim.Optimizer) -> float:
        """Take one batch ``[T, B, C, H, W]`` with labels ``[B]``, update, and return the loss."""

    def scores(self, x: Tensor) -> Tensor:
        """Score of every class, ``[B, K]``, without gradients; the largest is the answer."""
        with torch.no_grad():
            return self.network.rates(x)

    def copied(self: Copied) -> Copied:
        """A copy at rest; membranes of the last batch hang on its gradients and cannot be copied."""
        functional.reset_net(self)
        return copy.deepcopy(self)

    def trained(self) -> list[nn.Parameter]:
        """Parameters that the optimiser gets."""
        return [p for p in self.parameters() if p.requires_grad]

    def at_epoch(self, epoch: int) -> None:
        """Told before every epoch, counted from 0."""


def one_hot(y: Tensor, classes: int) -> Tensor:
    """Teaching rates: 1 for the label, 0 else."""
    return nn.functional.one_hot(y, classes).float()


@dataclass(frozen=True)
class LayerReport:
    """What the neurons of a layer do on some samples.

    Attributes
    ----------
    layer : str
    rate : float
        Spikes per neuron and step.
    silent : float
        Share of neurons that send nothing in a sample's window, mean over samples.
    dead : float
        Share that sends nothing in any sample.
    """

    layer: str
    rate: float
    silent: float
    dead: float


def layer_reports(spikes: Sequence[Tensor], layers: Sequence[Layer]) -> list[LayerReport]:
    """Rates and silent neurons of every layer, from its spikes ``[T, B, ...]``."""
    found = []
    for number, (one, layer) in enumerate(zip(spikes, layers, strict=True), 1):
        fired = one.sum(0).flatten(1) > 0
        found.append(
            LayerReport(
                f"{number} {layer.kind} {'x'.join(map(str, layer.outputs))}",
                one.mean().item(),
                1 - fired.float().mean().item(),
                1 - fired.any(0).float().mean().item(),
            )
        )
    return found
