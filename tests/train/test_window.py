"""Neurons over a whole window: the step-by-step layer's bits, its gradients, and less memory."""

from __future__ import annotations

import ctypes
import sys

import pytest
import torch
from torch import Tensor

from spynq_train import heap, window
from spynq_train.lif import LIF, SURROGATES, Rectangle, surrogate_named
from spynq_train.memory import count_saved
from spynq_train.neuron import Neuron

NEURONS = {
    "hard": Neuron(0.2, 0.5),
    "hard, to a value, with a bias": Neuron(0.6, 1.0, reset_to=0.1, bias=0.03),
    "soft": Neuron(0.9, 0.5, "soft", subtract=0.5 / 0.9),
}


def _both(neuron: Neuron, surrogate: str, x: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Spikes and gradients of the layer step by step, and as one window."""
    found = []
    given = torch.randn(x.shape, generator=torch.Generator().manual_seed(4))
    for whole in (False, True):
        layer = LIF(neuron, surrogate_named(surrogate), whole=whole)
        current = x.clone().requires_grad_()
        spikes = layer(current)
        torch.autograd.backward(spikes, given)
        assert current.grad is not None
        found.append((spikes.detach(), current.grad))
    return found


@pytest.mark.parametrize("name", NEURONS)
@pytest.mark.parametrize("surrogate", SURROGATES)
@pytest.mark.parametrize("at_once", [1, 64, 1 << 17])
def test_a_window_equals_its_steps(
    name: str, surrogate: str, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window, "_AT_ONCE", at_once)
    x = 0.6 * torch.randn(7, 5, 3, 4, 4, generator=torch.Generator().manual_seed(3))
    x[0, :, 0] = NEURONS[name].threshold - NEURONS[name].bias  # a tie fires
    (spikes, gradient), (ours, own) = _both(NEURONS[name], surrogate, x)
    assert 0.05 < spikes.mean() < 0.95
    assert torch.equal(spikes, ours)
    torch.testing.assert_close(own, gradient, rtol=1e-5, atol=1e-6)


def test_maps_may_lie_channels_last() -> None:
    x = 0.6 * torch.randn(6, 3, 4, 4).to(memory_format=torch.channels_last)
    x = x.view(2, 3, 3, 4, 4)
    (spikes, gradient), (ours, own) = _both(NEURONS["hard"], "rect", x)
    assert torch.equal(spikes, ours)
    torch.testing.assert_close(own, gradient)


def test_only_the_membrane_is_kept() -> None:
    x = torch.randn(8, 4, 10, requires_grad=True)
    kept = []
    for whole in (False, True):
        layer = LIF(NEURONS["hard"], Rectangle(), whole=whole)
        with count_saved(layer) as saved:
            spikes = layer(x)
            kept.append(saved.now)
        assert spikes.requires_grad
    assert kept[1] == 4 * x.numel()
    assert 2 * kept[1] < kept[0]


def test_a_window_leaves_no_state() -> None:
    layer = LIF(NEURONS["hard"], Rectangle(), whole=True)
    x = torch.full((3, 2, 4), 0.3)
    assert torch.equal(layer(x), layer(x))
    assert layer.v == 0.0


@pytest.mark.parametrize("width", [0.5, 1.0, 2.0])
def test_the_rectangle(width: float) -> None:
    x = torch.tensor([-width, -width / 2, -0.01, 0.0, width / 2, width], requires_grad=True)
    spikes = Rectangle(width)(x)
    assert spikes.tolist() == [0, 0, 0, 1, 1, 1]
    torch.autograd.backward(spikes, torch.full_like(spikes, 3.0))
    assert x.grad is not None
    # The border is outside, as in eq. (P6).
    assert x.grad.tolist() == pytest.approx([0, 0, 3 / width, 3 / width, 0, 0])


def test_memory_is_kept_where_the_c_library_can(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    class Library:
        def mallopt(self, what: int, value: int) -> int:
            asked.append((what, value))
            return 1

    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(ctypes, "CDLL", lambda name: Library())
    assert heap.keep_freed_memory()
    assert asked == [(-4, 0), (-1, 2**31 - 1)]
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    assert not heap.keep_freed_memory()
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not heap.keep_freed_memory()
