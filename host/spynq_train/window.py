"""Neurons over a whole window from rest: one autograd node per layer, worked through in parts of cache size.

Written as a chain of operations, a layer of neurons reads and writes its maps a dozen times per step, and on
a CPU it is memory that takes the time. Here the time steps of a few samples stay in the cache, and the only
thing kept for the backward pass is the membrane.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from spynq_train.neuron import Neuron

__all__ = ["fire_window"]

_AT_ONCE = 1 << 17
"""Values of one step that are worked on at once: few enough for the caches, many enough for a call."""


def fire_window(current: Tensor, neuron: Neuron, fire: nn.Module) -> Tensor:
    """Spikes of neurons that begin at rest.

    Bit for bit those of the step-by-step layer; gradients go through time and through the reset.

    Parameters
    ----------
    current : Tensor
        Input current ``[T, B, ...]``.
    neuron : Neuron
    fire : torch.nn.Module
        Unit step with a surrogate derivative, called with ``u - threshold``.

    Returns
    -------
    Tensor
        0 and 1, as ``current``.
    """
    function: Any = _Window.apply  # PyTorch leaves it without types
    spikes: Tensor = function(current, neuron, fire)
    return spikes


class _Window(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, current: Tensor, neuron: Neuron, fire: nn.Module) -> Tensor:
        membranes, spikes = torch.empty_like(current), torch.empty_like(current)
        for part in _parts(current):
            _integrate(current[:, part], membranes[:, part], spikes[:, part], neuron)
        context.save_for_backward(membranes)
        context.neuron, context.fire = neuron, fire
        return spikes

    @staticmethod
    @once_differentiable
    def backward(context: Any, *gradients: Any) -> tuple[Tensor, None, None]:
        (membranes,) = context.saved_tensors
        found = torch.empty_like(membranes)
        for part in _parts(membranes):
            _return(membranes[:, part], gradients[0][:, part], found[:, part], context.neuron, context.fire)
        return found, None, None


def _parts(maps: Tensor) -> Iterator[slice]:
    """Samples that are worked on together: all of them on a GPU, which has the bandwidth."""
    samples = maps.shape[1]
    at_once = samples if maps.is_cuda else max(1, _AT_ONCE * samples // max(1, maps[0].numel()))
    for begin in range(0, samples, at_once):
        yield slice(begin, begin + at_once)


def _integrate(current: Tensor, membranes: Tensor, spikes: Tensor, neuron: Neuron) -> None:
    """Membranes before the reset and spikes of a few samples, written into what is given."""
    v: Tensor | None = None
    for drive, u, s in zip(current, membranes, spikes, strict=True):
        if v is None:
            u.copy_(drive)
        else:
            # Two operations: one alone would round once, and the integers and the file's model round twice.
            torch.mul(v, neuron.decay, out=u)
            u += drive
        if neuron.bias:
            u += neuron.bias
        torch.ge(u, neuron.threshold, out=s)
        if neuron.reset == "hard":
            v = torch.addcmul(u, u, s, value=-1)  # u or 0, exactly
            if neuron.reset_to:
                v += neuron.reset_to * s
        else:
            v = u - neuron.removed * s


def _return(u: Tensor, given: Tensor, found: Tensor, neuron: Neuron, fire: nn.Module) -> None:
    """Gradient of the current of a few samples: eq. (1.2) of reward propagation, or (P4), (P5) of TLBPTT."""
    slope = _slope(u - neuron.threshold, fire)
    # Of the next step's membrane by this step's: decay times that of the membrane after the reset.
    if neuron.reset == "hard":  # v = u (1 - s) + reset_to s
        through = torch.lt(u, neuron.threshold, out=torch.empty_like(u))
        through.addcmul_(u, slope, value=-1)
        if neuron.reset_to:
            through.add_(slope, alpha=neuron.reset_to)
        through *= neuron.decay
    else:  # v = u - removed s
        through = slope.mul(-neuron.decay * neuron.removed).add_(neuron.decay)
    torch.mul(given, slope, out=found)
    for t in reversed(range(len(u) - 1)):
        found[t].addcmul_(found[t + 1], through[t])


def _slope(above: Tensor, fire: nn.Module) -> Tensor:
    """Surrogate derivative, by the module's own word or by autograd."""
    own = getattr(fire, "slope", None)
    if own is not None:
        slope: Tensor = own(above)
        return slope
    with torch.enable_grad():
        spikes = fire(above.requires_grad_())
        (slope,) = torch.autograd.grad(spikes, above, torch.ones_like(above))
    return slope
