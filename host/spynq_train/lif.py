"""The neuron of :mod:`spynq_train.neuron` as PyTorch trains it, on spikingjelly's base class."""

from __future__ import annotations

import math
from typing import Any

import torch
from spikingjelly.activation_based import surrogate
from spikingjelly.activation_based.neuron.base_node import SimpleBaseNode
from torch import Tensor, nn

from spynq_train.neuron import Neuron
from spynq_train.window import fire_window

__all__ = ["LIF", "SURROGATES", "AnnealedTanh", "Gaussian", "Rectangle", "surrogate_named"]


class _FireGaussian(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, x: Tensor) -> Tensor:
        context.save_for_backward(x)
        return (x >= 0).to(x)

    @staticmethod
    def backward(context: Any, *gradients: Any) -> Tensor:
        (x,) = context.saved_tensors
        slope: Tensor = gradients[0] * torch.exp(-2 * x * x)
        return slope


class Gaussian(nn.Module):
    """Unit step with the derivative ``exp(-2 x^2)`` (SNNWM, eq. 10)."""

    def forward(self, x: Tensor) -> Tensor:
        """Spikes of ``x = u - threshold``."""
        fire: Any = _FireGaussian.apply  # PyTorch leaves it without types
        spikes: Tensor = fire(x)
        return spikes


class _FireRectangle(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, x: Tensor, width: float) -> Tensor:
        context.save_for_backward(x)
        context.width = width
        return _where(torch.ge, x, 0.0)

    @staticmethod
    def backward(context: Any, *gradients: Any) -> tuple[Tensor, None]:
        (x,) = context.saved_tensors
        return _inside(x.abs(), context.width).mul_(gradients[0]), None


def _where(compare: Any, x: Tensor, limit: float) -> Tensor:
    """0 and 1 as floats: written at once, six times as fast on a CPU as by way of booleans."""
    found: Tensor = compare(x, limit, out=torch.empty_like(x))
    return found


def _inside(distance: Tensor, width: float) -> Tensor:
    found = _where(torch.lt, distance, width / 2)
    return found if width == 1 else found.div_(width)


class Rectangle(nn.Module):
    """Unit step with the derivative ``1/width`` where ``|x| < width/2``."""

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        self.width = width

    def forward(self, x: Tensor) -> Tensor:
        """Spikes of ``x = u - threshold``."""
        fire: Any = _FireRectangle.apply
        spikes: Tensor = fire(x, self.width)
        return spikes

    def slope(self, x: Tensor) -> Tensor:
        """The derivative alone; ``x`` is used up."""
        return _inside(x.abs_(), self.width)


class _FireTanh(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, x: Tensor, sharpness: float) -> Tensor:
        context.save_for_backward(x)
        context.sharpness = sharpness
        return (x >= 0).to(x)

    @staticmethod
    def backward(context: Any, *gradients: Any) -> tuple[Tensor, None]:
        (x,) = context.saved_tensors
        k = context.sharpness
        return gradients[0] * 0.5 * k / torch.cosh((k * x).clamp(-40, 40)) ** 2, None


class AnnealedTanh(nn.Module):
    """Unit step with the derivative of ``0.5 tanh(K x) + 0.5``, K rising from epoch to epoch (IM-Loss).

    Parameters
    ----------
    epochs : int
        Epochs N over which K rises; :meth:`at` sets the present one.
    least, most : float
        K at the beginning and at the end.
    """

    def __init__(self, epochs: int, least: float = 1.0, most: float = 10.0) -> None:
        super().__init__()
        self.epochs, self.least, self.most = epochs, least, most
        self.sharpness = least

    def at(self, epoch: int) -> None:
        """Set K to ``[(10^(i/N) - 1) most + (10 - 10^(i/N)) least] / 9``."""
        share = math.pow(10.0, epoch / self.epochs)
        self.sharpness = ((share - 1) * self.most + (10 - share) * self.least) / 9

    def forward(self, x: Tensor) -> Tensor:
        """Spikes of ``x = u - threshold``."""
        fire: Any = _FireTanh.apply
        spikes: Tensor = fire(x, self.sharpness)
        return spikes


SURROGATES = ("rect", "gauss", "atan", "fast-sigmoid", "tanh")
"""Names that :func:`surrogate_named` knows."""


def surrogate_named(name: str, width: float = 1.0) -> nn.Module:
    """Derivative of the unit step, by name.

    Parameters
    ----------
    name : str
        One of :data:`SURROGATES`: ``rect`` is ``1/width`` where ``|u - threshold| < width/2``.
    width : float
        Width of ``rect``; the others have none.
    """
    made: dict[str, Any] = {
        "rect": lambda: Rectangle(width),
        "gauss": Gaussian,
        "atan": lambda: surrogate.ATan(alpha=2.0),
        "fast-sigmoid": lambda: surrogate.SuperSpike(alpha=1.0),
        "tanh": lambda: AnnealedTanh(epochs=10),
    }
    if name not in made:
        raise ValueError(f"unknown surrogate {name!r}; known surrogates are {', '.join(SURROGATES)}")
    module: nn.Module = made[name]()
    return module


class LIF(SimpleBaseNode):
    """Leaky integrate-and-fire layer; its state stays from call to call until it is reset.

    The gradient flows through the reset, as in the papers' own code.

    Parameters
    ----------
    neuron : Neuron
    fire : torch.nn.Module
        Unit step with a surrogate derivative, called with ``u - threshold``.
    whole : bool
        Every call is a whole window that begins at rest and leaves no state: faster, and less is kept.
    """

    def __init__(self, neuron: Neuron, fire: nn.Module, *, whole: bool = False) -> None:
        super().__init__(v_threshold=neuron.threshold, surrogate_function=fire, step_mode="m")
        self.neuron, self.whole = neuron, whole

    v: Any  # 0.0 at rest, a tensor from the first step on

    def neuronal_charge(self, x: Tensor) -> None:
        """Leak, then integrate."""
        self.v = self.neuron.decay * self.v + x + self.neuron.bias

    def neuronal_reset(self, spike: Tensor) -> None:
        """Hard to a value, or soft by subtraction."""
        if self.neuron.reset == "hard":
            self.v = self.v * (1 - spike) + self.neuron.reset_to * spike
        else:
            self.v = self.v - self.neuron.removed * spike

    def multi_step_forward(self, x_seq: Tensor) -> Tensor:
        """Spikes of the steps ``[T, B, ...]``."""
        if self.whole:
            return fire_window(x_seq, self.neuron, self.surrogate_function)
        spikes: Tensor = super().multi_step_forward(x_seq)
        return spikes
