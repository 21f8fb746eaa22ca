"""What was trained is what runs: PyTorch, the float model of the file, the integers, the golden model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from spynq.errors import SpynqError
from spynq.lif import CompiledNetwork, Graph, read_nir, run_float, write_nir
from spynq.lif.codes import WeightFormat
from spynq.lif.layers import Layer, MapShape, Network, Neuron
from spynq_train.bwo import remove_planes
from spynq_train.data import DataSet, load
from spynq_train.engine import compiled, formats, integer_accuracy, integer_scores
from spynq_train.export import to_graph
from spynq_train.fit import evaluate, fit, inputs_of
from spynq_train.integers import run_integers
from spynq_train.recipes import Run, prepare

CASES: dict[str, tuple[str, str, str, dict[str, Any]]] = {
    "brp, rate coding": ("brp", "digits", "digits", {"steps": 6}),
    "brp, events through convolution and pool": (
        "brp",
        "saccade-digits",
        "n-mnist",
        {"network": "6C5-AP2-40FC-10FC", "rate": 1e-2},
    ),
    "brp, maximum pool, which is an OR": (
        "brp",
        "saccade-digits",
        "n-mnist",
        {"network": "6C5-MP2-40FC-10FC", "rate": 1e-2},
    ),
    "tlbptt, soft reset": ("tlbptt", "digits", "digits", {"k": 2}),
    "albsnn, two layers of full precision": ("albsnn", "digits", "digits", {}),
    "albsnn, all binary": ("albsnn", "digits", "digits", {"keep": "none"}),
    "snnwm, segments and fusion": ("snnwm", "digits", "digits", {}),
    "snnwm, overlapping delays": ("snnwm", "digits", "digits", {"form": "overlapping", "memory": 3}),
    "snnwm, mean rate": ("snnwm", "digits", "digits", {"fusion": False, "memory": 2}),
}


@dataclass
class Case:
    run: Run
    data: DataSet
    x: Tensor

    @property
    def graph(self) -> Graph:
        return to_graph(self.run.method.network, self.data, self.run.plan.coding)

    @property
    def given(self) -> np.ndarray:
        """Inputs as the engine takes them: a still image is a step that is repeated."""
        if self.x.stride(0) == 0:
            return np.broadcast_to(self.x[:1].numpy(), tuple(self.x.shape))
        return self.x.numpy()


@pytest.fixture(scope="module", params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    """A network after two epochs on 600 samples, and 40 test samples."""
    method, name, preset, given = CASES[request.param]
    data = load(name).limited(600 if name == "digits" else 200, 40)
    run = prepare(method, data, preset, seed=1, epochs=2, **given)
    fit(run.method, data, run.plan)
    run.method.eval()
    return Case(run, data, inputs_of(data, data.test, run.plan, torch.device("cpu"), -1))


@pytest.fixture(scope="module")
def network(case: Case) -> CompiledNetwork:
    return compiled(case.run.method.network, case.data, case.run.plan)


def test_the_float_model_of_the_file_has_the_same_spikes(case: Case, tmp_path: Path) -> None:
    file = write_nir(case.graph, tmp_path / "net.nir")
    graph = read_nir(file)
    found = run_float(graph, case.given)
    ours = case.run.method.network.layer_spikes(case.x)
    names = [name for name in graph.order if name.startswith("neurons")]
    assert len(names) == len(ours)
    assert all(spikes.sum() > 0 for spikes in ours[:-1])
    for name, spikes in zip(names, ours, strict=True):
        theirs = found.values[name]
        np.testing.assert_array_equal(spikes.numpy().reshape(theirs.shape), theirs)


def test_the_file_says_reset_tie_and_step(case: Case, tmp_path: Path) -> None:
    import nir

    # Rows of delays are more than NIR's own check of shapes knows.
    stored = nir.read(write_nir(case.graph, tmp_path / "net.nir"), type_check=False)
    neurons = [node for node in stored.nodes.values() if isinstance(node, nir.LIF)]
    soft = case.run.identity["method"] == "tlbptt"
    assert neurons
    for node in neurons:
        assert node.metadata["reset"] == ("soft" if soft else "hard")
        assert node.metadata["compare"] == ">="
        assert node.metadata["dt"] == 1
        if soft:
            # theta / tau, as the subtraction comes after the leak in eq. 1.
            np.testing.assert_allclose(node.metadata["subtract"], 0.5 / 0.9)


def test_golden_equals_pytorch_with_the_same_integers(case: Case, network: CompiledNetwork) -> None:
    """0 differences: spikes of every layer, and outputs."""
    result = network.run(case.given, "golden")
    ours = run_integers(network.integers(len(case.x)), torch.from_numpy(network.whole(case.given)))
    assert result.spikes
    assert all(spikes.sum() > 0 for spikes in list(result.spikes.values())[:-1])
    for name, spikes in result.spikes.items():
        np.testing.assert_array_equal(spikes, ours[name].numpy())
    np.testing.assert_array_equal(result.outputs, integer_scores(network, case.x))


def test_binary_layers_are_a_codebook_of_two_bits(case: Case, network: CompiledNetwork) -> None:
    kept = formats(case.run.method.network)
    for stage in network.stages:
        if kept.get(stage.layer.name) == "codebook":
            assert stage.layer.format in (WeightFormat.CODEBOOK2, WeightFormat.CODEBOOK4)
            assert stage.layer.weights is not None
            negative = np.any(stage.stage.factor < 0)
            assert len(np.unique(stage.layer.weights)) <= (8 if negative else 4)
        else:
            assert stage.layer.format == WeightFormat.S8


def test_removed_planes_still_fit_a_codebook_of_four_bits() -> None:
    data = load("digits").limited(200, 30)
    run = prepare("albsnn", data, "digits", seed=1, epochs=1, keep="none")
    fit(run.method, data, run.plan)
    x = inputs_of(data, data.train[:64], run.plan, torch.device("cpu"), 0)
    y = torch.from_numpy(data.train_labels[:64])
    remove_planes(run.method, [(x, y)], rate=1e-3, share=0.2)  # type: ignore[arg-type]
    run.method.eval()
    network = compiled(run.method.network, data, run.plan)
    assert {stage.layer.format for stage in network.stages} == {WeightFormat.CODEBOOK4}
    given = inputs_of(data, data.test, run.plan, torch.device("cpu"), -1)
    result = network.run(given.numpy(), "golden")
    np.testing.assert_array_equal(result.outputs, integer_scores(network, given))


def test_fewer_bits_are_judged_on_the_whole_test_part() -> None:
    data = load("digits").limited(600, 200)
    run = prepare("brp", data, "digits", seed=1, epochs=4, steps=10)
    fit(run.method, data, run.plan)
    right = {bits: integer_accuracy(run, data, bits) for bits in (8, 1)}
    real = evaluate(run.method, data, run.plan).accuracy
    assert real > 70
    assert abs(right[8] - real) < 3
    assert right[1] < right[8]
    with pytest.raises(ValueError, match=r"weights have 1, 2, 4 or 8 bits on the engine, not 3"):
        integer_accuracy(run, data, 3)


def test_what_the_integer_model_lacks_is_named() -> None:
    neuron = Neuron(np.ones(1, np.int64), refractory=2)
    layer = Layer("slow", "pool", neuron=neuron)
    network = Network("n", MapShape(1, 2, 2), 1, (layer,))
    with pytest.raises(
        SpynqError, match=r"layer 'slow' has a refractory period, which PyTorch's integer model"
    ):
        run_integers(network, torch.zeros(1, 1, 1, 2, 2, dtype=torch.int64))
