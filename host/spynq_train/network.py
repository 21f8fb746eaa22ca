"""A spiking network of blocks: weights, optional norm, neurons, optional pool."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from spikingjelly.activation_based import functional
from torch import Tensor, nn

from spynq_train.lif import LIF, surrogate_named
from spynq_train.neuron import Neuron
from spynq_train.topology import Layer, Pool

__all__ = ["Block", "SpikingNetwork", "pooled", "set_gain", "weighted"]


def weighted(layer: Layer, bias: bool) -> nn.Conv2d | nn.Linear:
    """Convolution or full layer with PyTorch's own initialisation."""
    if layer.kind == "full":
        return nn.Linear(math.prod(layer.inputs), layer.outputs[0], bias=bias)
    return nn.Conv2d(layer.inputs[0], layer.outputs[0], layer.kernel, layer.stride, layer.padding, bias=bias)


def pooled(pool: Pool | None, spikes: Tensor) -> Tensor:
    """Pool maps ``[T, B, C, H, W]``."""
    if pool is None:
        return spikes
    maps = spikes.flatten(0, 1)
    if pool.kind == "max":
        maps = nn.functional.max_pool2d(maps, pool.size)
    else:
        maps = nn.functional.avg_pool2d(maps, pool.size)
        if pool.kind == "sum":
            maps = maps * math.prod(pool.size)
    return maps.reshape(*spikes.shape[:2], *maps.shape[1:])


class Block(nn.Module):
    """One layer with its neurons; the state stays from call to call until it is reset.

    Parameters
    ----------
    layer : Layer
    neuron : Neuron
    surrogate : torch.nn.Module
        Unit step with its derivative.
    norm : bool
        Batch normalisation of the current, over batch and time.
    bias : bool
        Weights have a bias.
    whole : bool
        As of :class:`spynq_train.lif.LIF`: no state is kept from call to call.

    Attributes
    ----------
    spiking : bool
        It sends spikes.
    """

    spiking = True

    def __init__(
        self,
        layer: Layer,
        neuron: Neuron,
        surrogate: nn.Module,
        *,
        norm: bool = False,
        bias: bool = True,
        whole: bool = False,
    ) -> None:
        super().__init__()
        self.layer = layer
        self.weights = weighted(layer, bias)
        if whole:
            # Channels last, and the maps follow: two to seven times as fast on a CPU. Where states are
            # kept from step to step it would keep some maps twice.
            self.weights.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        channels = layer.outputs[0]
        self.norm: nn.Module = nn.Identity()
        if norm:
            self.norm = nn.BatchNorm1d(channels) if layer.kind == "full" else nn.BatchNorm2d(channels)
        self.neurons = LIF(neuron, surrogate, whole=whole)

    def weight(self) -> Tensor:
        """Weights that the forward pass uses."""
        return self.weights.weight

    def current(self, x: Tensor) -> Tensor:
        """Input current of ``x``, ``[T, B, C, H, W]`` in and out (``[T, B, C]`` of a full layer)."""
        maps = x.flatten(2) if self.layer.kind == "full" else x
        folded = maps.flatten(0, 1)
        if isinstance(self.weights, nn.Conv2d):
            w = self.weights
            made = nn.functional.conv2d(folded, self.weight(), w.bias, w.stride, w.padding)
        else:
            made = nn.functional.linear(folded, self.weight(), self.weights.bias)
        normed: Tensor = self.norm(made)
        return normed.reshape(*x.shape[:2], *normed.shape[1:])

    def fire(self, x: Tensor) -> Tensor:
        """Spikes before the pool."""
        spikes: Tensor = self.neurons(self.current(x))
        return spikes

    def forward(self, x: Tensor) -> Tensor:
        """Spikes behind the pool."""
        return pooled(self.layer.pool, self.fire(x))


class SpikingNetwork(nn.Module):
    """Blocks in a row; the last block's spikes are the answer.

    Parameters
    ----------
    layers : sequence of Layer
    neuron : Neuron
    surrogate : str
        Name known to :func:`spynq_train.lif.surrogate_named`.
    width : float
        Width of the rectangle, where it is one.
    norm, bias, whole : bool
        As of :class:`Block`.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        neuron: Neuron,
        *,
        surrogate: str = "rect",
        width: float = 1.0,
        norm: bool = False,
        bias: bool = True,
        whole: bool = False,
        block: type[Block] = Block,
    ) -> None:
        super().__init__()
        self.layers, self.neuron = tuple(layers), neuron
        self.blocks = nn.ModuleList(
            block(layer, neuron, surrogate_named(surrogate, width), norm=norm, bias=bias, whole=whole)
            for layer in layers
        )

    @property
    def chain(self) -> list[Block]:
        """The blocks in their order."""
        return [block for block in self.blocks if isinstance(block, Block)]

    def forward(self, x: Tensor) -> Tensor:
        """Spikes of the last layer, ``[T, B, ...]``, from a state of rest."""
        self.rest()
        for block in self.chain:
            x = block(x)
        return x

    def rates(self, x: Tensor) -> Tensor:
        """Mean spikes of every class: over time, and over the map of a ``GAP``; ``[B, K]``."""
        spikes: Tensor = self(x).mean(0)
        return spikes.flatten(2).mean(2) if spikes.dim() > 2 else spikes

    def rest(self) -> None:
        """Set every membrane to 0."""
        functional.reset_net(self)

    def layer_spikes(self, x: Tensor) -> list[Tensor]:
        """Spikes of every layer that sends some, before its pool, without gradients."""
        self.rest()
        with torch.no_grad():
            found = []
            for block in self.chain:
                spikes = block.fire(x)
                if block.spiking:
                    found.append(spikes)
                x = pooled(block.layer.pool, spikes)
        return found


def set_gain(network: nn.Module, gain: float, generator: torch.Generator | None = None) -> None:
    """Draw every weight uniformly within ``gain * sqrt(3 / fan_in)``, and set every bias to 0.

    PyTorch's own initialisation has gain 0.58.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            bound = gain * math.sqrt(3 / module.weight[0].numel())
            nn.init.uniform_(module.weight, -bound, bound, generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
