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
from spikingjelly.activation_based import functional
from torch import Tensor, nn

from spynq_train.method import Method
from spynq_train.network import Block, SpikingNetwork, pooled
from spynq_train.neuron import Neuron
from spynq_train.topology import Layer

__all__ = ["FORMS", "LOSSES", "NORMS", "FusionBlock", "MemoryBlock", "WorkingMemory", "memory_network"]

FORMS = ("overlapping", "segment")
"""Forms of the memory."""
LOSSES = ("cross-entropy", "tet")
NORMS = ("bn", "tdbn")
"""Batch normalisation over batch and time; ``tdbn`` starts with currents as wide as the threshold."""


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
    norm: str = "bn",
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
    norm : str
        One of :data:`NORMS`.
    """
    if norm not in NORMS:
        raise ValueError(f"norm must be one of {', '.join(NORMS)}, not {norm!r}")
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
    if norm == "tdbn":
        for block in blocks:
            nn.init.constant_(block.norm.get_parameter("weight"), neuron.threshold)
    return network


class WorkingMemory(Method):
    """Trained end to end through time on the cross-entropy of its answer (STBP).

    Parameters
    ----------
    network : SpikingNetwork
    classes : int
    loss : {"cross-entropy", "tet"}
        Of the mean answer, or the mean of every step's (temporal efficient training), which a network with
        temporal fusion does not have.
    sparsity : float
        Weight of the spikes per neuron and step, mean over layers, in what is trained on.
    """

    def __init__(
        self, network: SpikingNetwork, classes: int, *, loss: str = "cross-entropy", sparsity: float = 0.0
    ) -> None:
        super().__init__()
        if loss not in LOSSES:
            raise ValueError(f"loss must be one of {', '.join(LOSSES)}, not {loss!r}")
        if loss == "tet" and not network.chain[-1].spiking:
            raise ValueError("tet judges every step, and temporal fusion has one answer; add --mean-rate")
        if not sparsity >= 0:
            raise ValueError(f"sparsity must be 0 or more, not {sparsity:g}")
        self.network, self.classes, self.loss, self.sparsity = network, classes, loss, sparsity

    def learn(self, x: Tensor, y: Tensor, optimiser: torch.optim.Optimizer) -> float:
        """One update."""
        optimiser.zero_grad()
        self.network.rest()
        rates = []
        for block in self.network.chain:
            x = block.fire(x)
            if block.spiking:
                rates.append(x.mean())
            x = pooled(block.layer.pool, x)
        answers = x.flatten(3).mean(3) if x.dim() > 3 else x
        if self.loss == "tet":
            loss = functional.loss.temporal_efficient_training_cross_entropy(answers, y)
        else:
            loss = nn.functional.cross_entropy(answers.mean(0), y)
        torch.autograd.backward(loss + self.sparsity * torch.stack(rates).mean() if self.sparsity else loss)
        optimiser.step()
        return float(loss.item())
