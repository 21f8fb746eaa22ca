"""``spynq bench networks`` and ``spynq bench train``: rows, their columns, and the plain network beside."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from spynq.bench import Measured, rows_of
from spynq.cli import main
from spynq_train import compare
from spynq_train.commands import compare as command
from spynq_train.compare import ENTRIES, measure_entry
from spynq_train.data import DataSet
from spynq_train.fit import Plan
from spynq_train.recipes import prepare
from spynq_train.relu import plain_network, train_relu
from spynq_train.topology import parse


@pytest.fixture(scope="module")
def small(digits: DataSet) -> DataSet:
    return digits.limited(300, 60)


def test_entries_cover_all_methods_with_their_baselines() -> None:
    assert {entry.method for entry in ENTRIES} == {"brp", "tlbptt", "albsnn", "snnwm"}
    assert len({entry.name for entry in ENTRIES}) == len(ENTRIES)
    rules = {entry.options.get("rule") for entry in ENTRIES if entry.method == "brp"}
    assert rules == {"brp", "bp", "frozen"}


@pytest.mark.parametrize("number", range(len(ENTRIES)))
def test_every_entry_can_be_built(number: int, small: DataSet) -> None:
    entry = ENTRIES[number]
    assert prepare(entry.method, small, "digits", 0, **entry.options).method.network.layers


@pytest.fixture(scope="module")
def row(small: DataSet) -> dict[str, object]:
    (entry,) = (entry for entry in ENTRIES if entry.name == "SNNWM, L=T")
    return measure_entry(entry, small, [0, 1], epochs=2)


def test_a_row_has_what_the_table_shows(row: dict[str, object]) -> None:
    assert {key for _, key in command._COLUMNS} <= set(row)
    assert row["seeds"] == [0, 1]
    assert row["differing"] == 0
    assert row["accuracy"] == pytest.approx(sum(row["accuracies"]) / 2)  # type: ignore[arg-type]
    assert row["macs"] == 6 * row["relu_macs"] == 6 * (64 * 64 + 64 * 64 + 640)  # type: ignore[operator]
    # The engine adds where a spike meets a weight: far less than a dense machine.
    assert 0 < row["synaptic_operations"] < row["macs"]  # type: ignore[operator]
    assert row["cycles"] is None
    assert json.loads(json.dumps(row)) == row


def test_the_table_marks_what_is_the_papers(row: dict[str, object]) -> None:
    text = command.text([row])
    assert "98.26 DVS128 Gesture" in text
    assert "its own figure on its own data and network, not" in text
    assert "SNNWM, L=T: rtl not asked for" in text


def test_a_device_that_fails_leaves_the_other_columns(
    small: DataSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    from spynq.lif.network import CompiledNetwork

    run = CompiledNetwork.run

    def without_rtl(self: CompiledNetwork, given: object, device: str, **options: object) -> object:
        if device == "rtl":
            raise OSError("no\nsimulator")
        return run(self, given, device)

    monkeypatch.setattr(CompiledNetwork, "run", without_rtl)
    (entry,) = (entry for entry in ENTRIES if entry.name == "SNNWM, L=1")
    row = measure_entry(entry, small, [0], rtl=1, epochs=1)
    assert row["rtl"] == "not run: no simulator"
    assert row["integer"] > 0


@pytest.mark.parametrize("given", [["--json"], []])
def test_the_command(
    given: list[str], small: DataSet, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"name": "one", **dict.fromkeys((key for _, key in command._COLUMNS), 1.0), "rtl": "equal"}]
    rows[0]["paper"] = "99"
    monkeypatch.setattr(command, "compare", lambda data, seeds, advance: iter(rows))
    assert main(["bench", "networks", "--no-progress", *given]) == 0
    out = capsys.readouterr().out
    if given:
        assert json.loads(out)["rows"] == rows
    else:
        assert "one: rtl equal" in out


def test_results_are_written_row_by_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(data: object, seeds: object, advance: object) -> object:
        yield {"name": "one"}
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "compare", stopped)
    out = tmp_path / "deep" / "rows.json"
    assert main(["bench", "networks", "--no-progress", "--json", str(out)]) == 130
    assert json.loads(out.read_text())["rows"] == [{"name": "one"}]


def test_the_plain_network_has_the_same_layers(small: DataSet) -> None:
    for network in ("8C3-AP2-16C3-MP2-12FC-10FC", "8C3-AP2-GAP", "20FC-10FC"):
        layers = parse(network, small.shape, 10)
        plain = plain_network(layers)
        assert plain(torch.zeros(3, 1, 8, 8)).shape == (3, 10)
        weights = [p for name, p in plain.named_parameters() if name.endswith("weight")]
        assert [w.numel() for w in weights] == [layer.weights for layer in layers]


def test_the_plain_network_is_timed_on_an_accelerator_too(
    small: DataSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    layers, plan = parse("10FC", small.shape, 10), Plan(1, "direct", 1, 32, 1e-3)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert train_relu(layers, small, plan).cuda_microseconds is None
    # PyTorch's device without memory stands for one that is not here.
    monkeypatch.setattr("spynq_train.relu.accelerator", lambda: "meta")
    found = train_relu(layers, small, plan).cuda_microseconds
    assert found is not None and found > 0


def test_the_plain_network_learns(small: DataSet) -> None:
    found = train_relu(parse("40FC-10FC", small.shape, 10), small, Plan(1, "direct", 10, 32, 1e-3))
    assert found.accuracy > 70
    assert found.microseconds > 0


def test_rows_that_need_no_training_hold() -> None:
    rows = {target.name: target for target in rows_of("train")}
    assert len(rows) == 7
    for name in ("TLBPTT: MACs saved, LeNet-1, layer by layer", "TLBPTT: counted bytes against the model"):
        measured = rows[name].measure()
        assert isinstance(measured, Measured)
        assert measured.value == pytest.approx(72.29 if "MACs" in name else 1.0, abs=0.01)


def test_seeds_of_the_table() -> None:
    assert command._SEEDS == (0, 1, 2)
    assert compare.ENTRIES is command.ENTRIES
