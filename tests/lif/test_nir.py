"""Reading and writing NIR: what comes back is what was written, and everything unknown is refused by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spynq.errors import FormatError
from spynq.lif import LifError, read_nir, run_float, write_nir
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

nir = pytest.importorskip("nir")


def _network(rng: np.random.Generator, neuron: Neuron) -> Graph:
    """Every kind of node once."""
    nodes: list[tuple[str, Node]] = [
        ("in", Input((2, 8, 8), planes=1)),
        ("conv", Conv(rng.normal(0.1, 0.4, (4, 1, 3, 3)), rng.normal(0, 0.1, 4), padding=(1, 1), groups=2)),
        ("scale", Scale(rng.uniform(0.5, 2, 4))),
        ("lif", neuron),
        ("pool", Pool("sum", (2, 2), (2, 2))),
        ("or", Threshold(np.zeros(4))),
        ("flat", Flatten()),
        ("fc", Linear(rng.normal(0, 0.4, (5, 64)), np.full(5, 0.125))),
        ("taps", Taps(np.array([0.5, 0.25]), (0, 3))),
        ("read", Neuron.uniform(5, 0.5, fires=False, reset="none")),
        ("out", Output()),
    ]
    return sequence(nodes, dt=1e-3)


NEURONS = {
    "hard": Neuron.uniform(4, 0.5, 0.75, reset="hard", reset_value=-0.25, rest=0.125),
    "soft": Neuron.uniform(4, 0.75, 1.0, reset="soft", subtract=0.5, tie=">", gain=0.25),
    "delayed": Neuron.uniform(4, 0.5, 1.0, reset="soft_delayed", refractory=2, policy="leak"),
    "if": Neuron.uniform(4, 1.0, 1.5, reset="none"),
}


@pytest.mark.parametrize("name", NEURONS)
def test_a_written_network_comes_back_and_does_the_same(name: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    graph = _network(rng, NEURONS[name])
    back = read_nir(write_nir(graph, tmp_path / "network.nir"))
    x = (rng.random((10, 3, 2, 8, 8)) < 0.3).astype(float)
    want, got = run_float(graph, x), run_float(back, x)
    assert want.values["lif"].sum() > 100
    np.testing.assert_array_equal(got.values["lif"], want.values["lif"])
    np.testing.assert_allclose(got.outputs, want.outputs, rtol=1e-12)
    assert back.dt == graph.dt and back.input == graph.input
    assert back.nodes["taps"].delays == (0, 3)  # type: ignore[union-attr]


def _chain(**fields: Any) -> dict[str, Any]:
    """A graph as the library's dictionary: one LIF with the given fields."""
    lif = {"type": "LIF", "tau": np.full(3, 2e-3), "r": np.full(3, 2.0), "v_leak": np.zeros(3),
           "v_threshold": np.ones(3), "v_reset": np.zeros(3), **fields}  # fmt: skip
    nodes = {
        "input": {"type": "Input", "shape": np.array([2])},
        "fc": {"type": "Affine", "weight": np.ones((3, 2)), "bias": np.zeros(3)},
        "lif": {key: value for key, value in lif.items() if value is not None},
        "output": {"type": "Output", "shape": np.array([3])},
    }
    return {"nodes": nodes, "edges": [("input", "fc"), ("fc", "lif"), ("lif", "output")]}


GIVEN = {"dt": 1e-3, "reset": "hard", "tie": ">="}


def test_the_library_s_own_graph_is_read_as_its_file(tmp_path: Path) -> None:
    graph = nir.dict2NIRNode({"type": "NIRGraph", **_chain(metadata={})})
    nir.write(tmp_path / "a.nir", graph)
    for source in (graph, str(tmp_path / "a.nir"), _chain()):
        found = read_nir(source, **GIVEN)
        assert found.nodes["lif"].decay.tolist() == [0.5] * 3  # type: ignore[union-attr]


@pytest.mark.parametrize("name", GIVEN)
def test_there_is_no_silent_default(name: str) -> None:
    key = {"tie": "compare"}.get(name, name)
    sentence = f"E06 layer 'lif': the file does not say {name}.*{name}=.*snntorch.*{key!r} into the metadata"
    with pytest.raises(LifError, match=sentence):
        read_nir(_chain(), **{key: value for key, value in GIVEN.items() if key != name})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"reset": "sotf"}, "E06 reset takes hard, soft, soft_delayed, none, not 'sotf'"),
        ({"tie": "="}, "E06 tie takes >=, >, not '='"),
        ({"dt": 0.0}, r"E06 dt must be a time in seconds above 0, not 0\.0"),
        ({"profile": "brian"}, "E06 unknown profile 'brian'; known profiles are snntorch, spikingjelly"),
        (
            {"dt": 1e-4},
            r"E06 layer 'lif': tau / r says a step of 0\.001 s, and dt is 0\.0001 s; give dt=0\.001",
        ),
    ],
)
def test_wrong_conventions_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(LifError, match=message):
        read_nir(_chain(), **{**GIVEN, **given})


def test_the_file_s_own_word_stands_against_a_wrong_argument() -> None:
    told = _chain(metadata={"reset": "soft", "compare": ">", "dt": 1e-3, "colour": "red"})
    found = read_nir(told)
    assert found.conventions == {"reset": "soft (file)", "tie": "> (file)", "dt": "0.001 (file)"}
    assert found.notes == ["lif: metadata 'colour' was ignored"]
    with pytest.raises(
        LifError, match="E06 layer 'lif': the file says reset soft, and reset='hard' was given"
    ):
        read_nir(told, reset="hard")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"type": "CubaLIF"}, "E03 layer 'lif': CubaLIF is not supported: its synaptic current"),
        ({"type": "AdEx"}, "E03 layer 'lif': unknown node AdEx; known nodes are Input"),
        ({"v_peak": np.ones(3)}, "E03 layer 'lif': LIF has the unknown key v_peak; known keys are r, tau"),
        ({"tau": None}, "E08 layer 'lif': LIF has no tau"),
        ({"tau": np.full(3, np.nan)}, "E07 layer 'lif': 3 of 3 values of tau are not finite"),
        ({"tau": np.full(3, -1.0), "r": np.ones(3)}, "E07 layer 'lif': tau is -1 s, and must be above 0"),
        (
            {"tau": np.full(3, 5e-4), "r": np.ones(3)},
            "E07 .*tau 0.0005 s is shorter than dt 0.001 s.*is -1, below 0",
        ),
        ({"tau": np.full((3, 2), 2e-3)}, r"E08 layer 'lif': tau has shape \(3, 2\), and its input is 3x1x1"),
        ({"metadata": {"refractory": 4}}, "E07 layer 'lif': refractory period of 4 steps, and 0 to 3"),
        ({"metadata": {"refractory": 1, "refractory_policy": "hold"}}, "E03 .*takes freeze, leak, integrate"),
    ],
)
def test_neurons_that_cannot_be_are_refused_by_name(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(LifError, match=message):
        read_nir(_chain(**fields), **GIVEN)


def _conv(**fields: Any) -> dict[str, Any]:
    conv = {"type": "Conv2d", "weight": np.ones((3, 2, 3, 3)), "bias": np.zeros(3), "stride": (1, 1),
            "padding": (0, 0), "dilation": (1, 1), "groups": 1, "input_shape": None, **fields}  # fmt: skip
    nodes = {
        "input": {"type": "Input", "shape": np.array([2, 4, 4])},
        "conv": conv,
        "output": {"type": "Output", "shape": np.array([1])},
    }
    return {"nodes": nodes, "edges": [("input", "conv"), ("conv", "output")]}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"weight": np.ones((3, 2, 5, 5))},
            r"E02 layer 'conv': kernel 5x5 does not fit the 4x4 input \(pad 0\)",
        ),
        (
            {"weight": np.ones((3, 1, 3, 3))},
            "E08 layer 'conv': weights .* take 1 channels, and its input has 2",
        ),
        ({"bias": np.zeros(2)}, r"E08 layer 'conv': bias has shape \(2,\), not \(3,\)"),
        ({"weight": np.ones((3, 2, 3))}, "E08 layer 'conv': weight has 3 dimensions, not 4"),
        ({"padding": "reflect"}, "E03 layer 'conv': padding 'reflect' is unknown"),
        (
            {"padding": "same", "weight": np.ones((3, 2, 2, 2))},
            "E03 layer 'conv': padding 'same' with kernel 2x2",
        ),
        ({"stride": (0, 1)}, r"E07 layer 'conv': stride \(0, 1\)"),
        ({"type": "AvgPool2d"}, "E03 layer 'conv': AvgPool2d has the unknown key"),
    ],
)
def test_synapses_that_cannot_be_are_refused_by_name(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(LifError, match=message):
        read_nir(_conv(**fields))


def test_same_padding_of_odd_kernels_is_understood() -> None:
    found = read_nir(_conv(padding="same", dilation=(1, 2), weight=np.ones((3, 2, 3, 3))))
    assert found.nodes["conv"].padding == (1, 2)  # type: ignore[union-attr]
    assert found.shapes()["conv"] == (3, 4, 4)


def test_structure_that_cannot_be_is_refused() -> None:
    loop = _chain()
    loop["edges"].append(("lif", "fc"))
    with pytest.raises(LifError, match="E03 nodes fc, lif, output form a loop"):
        read_nir(loop, **GIVEN)
    two = _chain()
    two["nodes"]["output2"] = {"type": "Output", "shape": np.array([3])}
    two["edges"].append(("fc", "output2"))
    with pytest.raises(LifError, match=r"E03 the network has 2 Output nodes \(output\w*, output\w*\)"):
        read_nir(two, **GIVEN)
    alone = _chain()
    alone["edges"].remove(("input", "fc"))
    with pytest.raises(LifError, match="E03 layer 'fc' has no input"):
        read_nir(alone, **GIVEN)
    unequal = _chain()
    unequal["edges"].append(("input", "lif"))
    with pytest.raises(
        LifError, match=r"E08 layer 'lif' adds maps of different shapes \(fc 3x1x1, input 2x1x1\)"
    ):
        read_nir(unequal, **GIVEN)


def test_parameters_that_differ_within_a_channel_are_refused() -> None:
    graph = _network(np.random.default_rng(2), NEURONS["hard"])
    from spynq.lif.nir_writer import to_nir

    tree = to_nir(graph).to_dict()
    tree["nodes"]["lif"]["v_threshold"][1, 2, 3] = 9
    with pytest.raises(LifError, match=r"E03 layer 'lif': v_threshold goes from 0\.75 to 9 within channel 1"):
        read_nir(tree)


def test_what_is_not_nir_is_refused(tmp_path: Path) -> None:
    import h5py

    text = tmp_path / "a.nir"
    text.write_text("hello")
    with pytest.raises(FormatError, match=r"a\.nir is no NIR file: NIR is written in HDF5"):
        read_nir(text)
    with h5py.File(tmp_path / "b.nir", "w") as file:
        file["weights"] = np.ones(3)
    with pytest.raises(FormatError, match="is HDF5 but no NIR file: it has weights and no group node"):
        read_nir(tmp_path / "b.nir")
    with pytest.raises(FileNotFoundError):
        read_nir(tmp_path / "none.nir")
    with pytest.raises(FormatError, match=r"a NIR graph is a file, a nir\.NIRGraph or its"):
        read_nir(3)
    with pytest.raises(FormatError, match="names a node 'x' that is not there"):
        read_nir({"nodes": {"a": {"type": "Input", "shape": [1]}}, "edges": [("a", "x")]})
    with pytest.raises(FormatError, match="stands twice"):
        read_nir({"nodes": {"a": {"type": "Input", "shape": [1]}}, "edges": [("a", "a"), ("a", "a")]})
    damaged = (Path(__file__).parent / "vectors" / "norse.nir").read_bytes()
    (tmp_path / "c.nir").write_bytes(damaged[: len(damaged) // 2])
    with pytest.raises(FormatError, match=r"damaged|no NIR file"):
        read_nir(tmp_path / "c.nir")


def test_an_old_file_without_v_reset_is_noted() -> None:
    assert read_nir(_chain(v_reset=None), **GIVEN).notes == [
        "lif: the file holds no v_reset (nir before 1.0.7 wrote none), so 0 was taken"
    ]


def test_a_decay_that_nir_cannot_hold_is_refused(tmp_path: Path) -> None:
    neuron = NEURONS["hard"]
    graph = _network(np.random.default_rng(3), replace(neuron, decay=np.array([0.5, 1, 0.5, 0.5])))
    with pytest.raises(LifError, match=r"E07 layer 'lif': decays go from 0\.5 to 1, and one NIR node holds"):
        write_nir(graph, tmp_path / "a.nir")


def test_inputs_of_the_wrong_shape_or_without_steps_are_refused() -> None:
    graph = _network(np.random.default_rng(4), NEURONS["hard"])
    with pytest.raises(LifError, match=r"E08 inputs have shape \(5, 2, 8, 8\), not \[T, N, 2, 8, 8\]"):
        run_float(graph, np.zeros((5, 2, 8, 8)))
    with pytest.raises(LifError, match="E01 inputs have no time steps"):
        run_float(graph, np.zeros((0, 1, 2, 8, 8)))
