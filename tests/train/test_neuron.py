"""The neuron that is trained equals the float model that judges the engine; derivatives are what they say."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from spynq.lif.float_model import fire
from spynq.lif.graph import Neuron as GraphNeuron
from spynq_train.lif import LIF, SURROGATES, AnnealedTanh, surrogate_named
from spynq_train.neuron import Neuron

NEURONS = {
    "BRP": Neuron(0.2, 0.5),
    "TLBPTT": Neuron(0.9, 0.5, "soft", subtract=0.5 / 0.9),
    "ALBSNN": Neuron(0.25, 0.5),
    "SNNWM": Neuron(0.6065306597126334, 1.0),
    "soft by the threshold": Neuron(0.5, 0.4, "soft"),
    "reset to a value": Neuron(0.8, 0.7, reset_to=-0.3),
}


@pytest.mark.parametrize("name", NEURONS)
def test_spikes_equal_the_float_model(name: str, seed: int) -> None:
    neuron = NEURONS[name]
    rng = np.random.default_rng(seed)
    # Multiples of 1/64 meet the threshold exactly now and then, so that the tie counts.
    current = rng.integers(-64, 96, (16, 120)) / 64
    graph_neuron = GraphNeuron.uniform(
        120,
        neuron.decay,
        neuron.threshold,
        reset=neuron.reset,
        reset_value=neuron.reset_to,
        subtract=neuron.removed,
    )
    layer = LIF(neuron, surrogate_named("rect"))
    ours = layer(torch.tensor(current[:, None])).numpy()
    theirs, _ = fire(graph_neuron, current[:, None, :, None, None])
    assert theirs.sum() > 0
    np.testing.assert_array_equal(ours, theirs[..., 0, 0])


def test_a_membrane_at_the_threshold_fires() -> None:
    layer = LIF(Neuron(0.5, 0.5), surrogate_named("rect"))
    assert layer(torch.tensor([[0.25], [0.375]])).flatten().tolist() == [0, 1]


def test_soft_reset_subtracts_after_the_leak_as_tlbptt_prints_it(seed: int) -> None:
    """u[t+1] = tau u[t] + I - theta s[t], eq. 1: our subtraction before the leak is theta / tau."""
    rng = np.random.default_rng(seed)
    tau, theta, current = 0.5, 0.25, rng.integers(0, 64, (40, 50)) / 64
    u, s = np.zeros(50), np.zeros(50)
    printed = []
    for drive in current:
        u = tau * u + drive - theta * s
        s = (u >= theta).astype(float)
        printed.append(s)
    layer = LIF(Neuron(tau, theta, "soft", subtract=theta / tau), surrogate_named("rect"))
    np.testing.assert_array_equal(layer(torch.tensor(current)).numpy(), printed)


def _slopes(name: str, width: float, x: torch.Tensor) -> torch.Tensor:
    x = x.clone().requires_grad_()
    surrogate_named(name, width)(x).sum().backward()
    assert x.grad is not None
    return x.grad


@pytest.mark.parametrize("width", [1.0, 0.5])
def test_rectangle_has_area_one_and_its_width(width: float) -> None:
    x = torch.tensor([-0.51, -0.49, -0.26, -0.24, 0.0, 0.24, 0.26, 0.49, 0.51])
    expected = torch.where(x.abs() < width / 2, 1 / width, 0.0)
    torch.testing.assert_close(_slopes("rect", width, x), expected)


def test_gaussian_and_tanh_slopes() -> None:
    x = torch.linspace(-2, 2, 41)
    torch.testing.assert_close(_slopes("gauss", 1, x), torch.exp(-2 * x * x))
    torch.testing.assert_close(_slopes("tanh", 1, x), 0.5 / torch.cosh(x) ** 2)


def test_annealing_begins_and_ends_at_its_bounds() -> None:
    fire = AnnealedTanh(epochs=8, least=1.5, most=12.0)
    fire.at(0)
    assert fire.sharpness == pytest.approx(1.5)
    fire.at(8)
    assert fire.sharpness == pytest.approx(12.0)


@pytest.mark.parametrize("name", SURROGATES)
def test_every_surrogate_is_a_unit_step_forward(name: str) -> None:
    x = torch.tensor([-1.0, -1e-6, 0.0, 1e-6, 1.0])
    assert surrogate_named(name)(x).tolist() == [0, 0, 1, 1, 1]


def test_unknown_surrogate_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"unknown surrogate 'ramp'; known surrogates are rect, gauss"):
        surrogate_named("ramp")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((1.5, 1.0), r"decay must be 0 to 1, not 1.5"),
        ((0.5, 0.0), r"threshold must be a number above 0, not 0"),
        ((0.5, float("nan")), r"threshold must be a number above 0, not nan"),
        ((0.5, 1.0, "slow"), r"reset must be hard or soft, not 'slow'"),
    ],
)
def test_impossible_neurons_are_refused(arguments: tuple[float, float], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Neuron(*arguments)
