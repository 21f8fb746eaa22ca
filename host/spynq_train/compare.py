"""Every method on the same data and split: accuracy, cost of training, and what the engine makes of it.

Beside each network stands the same topology as a plain network with ReLU, trained on the same samples
for as many epochs and timed in the same run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Any

from spynq.lif.network import CompiledNetwork
from spynq.lif.params import LifConfig
from spynq_train.data import DataSet
from spynq_train.engine import compiled, given_to_engine, integer_scores, judged_inputs
from spynq_train.learning import Outcome, learn
from spynq_train.recipes import prepare
from spynq_train.relu import microseconds, train_relu
from spynq_train.topology import Layer

__all__ = ["ENTRIES", "SMALL_BUILD", "Entry", "compare", "measure_entry"]

SMALL_BUILD = LifConfig(columns=1, weights=1024, banks=2, maps=64, units=64, rounds=8, dsp=False)
"""Engine that a sample of each network runs on as gateware: the smallest that holds the digits' networks."""


@dataclass(frozen=True)
class Entry:
    """One row of the table.

    Attributes
    ----------
    name : str
    method : str
    options : dict
    paper : str
        The paper's figure, on its own data and network: it stands beside ours and is not compared.
    """

    name: str
    method: str
    options: dict[str, Any]
    paper: str = ""


ENTRIES = (
    Entry("BRP", "brp", {"rule": "brp"}, "99.01 MNIST, conv"),
    Entry("BRP, BP through all layers", "brp", {"rule": "bp"}, "99.29 MNIST, conv"),
    Entry("BRP, hidden layers frozen", "brp", {"rule": "frozen"}),
    Entry("TLBPTT k=T, n=all", "tlbptt", {"n": 4}),
    Entry("TLBPTT k=T, n=1", "tlbptt", {"n": 1}),
    Entry("TLBPTT k=1, n=1", "tlbptt", {"k": 1, "n": 1}),
    Entry("ALBSNN", "albsnn", {}, "93.10 Fashion-MNIST"),
    Entry("ALBSNN, all binary", "albsnn", {"keep": "none"}, "92.38 Fashion-MNIST"),
    Entry("ALBSNN, full precision", "albsnn", {"keep": "all"}, "93.48 Fashion-MNIST"),
    Entry("SNNWM, L=T", "snnwm", {}, "98.26 DVS128 Gesture"),
    Entry("SNNWM, L=1", "snnwm", {"memory": 1}),
)
"""What is compared; all on scikit-learn's digits with each method's small network."""


def measure_entry(
    entry: Entry, data: DataSet, seeds: Sequence[int], *, rtl: int = 0, **given: Any
) -> dict[str, Any]:
    """Train an entry with every seed, run it on the golden model, and a sample on simulated gateware.

    Parameters
    ----------
    entry : Entry
    data : DataSet
    seeds : sequence of int
    rtl : int
        Test samples on device ``rtl``, with the first seed; 0 leaves it out.
    **given
        Instead of the preset's, such as ``epochs``.

    Returns
    -------
    dict
        ``accuracy``, ``integer``, ``relu`` and so on as means over seeds, with ``spread`` of the accuracy.
    """
    runs = [_one(entry, data, seed, **given) for seed in seeds]
    right = [run["accuracy"] for run in runs]
    keys = [key for key in runs[0] if key not in ("outcome", "network")]
    row: dict[str, Any] = {
        key: None if runs[0][key] is None else mean(run[key] for run in runs) for key in keys
    }
    row |= {
        "name": entry.name,
        "paper": entry.paper,
        "seeds": list(seeds),
        "accuracies": right,
        "spread": stdev(right) if len(right) > 1 else None,
        "cycles": None,
        "rtl_differing": None,
        "rtl": "not asked for",
    }
    if rtl:
        row |= _on_rtl(runs[0]["network"], runs[0]["outcome"], data, rtl)
    return row


def _one(entry: Entry, data: DataSet, seed: int, **given: Any) -> dict[str, Any]:
    run = prepare(entry.method, data, data.name, seed, **entry.options, **given)
    outcome = learn(run, data)
    network = compiled(run.method.network, data, run.plan)
    found = _on_golden(network, outcome, data)
    relu = train_relu(run.method.network.layers, data, run.plan)
    steps = run.plan.judge_steps or run.plan.steps
    return {
        "outcome": outcome,
        "network": network,
        "accuracy": outcome.evaluation.accuracy,
        **found,
        "train_seconds": outcome.seconds,
        "saved_bytes": outcome.memory,
        "weights": sum(layer.weights for layer in run.method.network.layers),
        "macs": steps * _operations(run.method.network.layers),
        "relu": relu.accuracy,
        "relu_macs": _operations(run.method.network.layers),
        "relu_microseconds": relu.microseconds,
        "relu_cuda_microseconds": relu.cuda_microseconds,
        "torch_microseconds": _in_pytorch(outcome, data),
    }


def _in_pytorch(outcome: Outcome, data: DataSet) -> float:
    """Microseconds per sample of the spiking network in PyTorch, all steps, timed as the plain one is."""
    (x, labels), *_ = judged_inputs(data, outcome.run.plan, 100)
    return microseconds(outcome.run.method.scores, x, len(labels))


def _operations(layers: Sequence[Layer]) -> int:
    return sum(layer.operations for layer in layers)


def _on_golden(network: CompiledNetwork, outcome: Outcome, data: DataSet) -> dict[str, Any]:
    """The whole test part on the golden model, held against PyTorch's integers."""
    right = samples = differing = spikes = operations = 0
    for x, labels in judged_inputs(data, outcome.run.plan):
        result = network.run(given_to_engine(x), "golden")
        right += int((result.outputs.argmax(1) == labels).sum())
        differing += int((result.outputs != integer_scores(network, x)).sum())
        spikes += sum(layer.spikes_out for layer in result.counters.values())
        operations += sum(layer.synaptic_operations for layer in result.counters.values())
        samples += len(labels)
    return {
        "integer": 100 * right / samples,
        "differing": differing,
        "spikes": spikes / samples,
        "synaptic_operations": operations / samples,
    }


def _on_rtl(network: CompiledNetwork, outcome: Outcome, data: DataSet, count: int) -> dict[str, Any]:
    (x, _), *_ = judged_inputs(data, outcome.run.plan, count)
    small = network.for_build(SMALL_BUILD)
    try:
        simulated = small.run(given_to_engine(x), "rtl")
    except Exception as error:  # whatever a device lacks, the other columns are still to be told
        return {"rtl": f"not run: {' '.join(str(error).split())}"}
    golden = small.run(given_to_engine(x), "golden")
    pairs: list[tuple[Any, Any]] = [(simulated.outputs, golden.outputs)]
    pairs += [(simulated.spikes[name], spikes) for name, spikes in golden.spikes.items()]
    differing = sum(int((got != want).sum()) for got, want in pairs)
    told = f"{differing} differences to golden in spikes and outputs of {count} samples"
    return {"cycles": simulated.cycles / count, "rtl_differing": differing, "rtl": told}


def compare(
    data: DataSet,
    seeds: Sequence[int] = (0, 1, 2),
    *,
    rtl: int = 2,
    entries: Sequence[Entry] = ENTRIES,
    advance: Callable[[str], None] | None = None,
    **given: Any,
) -> Iterator[dict[str, Any]]:
    """Rows of the table, one after another; ``advance`` is told each entry's name before it begins."""
    for entry in entries:
        if advance is not None:
            advance(entry.name)
        yield measure_entry(entry, data, seeds, rtl=rtl, **given)
