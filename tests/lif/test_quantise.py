"""Integers of a network: grids, thresholds, formats, and how near the golden model comes to the float one."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from spynq.lif import CompiledNetwork, LifError
from spynq.lif import load as load_for
from spynq.lif.codes import Leak, WeightFormat
from spynq.lif.graph import (
    Conv,
    Flatten,
    Graph,
    Input,
    Linear,
    Neuron,
    Node,
    Output,
    Pool,
    Scale,
    Taps,
    sequence,
)
from spynq.lif.layers import Neuron as IntegerNeuron
from spynq.lif.params import FEATURES, LifConfig
from spynq.lif.weights import best_scales, round_weights

EVERY = LifConfig(features=(1 << len(FEATURES)) - 1)


def load(graph: Graph, **settings: Any) -> CompiledNetwork:
    """For a build with everything, whatever the standard one has."""
    return load_for(graph, config=EVERY, **settings)


def _graph(
    *nodes: tuple[str, Node], shape: tuple[int, int, int] = (2, 8, 8), planes: int | None = 1
) -> Graph:
    return sequence([("in", Input(shape, planes)), *nodes, ("out", Output())])


def _conv(rng: np.random.Generator, outputs: int, inputs: int, **settings: Any) -> Conv:
    return Conv(rng.normal(0.1, 0.3, (outputs, inputs, 3, 3)), rng.normal(0, 0.05, outputs), **settings)


def _spikes(rng: np.random.Generator, *shape: int, density: float = 0.3) -> npt.NDArray[np.uint8]:
    return (rng.random(shape) < density).astype(np.uint8)


def _neuron(net: Any, index: int = 0) -> IntegerNeuron:
    neuron = net.stages[index].layer.neuron
    assert isinstance(neuron, IntegerNeuron)
    return neuron


@pytest.mark.parametrize("bits", [2, 3, 4, 6, 8])
def test_weights_that_lie_on_a_grid_are_met_exactly(bits: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    most = (1 << bits - 1) - 1
    scale = rng.uniform(0.01, 2, 20)
    whole = rng.integers(-most, most + 1, (20, 50))
    whole[:, 0] = rng.integers(1, most + 1, 20)
    weight = whole * scale[:, None]
    found = best_scales(weight, bits)
    np.testing.assert_allclose(
        round_weights(weight, found, bits) * found[:, None], weight, rtol=1e-12, atol=1e-15
    )


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_clipping_has_the_least_squared_error(bits: int) -> None:
    """Against a fine search over all scales, not only those the function tries."""
    weight = np.random.default_rng(bits).standard_t(3, (8, 200))
    found = best_scales(weight, bits)

    def error(scale: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        difference = round_weights(weight, scale, bits) * scale[:, None] - weight
        return np.asarray((difference**2).sum(axis=1))

    grid = np.linspace(0.02, 1, 2000)
    best = np.min([error(np.abs(weight).max(axis=1) * ratio) for ratio in grid], axis=0)
    assert np.all(error(found) <= best * 1.01)


def test_a_channel_without_weights_keeps_a_scale() -> None:
    assert best_scales(np.zeros((2, 3)), 8).tolist() == [1 / 127] * 2


@pytest.mark.parametrize(("tie", "theta"), [(">=", 8), (">", 9)])
def test_thresholds_on_the_grid_keep_their_tie(tie: str, theta: int) -> None:
    """Weights of 1/8 and a threshold of 1: eight spikes reach it."""
    conv = Conv(np.full((1, 1, 1, 1), 0.125), np.zeros(1))
    graph = _graph(("conv", conv), ("lif", Neuron.uniform(1, 1.0, 1.0, tie=tie)), shape=(1, 1, 1))
    net = load(graph, weights="int2")
    neuron = _neuron(net)
    assert neuron.theta[0] - (tie == ">") == (1 << neuron.fraction) * 8
    fired = net.run(np.ones((20, 1, 1, 1, 1), np.uint8), "golden").spikes["lif"].ravel()
    assert int(fired.argmax()) + 1 == theta


def test_decay_and_leak_are_those_of_the_float_network() -> None:
    conv = Conv(np.ones((2, 1, 1, 1)), np.zeros(2))
    leaky = load(_graph(("conv", conv), ("lif", Neuron.uniform(2, 0.3)), shape=(1, 1, 1)))
    assert (_neuron(leaky).leak, _neuron(leaky).decay.tolist()) == (Leak.MULTIPLY, [1229, 1229])  # type: ignore[union-attr]
    integrating = load(_graph(("conv", conv), ("lif", Neuron.uniform(2, 1.0)), shape=(1, 1, 1)))
    assert _neuron(integrating).leak == Leak.NONE


NEURONS = {
    "hard": Neuron.uniform(6, 0.5, 1.0, rest=0.1, reset_value=-0.2),
    "soft": Neuron.uniform(6, 0.9, 1.0, reset="soft"),
    "delayed": Neuron.uniform(6, 0.75, 1.0, reset="soft_delayed", tie=">"),
    "refractory": Neuron.uniform(6, 0.75, 1.0, refractory=2, policy="leak"),
}


@pytest.mark.parametrize("name", NEURONS)
@pytest.mark.parametrize(("grid", "share"), [(100, 0.01), (None, 0.04)])
def test_eight_bits_follow_the_float_network(name: str, grid: int | None, share: float) -> None:
    """With weights that eight bits hold, 1 in 100 may differ; rounded weights cost more."""
    rng = np.random.default_rng(1)
    conv, fc = rng.normal(0.1, 0.3, (6, 2, 3, 3)), rng.normal(0.02, 0.3, (5, 96))
    if grid is not None:
        conv, fc = np.rint(conv * grid) / grid, np.rint(fc * grid) / grid
    graph = _graph(
        ("conv", Conv(conv, rng.normal(0, 0.05, 6), padding=(1, 1))),
        ("lif", NEURONS[name]),
        ("pool", Pool("average", (2, 2), (2, 2))),
        ("flat", Flatten()),
        ("fc", Linear(fc, np.zeros(5))),
        ("lif2", Neuron.uniform(5, 0.8, 0.5, reset="soft")),
    )
    x = _spikes(rng, 20, 40, 2, 8, 8)
    for calibrate in (None, x[:, :10]):
        found = load(graph, calibrate=calibrate).run(x, "golden").differences()
        for layer, difference in found.items():
            assert 0.02 < difference.float_rate < 0.9, f"{layer} tells little"
            assert difference.differing < share * difference.total
            assert abs(difference.rate - difference.float_rate) < 0.01


def test_a_wrong_neuron_is_noticed_by_the_comparison() -> None:
    rng = np.random.default_rng(2)
    conv = _conv(rng, 6, 2)
    right = load(_graph(("conv", conv), ("lif", NEURONS["soft"])))
    wrong = load(_graph(("conv", conv), ("lif", NEURONS["hard"])))
    right.stages = wrong.stages
    found = right.run(_spikes(rng, 20, 4, 2, 8, 8), "golden").differences()["lif"]
    assert found.differing > 0.03 * found.total


@pytest.mark.parametrize(("form", "held"), [("int4", "S4"), ("int2", "S2"), ("int1", "S1"), ("int8", "S8")])
def test_formats_hold_what_they_are_given(form: str, held: str) -> None:
    rng = np.random.default_rng(3)
    net = load(_graph(("conv", _conv(rng, 6, 2)), ("lif", NEURONS["soft"])), weights=form)
    layer = net.stages[0].layer
    assert layer.format == WeightFormat[held]
    assert layer.weights is not None and net.stages[0].error > 0
    most, fewest = {"int8": (127, 100), "int4": (7, 7)}.get(form, (1, 1))
    assert fewest <= np.abs(layer.weights).max() <= most


def test_codebooks_take_as_many_bits_as_they_have_values() -> None:
    rng = np.random.default_rng(4)
    values = np.array([-0.8, -0.1, 0.15, 0.6])
    conv = Conv(rng.choice(values, (6, 2, 3, 3)), np.zeros(6))
    net = load(_graph(("conv", conv), ("lif", NEURONS["soft"])), weights="codebook")
    assert net.stages[0].layer.format == WeightFormat.CODEBOOK2
    assert len(net.stages[0].layer.codebook or ()) == 4 and net.stages[0].error < 0.01
    signed = Scale(np.array([1, -2, 0.5, 1, -1, 1]))
    net = load(_graph(("conv", conv), ("norm", signed), ("lif", NEURONS["soft"])), weights="codebook")
    assert net.stages[0].layer.format == WeightFormat.CODEBOOK4
    x = _spikes(rng, 12, 3, 2, 8, 8)
    found = net.run(x, "golden").differences()["lif"]
    assert found.differing < 0.02 * found.total and found.float_rate > 0.05


@pytest.mark.parametrize("segment", [0, 4])
def test_delays_follow_the_float_network(segment: int) -> None:
    rng = np.random.default_rng(5)
    conv = Conv(rng.normal(0.1, 0.3, (6, 2, 3, 3)), np.zeros(6))
    taps = Taps(np.array([0.7, 0.5, -0.2]), (0, 1, 3), segment, np.full(6, 0.05))
    net = load(_graph(("conv", conv), ("taps", taps), ("lif", NEURONS["soft"])))
    found = net.run(_spikes(rng, 16, 3, 2, 8, 8), "golden").differences()["lif"]
    assert found.float_rate > 0.05
    assert found.differing < 0.02 * found.total


def test_a_network_without_last_neurons_is_read_by_its_summed_currents() -> None:
    rng = np.random.default_rng(6)
    graph = _graph(("conv", _conv(rng, 6, 2)), ("lif", NEURONS["soft"]), ("flat", Flatten()),
                   ("fc", Linear(rng.normal(0, 0.2, (4, 216)), rng.normal(0, 0.1, 4))))  # fmt: skip
    x = _spikes(rng, 12, 5, 2, 8, 8)
    net = load(graph, calibrate=x)
    result = net.run(x, "golden")
    want = net.run_float(x).outputs.sum(axis=(0, 3, 4))
    assert result.outputs.shape == want.shape == (5, 4)
    assert np.abs(result.outputs - want).max() < 0.05 * np.abs(want).max()
    assert result.predictions.tolist() == want.argmax(1).tolist()


def test_counts_over_all_positions_are_those_of_the_spikes() -> None:
    rng = np.random.default_rng(7)
    graph = _graph(("conv", _conv(rng, 6, 2)), ("lif", NEURONS["hard"]), ("conv2", _conv(rng, 3, 6)),
                   ("lif2", Neuron.uniform(3, 0.5)), ("gap", Pool("average", (4, 4), (4, 4))))  # fmt: skip
    x = _spikes(rng, 9, 4, 2, 8, 8)
    net = load(graph)
    counted = net.run(x, "golden").outputs
    assert counted.max() > 0
    bare = load(sequence([(name, node) for name, node in graph.nodes.items() if name != "gap"]))
    np.testing.assert_array_equal(counted, bare.run(x, "golden").outputs)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ("int3", "E03 layer 'lif': unknown weight format 'int3'; known are int8, int4"),
        ({"conv9": "int4"}, "E03 weights: no layer conv9; layers are lif"),
        ("codebook", "E03 layer 'lif': weights have 108 distinct values, and a codebook holds 16"),
    ],
)
def test_formats_that_cannot_be_are_refused(weights: Any, message: str) -> None:
    with pytest.raises(LifError, match=message):
        load(
            _graph(("conv", _conv(np.random.default_rng(8), 6, 2)), ("lif", NEURONS["soft"])), weights=weights
        )


def test_delays_that_cannot_be_are_refused() -> None:
    conv = _conv(np.random.default_rng(9), 6, 2)
    far = Taps(np.ones(2), (0, 16))
    with pytest.raises(
        LifError, match=r"E07 layer 'lif': delays \(0, 16\) reach over 17 steps; the engine has 16"
    ):
        load(_graph(("conv", conv), ("taps", far), ("lif", NEURONS["soft"])))
    with pytest.raises(LifError, match="E03 layer 'lif': a bias before overlapping delays would be missing"):
        load(_graph(("conv", conv), ("taps", Taps(np.ones(2), (0, 3))), ("lif", NEURONS["soft"])))


def test_thresholds_that_always_or_never_fire_are_noted() -> None:
    conv = Conv(np.full((2, 1, 1, 1), 1.0), np.zeros(2))
    neuron = Neuron(**{**vars(Neuron.uniform(2, 0.5)), "threshold": np.array([-1.0, 1.0])})
    net = load(_graph(("conv", conv), ("lif", neuron), shape=(1, 1, 1)))
    assert net.notes == ["lif: 1 channels have a threshold of 0 or less and may fire always"]
