"""Folding changes nothing: stages run in real numbers give the spikes of the graph they come from."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from spynq.lif import LifError, run_float
from spynq.lif.float_model import convolve, fire
from spynq.lif.folding import stages_of
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
    Threshold,
    sequence,
)
from spynq.lif.stages import Stage

Floats = npt.NDArray[np.float64]


def _run(stages: list[Stage], x: Floats) -> dict[str, Floats]:
    """Each stage as its description says, in real numbers."""
    maps = {"input": x}
    for stage in stages:
        value = np.sum([maps[source] for source in stage.sources], axis=0)
        if stage.kind == "copy":
            maps[stage.name] = value
            continue
        size = stage.pool_size
        if stage.pool != "none":
            value = _pooled(value, (size, size), (size, size))
            value = np.minimum(value, 1) if stage.pool == "or" else value
        if stage.kind == "pool":
            current = _pooled(value, stage.kernel, stage.stride) * stage.factor[:, None, None]
        else:
            assert stage.weight is not None
            conv = Conv(
                stage.weight, 0 * stage.bias, stage.stride, stage.padding, stage.dilation, stage.groups
            )
            flat = convolve(conv, value.reshape(-1, *value.shape[2:]))
            current = flat.reshape(*value.shape[:2], *flat.shape[1:]) * stage.factor[:, None, None]
        current = current + stage.bias[:, None, None]
        if stage.taps is not None:
            current = run_float_taps(stage.taps, current)
        assert stage.neuron is not None
        maps[stage.name], _ = fire(stage.neuron, current)
        assert maps[stage.name].shape[2:] == stage.shape
    return maps


def run_float_taps(taps: Taps, x: Floats) -> Floats:
    nodes: list[tuple[str, Node]] = [
        ("in", Input((x.shape[2], x.shape[3], x.shape[4]))),
        ("taps", taps),
        ("out", Output()),
    ]
    return run_float(sequence(nodes), x).outputs


def _pooled(x: Floats, kernel: tuple[int, int], stride: tuple[int, int]) -> Floats:
    rows = range(0, x.shape[3] - kernel[0] + 1, stride[0])
    columns = range(0, x.shape[4] - kernel[1] + 1, stride[1])
    return np.stack(
        [
            np.stack([x[..., r : r + kernel[0], c : c + kernel[1]].sum((-1, -2)) for c in columns], axis=-1)
            for r in rows
        ],
        axis=-2,
    )


def _spikes(rng: np.random.Generator, shape: tuple[int, int, int], steps: int = 12) -> Floats:
    return (rng.random((steps, 2, *shape)) < 0.4).astype(float)


def _lif(channels: int, **settings: object) -> Neuron:
    return Neuron.uniform(channels, 0.75, 0.5, **settings)  # type: ignore[arg-type]


def _same(graph: Graph, seed: int = 1) -> list[Stage]:
    """All neurons of graph and stages agree; the stages are returned."""
    rng = np.random.default_rng(seed)
    x = _spikes(rng, graph.input.shape)
    want, stages = run_float(graph, x), stages_of(graph)
    got = _run(stages, x)
    named = [name for name, node in graph.nodes.items() if isinstance(node, Neuron)]
    assert named
    for name in named:
        spikes = want.values[name]
        assert spikes.mean() > 0.02, f"{name} hardly fires"
        np.testing.assert_array_equal(got[name].reshape(spikes.shape), spikes)
    return stages


def _chain(shape: tuple[int, int, int], *nodes: tuple[str, Node]) -> Graph:
    return sequence([("in", Input(shape)), *nodes, ("out", Output())])


def _conv(rng: np.random.Generator, outputs: int, inputs: int, size: int = 3, **settings: object) -> Conv:
    weight = rng.integers(-2, 5, (outputs, inputs, size, size)) / 8
    return Conv(weight, rng.integers(-1, 3, outputs) / 16, **settings)  # type: ignore[arg-type]


def test_scales_gains_and_depthwise_convolutions_become_factors() -> None:
    rng = np.random.default_rng(3)
    depthwise = Conv(np.array([2.0, -1.5, 0.5]).reshape(3, 1, 1, 1), np.array([0.25, 0.5, 0]), groups=3)
    stages = _same(
        _chain(
            (2, 7, 7),
            ("before", Scale(np.array([0.5, -2]))),
            ("conv", _conv(rng, 3, 2, stride=(2, 1), padding=(1, 0), dilation=(1, 2))),
            ("scale", Scale(np.array([1.0, 0.5, 4]))),
            ("norm", depthwise),
            ("lif", _lif(3, gain=0.5)),
        )
    )
    assert len(stages) == 1 and np.all(stages[0].factor > 0)
    assert np.all(stages[0].neuron.gain == 1)  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", ["sum", "average"])
@pytest.mark.parametrize(("size", "map_size"), [(2, 8), (2, 7), (4, 9), (3, 9)])
def test_a_pool_in_front_of_weights_costs_no_stage(kind: str, size: int, map_size: int) -> None:
    rng = np.random.default_rng(size)
    stages = _same(
        _chain(
            (2, map_size, map_size),
            ("pool", Pool(kind, (size, size), (size, size))),
            ("conv", _conv(rng, 3, 2, 2)),
            ("lif", _lif(3)),
        )
    )
    assert [(stage.pool, stage.pool_size) for stage in stages] == [
        ("sum", size) if size != 3 else ("none", 1)
    ]


def test_or_pools_and_flattened_maps_are_recognised() -> None:
    rng = np.random.default_rng(5)
    stages = _same(
        _chain(
            (2, 8, 8),
            ("pool", Pool("sum", (2, 2), (2, 2))),
            ("or", Threshold(np.zeros(2))),
            ("conv", _conv(rng, 3, 2)),
            ("lif", _lif(3)),
            ("average", Pool("average", (2, 2), (2, 2))),
            ("flat", Flatten()),
            ("fc", Linear(rng.normal(0.5, 1, (5, 3)), np.zeros(5))),
            ("lif2", _lif(5, reset="soft")),
            ("flat2", Flatten()),
        )
    )
    assert [(s.kind, s.pool, s.readout) for s in stages] == [("conv", "or", ""), ("fc", "sum", "spikes")]


def test_neurons_behind_a_pool_are_a_stage_of_their_own() -> None:
    stages = _same(
        _chain((3, 7, 7), ("pool", Pool("average", (3, 3), (2, 2))), ("lif", _lif(3)), ("flat", Flatten()))
    )
    assert [(s.kind, s.kernel, s.stride, s.shape) for s in stages] == [("pool", (3, 3), (2, 2), (3, 3, 3))]


def test_neurons_of_a_flattened_map_are_per_channel_again() -> None:
    rng = np.random.default_rng(6)
    graph = _chain((1, 6, 6), ("conv", _conv(rng, 2, 1)), ("flat", Flatten()), ("lif", _lif(32)))
    assert _same(graph)[0].shape == (2, 4, 4)
    uneven = Neuron(**{**vars(_lif(32)), "threshold": np.arange(32.0)})
    with pytest.raises(LifError, match="E03 layer 'lif': flattened neurons differ within a channel"):
        stages_of(_chain((1, 6, 6), ("conv", _conv(rng, 2, 1)), ("flat", Flatten()), ("lif", uneven)))


@pytest.mark.parametrize("segment", [0, 4])
def test_delays_stay_in_their_stage(segment: int) -> None:
    rng = np.random.default_rng(7)
    taps = Taps(np.array([0.5, 1.0, 0.25]), (0, 2, 3), segment, np.array([0.125, 0, 0.25]))
    conv = _conv(rng, 3, 2)
    stages = _same(
        _chain(
            (2, 6, 6),
            ("conv", conv),
            ("taps", taps),
            ("scale", Scale(np.array([0.5, 1, 2]))),
            ("lif", _lif(3)),
        )
    )
    assert stages[0].taps is not None


def test_residual_sums_become_two_sources_and_longer_ones_copies() -> None:
    rng = np.random.default_rng(8)
    nodes: dict[str, Node] = {"in": Input((3, 6, 6)), "out": Output()}
    edges = []
    before: list[str] = ["in"]
    for index in range(4):
        nodes[f"conv{index}"] = _conv(rng, 3, 3, padding=(1, 1))
        nodes[f"lif{index}"] = _lif(3)
        edges += [(source, f"conv{index}") for source in before] + [(f"conv{index}", f"lif{index}")]
        before.append(f"lif{index}")
    graph = Graph(nodes, [*edges, ("lif3", "out")])
    stages = _same(graph)
    assert [(s.name, s.sources) for s in stages if s.kind == "copy"] == [
        ("lif2.sum3", ("input", "lif0")),
        ("lif3.sum4", ("input", "lif0")),
        ("lif3.sum3", ("lif3.sum4", "lif1")),
    ]


def test_the_end_of_a_network_says_how_it_is_read() -> None:
    rng = np.random.default_rng(9)
    front: list[tuple[str, Node]] = [("conv", _conv(rng, 3, 2)), ("lif", _lif(3))]
    whole = Pool("sum", (4, 4), (4, 4))
    assert stages_of(_chain((2, 6, 6), *front))[-1].readout == "spikes"
    assert stages_of(_chain((2, 6, 6), *front, ("gap", whole), ("flat", Flatten())))[-1].readout == "counts"
    integrator: list[tuple[str, Node]] = [("conv2", _conv(rng, 2, 3)), ("li", _lif(2, fires=False))]
    assert stages_of(_chain((2, 6, 6), *front, *integrator))[-1].readout == "membrane"
    bare = stages_of(
        _chain((2, 6, 6), *front, ("conv2", _conv(rng, 2, 3)), ("gap", Pool("sum", (2, 2), (2, 2))))
    )
    assert (bare[-1].name, bare[-1].readout, bare[-1].shape) == ("conv2", "membrane", (2, 2, 2))
    assert bare[-1].neuron is not None and not bare[-1].neuron.fires and np.all(bare[-1].neuron.decay == 1)


_A, _B = (Conv(np.ones((2, 2, 2, 2)), np.zeros(2), padding=(p, p)) for p in (0, 1))


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        (
            [("a", _A), ("b", _A), ("lif", _lif(2))],
            "E03 layer 'b': two layers of weights without neurons between",
        ),
        (
            [("pool", Pool("sum", (2, 2), (2, 2)))],
            "E03 layer 'out' ends the network without neurons or weights",
        ),
        (
            [("t", Threshold(np.full(2, 0.5))), ("a", _A), ("lif", _lif(2))],
            r"E03 layer 't': a threshold of 0\.5 is an OR only behind a pool",
        ),
        (
            [("p", Pool("sum", (3, 3), (2, 2))), ("a", _B), ("lif", _lif(2))],
            r"E03 layer 'a': a pool of \(3, 3\) by \(2, 2\) on a 6x6 map in front of padding",
        ),
        (
            [("lif", _lif(2)), ("p", Pool("sum", (2, 2), (2, 2)))],
            "E03 layer 'p' stands between the last neurons",
        ),
    ],
)
def test_structures_the_engine_does_not_have_are_refused(nodes: list[tuple[str, Node]], message: str) -> None:
    with pytest.raises(LifError, match=message):
        stages_of(_chain((2, 6, 6), *nodes))


def test_sums_of_currents_are_refused() -> None:
    rng = np.random.default_rng(1)
    nodes: dict[str, Node] = {
        "in": Input((2, 6, 6)), "a": _conv(rng, 2, 2), "b": _conv(rng, 2, 2), "lif": _lif(2), "out": Output()
    }  # fmt: skip
    edges = [("in", "a"), ("in", "b"), ("a", "lif"), ("b", "lif"), ("lif", "out")]
    with pytest.raises(
        LifError, match="E03 layer 'lif' adds the currents of a and b, and the engine adds spikes"
    ):
        stages_of(Graph(nodes, edges))
