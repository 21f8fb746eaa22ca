"""``spynq train costs``: what cut training costs, by the models, and what one batch keeps by count."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from spynq.cli.output import print_json, table
from spynq.errors import FormatError
from spynq_train.costs import Costs, Setting, training_costs
from spynq_train.footprint import saved_words, weight_words
from spynq_train.merit import Merit, merit, sweep
from spynq_train.presets import PRESETS
from spynq_train.topology import parse

__all__ = ["counted_bytes", "run"]

_WORD = 4
_TITLES = ("k", "n", "kept, MB", "counted, MB", "accesses", "additions", "MACs")
_PARTS = ("kept + weights", "MA", "ADD", "MAC", "mean", "FoM")


@dataclass(frozen=True)
class _Row:
    merit: Merit
    costs: Costs
    kept: int
    weights: int
    counted: int | None

    def cells(self) -> tuple[Any, ...]:
        m, c = self.merit, self.costs
        counted = None if self.counted is None else self.counted / 1e6
        own = (m.k, m.n, _WORD * self.kept / 1e6, counted, c.accesses, c.additions, c.macs)
        return (*own, m.memory, m.accesses, m.additions, m.macs, m.cost, m.figure)

    def as_json(self) -> dict[str, Any]:
        parts = {f"{key}_of_bptt": value for key, value in asdict(self.merit).items() if key not in "kn"}
        return {
            "k": self.merit.k,
            "n": self.merit.n,
            **asdict(self.costs),
            "accesses": self.costs.accesses,
            "kept_bytes": _WORD * self.kept,
            "counted_bytes": self.counted,
            "weight_bytes": _WORD * self.weights,
            **parts,
            "cost_of_bptt": self.merit.cost,
            "figure_of_merit": self.merit.figure,
        }


def run(arguments: argparse.Namespace) -> int:
    """Run ``spynq train costs``."""
    setting, network = _setting(arguments)
    accuracies = _accuracies(arguments.accuracies) if arguments.accuracies else {}
    whole = replace(setting, k=setting.steps, n=len(setting.layers))
    if arguments.sweep:
        merits: Sequence[Merit] = sweep(setting, accuracies=accuracies)
    else:
        reference = accuracies.get((whole.k, whole.n))
        chosen = [whole] if setting == whole else [whole, setting]
        merits = [merit(one, accuracies.get((one.k, one.n)), reference) for one in chosen]
    rows = [_row(replace(setting, k=m.k, n=m.n), m, arguments.measure) for m in merits]
    if arguments.json:
        settings = {key: value for key, value in asdict(setting).items() if key != "layers"}
        print_json({"network": network, "setting": settings, "rows": [row.as_json() for row in rows]})
        return 0
    print(f"{network}, T = {setting.steps}, one batch of {setting.batch}, activity {setting.activity:g}\n")
    print(table((*_TITLES, *_PARTS), [row.cells() for row in rows]))
    print(
        "\nkept: for the backward pass, by the model; counted: by autograd (--measure). From the eighth "
        "column on:\nparts of BPTT's (k = T, all layers), their mean, and the figure of merit where "
        "--accuracies holds accuracies"
    )
    return 0


def _row(setting: Setting, one: Merit, measure: bool) -> _Row:
    counted = counted_bytes(setting) if measure else None
    return _Row(one, training_costs(setting), saved_words(setting), weight_words(setting), counted)


def counted_bytes(setting: Setting) -> int:
    """Bytes that autograd keeps in one batch of the network, still input."""
    import torch

    from spynq_train.lif import surrogate_named
    from spynq_train.memory import count_saved
    from spynq_train.network import SpikingNetwork
    from spynq_train.neuron import Neuron
    from spynq_train.tlbptt import TruncatedLocal

    network = SpikingNetwork(setting.layers, Neuron(0.9, 0.5, "soft"), width=0.5)
    method = TruncatedLocal(
        network,
        setting.classes,
        k=setting.k,
        n=setting.n,
        steps=setting.steps,
        surrogate=surrogate_named("rect", 0.5),
        random_heads=setting.random_heads,
    )
    pixels = torch.rand(1, setting.batch, *setting.layers[0].inputs).expand(setting.steps, -1, -1, -1, -1)
    with count_saved(method) as saved:
        optimiser = torch.optim.SGD(method.trained(), lr=0.0)
        method.learn(pixels, torch.zeros(setting.batch, dtype=torch.long), optimiser)
    return saved.most


def _setting(arguments: argparse.Namespace) -> tuple[Setting, str]:
    known = PRESETS["tlbptt"]
    chosen = known.get(arguments.network)
    network = chosen.network if chosen else arguments.network
    if chosen is None and "C" not in network:
        raise ValueError(
            f"unknown network {network!r}; known networks are {', '.join(known)}, or write one like "
            "6C5-AP2-128FC"
        )
    layers = parse(network, _shape(arguments.input))
    steps = arguments.steps or (chosen.steps if chosen else 10)
    setting = Setting(
        layers,
        arguments.classes,
        steps,
        steps if arguments.k is None else arguments.k,
        len(layers) if arguments.n is None else arguments.n,
        arguments.batch,
        arguments.activity,
        arguments.random_heads,
        arguments.honest,
    )
    return setting, network


def _shape(text: str) -> tuple[int, int, int]:
    parts = text.split("x")
    if len(parts) != 3 or not all(part.isdecimal() and int(part) for part in parts):
        raise ValueError(f"--input must be channels x height x width, such as 1x28x28, not {text!r}")
    channels, height, width = map(int, parts)
    return channels, height, width


def _accuracies(path: Path) -> dict[tuple[int, int], float]:
    """Mean accuracy of every (k, n) in the results of a sweep."""
    found: dict[tuple[int, int], list[float]] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            row = json.loads(line)
            found.setdefault((row["point"]["k"], row["point"]["n"]), []).append(row["accuracy"])
        except (ValueError, KeyError, TypeError) as error:
            raise FormatError(
                f"{path}: line {number}: no result of a sweep over k and n; make one with "
                "spynq train sweep tlbptt --over k=10,2,1 --over n=4,1"
            ) from error
    return {key: sum(values) / len(values) for key, values in found.items()}
