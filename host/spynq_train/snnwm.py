"""Working memory by delayed synapses: a neuron judges a piece of the spike train instead of one step.

The delayed weights are a spatial matrix times a short vector over time, ``w_k w_ij``. The overlapping form
sums the last ``L`` steps in every step (eq. 6); the segment form sums each segment of ``L`` steps once and
feeds the result for the length of the segment (eq. 7, repaired). Temporal fusion reads the answer out of
all steps without a spike (eq. 9).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from spynq_train.method import Method
from spynq_train.network import Block, SpikingNetwork
from spynq_train.neuron import Neuron
from spynq_train.topology import Layer

__all__ = ["FORMS", "FusionBlock", "MemoryBlock", "WorkingMemory", "memory_network"]

FORMS = ("overlapping", "segment")
"""Forms of the memory."""


class MemoryBlock(Block):
    """A block whose current is a weighted sum over ``memory`` steps.

    Before the first step there is silence, which the norm shifts like any other step.
    """

    def __init__(
        self,
        layer: Layer,
        neuron: Neuron,
        surrogate: nn.Module,
        *,
        memory: int,
        form: str,
        norm: bool = True,
        bias: bool = False,
    ) -> None:
        super().__init__(layer, neuron, surrogate, norm=norm, bias=bias)
        self.form = form
        self.taps = nn.Parameter(torch.full((memory,), 1 / math.sqrt(memory)))

    def current(self, x: Tensor) -> Tensor:
        """Weighted sum of the currents of ``memory`` steps."""
        length = len(self.taps)
        if self.form == "segment":
            currents = super().current(x)
            segments = currents.reshape(-1, length, *currents.shape[1:])
            return torch.einsum("nl...,l->n...", segments, self.taps).repeat_interleave(length, 0)
        silence = x.new_zeros((length - 1, *x.shape[1:]))
        currents = super().current(torch.cat([silence, x]))
        total = torch.zeros_like(currents[: len(x)])
        for delay, tap in enumerate(self.taps):
            begin = length - 1 - delay
            total = total + tap * currents[begin : begin + len(x)]
        return total


class FusionBlock(Block):
    """The answer as a weighted sum of all steps' currents; it sends no spikes."""

    spiking = False

    def __init__(
        self, layer: Layer, neuron: Neuron, surrogate: nn.Module, *, steps: int, norm: bool = True
    ) -> None:
        super().__init__(layer, neuron, surrogate, norm=norm, bias=False)
        self.taps = nn.Parameter(torch.full((steps,), 1 / math.sqrt(steps)))

    def fire(self, x: Tensor) -> Tensor:
        """``[1, B, K]``, real numbers."""
        return torch.einsum("t...,t->...", self.current(x), self.taps).unsqueeze(0)


def memory_network(
    layers: Sequence[Layer],
    neuron: Neuron,
    surrogate: nn.Module,
    *,
    steps: int,
    memory: int,
    form: Literal["overlapping", "segment"] = "segment",
    fusion: bool = True,
) -> SpikingNetwork:
    """Network of :class:`MemoryBlock`, ended by a :class:`FusionBlock` or by spikes.

    Parameters
    ----------
    layers : sequence of Layer
    neuron : Neuron
    surrogate : torch.nn.Module
    steps : int
        Time steps T.
    memory : int
        Length L of the memory, 1 (none) to T; the segment form needs a divisor of T.
    form : {"segment", "overlapping"}
    fusion : bool
        Read out by temporal fusion, else by the mean rate.
    """
    if form not in FORMS:
        raise ValueError(f"unknown form {form!r}; known forms are {', '.join(FORMS)}")
    if not 1 <= memory <= steps:
        raise ValueError(f"the memory must be 1 to the {steps} time steps long, not {memory}")
    if form == "segment" and steps % memory:
        raise ValueError(
            f"segments of {memory} steps do not fill the {steps} time steps; take a divisor, or the "
            "overlapping form"
        )
    network = SpikingNetwork([], neuron)
    network.layers = tuple(layers)
    blocks: list[Block] = [
        MemoryBlock(layer, neuron, surrogate, memory=memory, form=form) for layer in layers
    ]
    if fusion:
        blocks[-1] = FusionBlock(layers[-1], neuron, surrogate, steps=steps)
    network.blocks = nn.ModuleList(blocks)
    return network


class WorkingMemory(Method):
    """Trained end to end through time on the cross-entropy of its answer (STBP)."""

    def __init__(self, network: SpikingNetwork, classes: int) -> None:
        super().__init__()
        self.network, self.classes = network, classes

    def learn(self, x: Tensor, y: Tensor, optimiser: torch.optim.Optimizer) -> float:
        """One update."""
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(self.network.rates(x), y)
        torch.autograd.backward(loss)
        optimiser.step()
        return loss.item()
