"""One training run from beginning to end: train, judge once on the test part, export, draw."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from spynq.pictures import new_figure
from spynq_train.albsnn import AdaptiveBinary
from spynq_train.bwo import Pass, optimise_planes
from spynq_train.data import DataSet
from spynq_train.export import export
from spynq_train.fit import Evaluation, History, Plan, evaluate, fit, inputs_of
from spynq_train.memory import count_saved
from spynq_train.method import Method
from spynq_train.recipes import Run
from spynq_train.tlbptt import TruncatedLocal, head_accuracies

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Batch = tuple[torch.Tensor, torch.Tensor]

__all__ = ["Outcome", "draw", "learn", "resident", "saved_bytes"]


@dataclass(frozen=True)
class Outcome:
    """What a run gave.

    Attributes
    ----------
    run : Run
    history : History
    evaluation : Evaluation
        On the test part, after the last update.
    details : dict
        Of the method: accuracies of all heads, layers at full precision, passes of weight optimisation.
    seconds : float
        CPU seconds of training.
    memory : int
        Bytes that one batch keeps for its backward pass, counted.
    """

    run: Run
    history: History
    evaluation: Evaluation
    details: dict[str, Any]
    seconds: float
    memory: int

    def as_json(self) -> dict[str, Any]:
        """Everything as plain data."""
        return {
            "method": self.run.identity["method"],
            "settings": {**self.run.identity, **asdict(self.run.plan)},
            "accuracy": self.evaluation.accuracy,
            "test_samples": self.evaluation.samples,
            "losses": self.history.losses,
            "held_out": self.history.held_out,
            "layers": [asdict(layer) for layer in self.evaluation.layers],
            "cpu_seconds": self.seconds,
            "saved_bytes": self.memory,
            "peak_resident_bytes": resident(),
            **self.details,
        }


def resident() -> int:
    """Most bytes of memory that this process has had."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def learn(
    run: Run,
    data: DataSet,
    *,
    device: torch.device | None = None,
    checkpoint: Path | None = None,
    out: Path | None = None,
    bwo: int = 0,
    hold_out: int = 0,
    progress: bool = False,
) -> Outcome:
    """Train a prepared run, judge it on the test part, and write it as NIR.

    Parameters
    ----------
    run : Run
    data : DataSet
    device : torch.device, optional
    checkpoint, out : pathlib.Path, optional
        Where the state is kept meanwhile, and the network in the end.
    bwo : int
        Passes of binary weight optimisation, of ALBSNN alone.
    hold_out : int
        Last training samples that are not trained on, and judged after every epoch.
    progress : bool
    """
    if bwo and not isinstance(run.method, AdaptiveBinary):
        raise ValueError("weight optimisation takes planes out of ALBSNN's weights; other methods have none")
    place = device or torch.device("cpu")
    whole, judged = data.held_out(hold_out) if hold_out else (data, None)
    memory = saved_bytes(run.method, whole, run.plan, place)
    train, held = (whole, whole) if not bwo else _tenth(whole)
    history = fit(
        run.method,
        train,
        run.plan,
        device=place,
        checkpoint=checkpoint,
        identity={**run.identity, "bwo": bool(bwo), "hold_out": hold_out},
        held_out=judged,
        progress=progress,
    )
    details: dict[str, Any] = {}
    if isinstance(run.method, AdaptiveBinary):
        if bwo:
            passes = _optimise(run.method, train, held, run.plan, place, bwo)
            details["bwo"] = [asdict(one) for one in passes]
        details["full_layers"] = run.method.full_layers()
        details["bits_per_weight"] = run.method.stored_bits()
    evaluation = evaluate(run.method, data, run.plan, device=place)
    if isinstance(run.method, TruncatedLocal):
        details["heads"] = head_accuracies(run.method, _test_batches(data, run.plan, place))
    if out is not None:
        export(run.method.network.cpu(), out, data, run.plan.coding)
    return Outcome(run, history, evaluation, details, sum(history.seconds), memory)


def saved_bytes(method: Method, data: DataSet, plan: Plan, device: torch.device) -> int:
    """Bytes one batch keeps for its backward pass; the method is left as it was."""
    probe = method.copied().to(device)
    optimiser = torch.optim.SGD(probe.trained(), lr=0.0)
    x = inputs_of(data, data.train[: plan.batch], plan, device, 0)
    y = torch.from_numpy(data.train_labels[: plan.batch]).to(device)
    with count_saved(probe) as saved:
        probe.learn(x, y, optimiser)
    return saved.most


def _test_batches(data: DataSet, plan: Plan, device: torch.device) -> Iterator[Batch]:
    for begin in range(0, len(data.test), 200):
        x = inputs_of(data, data.test[begin : begin + 200], plan, device, -1 - begin)
        yield x, torch.from_numpy(data.test_labels[begin : begin + 200]).to(device)


def _tenth(data: DataSet) -> tuple[DataSet, DataSet]:
    """Nine of ten training samples to train, the tenth to judge weight optimisation."""
    held = np.arange(len(data.train)) % 10 == 9
    kept = replace(data, train=data.train[~held], train_labels=data.train_labels[~held])
    return kept, replace(data, train=data.train[held], train_labels=data.train_labels[held])


def _optimise(
    method: AdaptiveBinary, data: DataSet, held: DataSet, plan: Plan, device: torch.device, passes: int
) -> list[Pass]:
    def batches(part: DataSet, most: int, key: int) -> list[Batch]:
        order = np.random.default_rng((plan.seed, key)).permutation(len(part.train))
        chosen = [order[b * plan.batch : (b + 1) * plan.batch] for b in range(most)]
        return [
            (
                inputs_of(part, part.train[c], plan, device, key),
                torch.from_numpy(part.train_labels[c]).to(device),
            )
            for c in chosen
            if len(c)
        ]

    def train(one: AdaptiveBinary, number: int) -> None:
        one.train()
        # A tenth of the rate: the schedule of the run has come down to almost nothing by now.
        optimiser = torch.optim.Adam(one.trained(), lr=plan.rate / 10)
        for x, y in batches(data, 20, 1000 + number):
            one.update(x, y, optimiser)

    whole = -(-len(held.train) // plan.batch)
    return optimise_planes(
        method,
        train,
        batches(held, whole, 999),
        batches(data, 5, 998),
        passes=passes,
        rate=plan.rate,
    )


def draw(outcome: Outcome) -> Figure:
    """Loss over epochs, and what the neurons of every layer do on the test part."""
    figure = new_figure(9, 3.2)
    curve, rates = figure.subplots(1, 2)
    epochs = range(1, len(outcome.history.losses) + 1)
    curve.plot(epochs, outcome.history.losses, marker="o", markersize=3)
    curve.set(xlabel="epoch", ylabel="mean loss", yscale="log")
    curve.set_title(f"{outcome.run.identity['method']}: {outcome.evaluation.accuracy:.2f} % of the test part")
    layers = outcome.evaluation.layers
    places = np.arange(len(layers))
    bars: list[tuple[Callable[[Any], float], str]] = [
        (lambda layer: layer.rate, "spikes per neuron and step"),
        (lambda layer: layer.silent, "silent neurons (share per sample)"),
    ]
    for shift, (value, label) in zip((-0.2, 0.2), bars, strict=True):
        rates.bar(places + shift, [value(layer) for layer in layers], 0.38, label=label)
    rates.set_xticks(places, [layer.layer.replace(" ", "\n") for layer in layers], fontsize=7)
    rates.set(ylim=(0, 1.25))
    rates.legend(fontsize=8, loc="upper right")
    return figure
