"""The float model against spikes recorded from the four libraries: nothing may differ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from spynq.lif import LifError, read_nir, run_float
from spynq.lif.graph import Graph, Neuron
from spynq.lif.profiles import PROFILES

VECTORS = Path(__file__).parent / "vectors"
CASES: dict[str, dict[str, Any]] = {
    "snntorch": {"profile": "snntorch"},
    "snntorch_zero": {"profile": "snntorch", "reset": "hard"},
    "spikingjelly": {"profile": "spikingjelly"},
    "spikingjelly_decay": {"profile": "spikingjelly"},
    "norse": {"profile": "norse"},
    "sinabs": {"profile": "sinabs"},
}


def _recorded(name: str) -> tuple[list[npt.NDArray[np.float64]], list[str]]:
    with np.load(VECTORS / f"{name}.npz") as file:
        count = sum(key.startswith("shape") for key in file)
        spikes = [
            np.unpackbits(file[f"spikes{i}"], count=int(file[f"shape{i}"].prod()))
            .reshape(file[f"shape{i}"])
            .astype(np.float64)
            for i in range(count)
        ]
        return spikes, file["versions"].tolist()


def _differing(graph: Graph, spikes: list[npt.NDArray[np.float64]]) -> int:
    """Spikes that differ, over all layers of neurons."""
    found = run_float(graph, spikes[0])
    layers = [name for name in graph.order if isinstance(graph.nodes[name], Neuron)]
    assert len(layers) == len(spikes) - 1
    return sum(
        int(np.count_nonzero(found.values[name].reshape(wanted.shape) != wanted))
        for name, wanted in zip(layers, spikes[1:], strict=True)
    )


@pytest.mark.parametrize("name", CASES)
def test_no_spike_differs_from_the_library(name: str) -> None:
    pytest.importorskip("h5py")
    spikes, versions = _recorded(name)
    assert PROFILES[CASES[name]["profile"]].library in versions
    assert sum(layer.sum() for layer in spikes[1:]) > 1000
    assert _differing(read_nir(VECTORS / f"{name}.nir", **CASES[name]), spikes) == 0


@pytest.mark.parametrize("name", CASES)
def test_every_convention_matters(name: str) -> None:
    """A wrong reset, tie or decay changes spikes, or the recording would prove nothing."""
    pytest.importorskip("h5py")
    spikes, _ = _recorded(name)
    right = {"profile": CASES[name]["profile"], **CASES[name]}
    rules = PROFILES[right["profile"]]
    reset = right.get("reset", rules.reset)
    for other in {"hard", "soft", "soft_delayed", "none"} - {reset}:
        assert _differing(read_nir(VECTORS / f"{name}.nir", **{**right, "reset": other}), spikes) > 100
    tie = ">" if rules.tie == ">=" else ">="
    assert _differing(read_nir(VECTORS / f"{name}.nir", **{**right, "tie": tie}), spikes) > 10


def test_the_files_of_both_snntorch_resets_are_equal_and_the_note_says_so() -> None:
    pytest.importorskip("h5py")
    graph = read_nir(VECTORS / "snntorch.nir", profile="snntorch")
    assert any("reset_mechanism" in note for note in graph.notes)
    assert graph.conventions["reset"] == "soft_delayed (profile snntorch)"
    same = (VECTORS / "snntorch.nir").read_bytes() == (VECTORS / "snntorch_zero.nir").read_bytes()
    assert same, "then the file would tell the reset, and the profile could read it"


def test_a_wrong_dt_is_told_with_the_right_one() -> None:
    pytest.importorskip("h5py")
    with pytest.raises(LifError, match=r"E06 layer '1': tau / r says a step of 0.0001 s, and dt is 0.001 s"):
        read_nir(VECTORS / "snntorch.nir", profile="snntorch", dt=1e-3)
