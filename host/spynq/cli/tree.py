"""``spynq stm tree`` and ``spynq stm fit``: ask a tree of populations, learn a network's tables."""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import Any

from spynq.cli.output import Waiting, on_terminal, print_json, table

__all__ = ["add_fit", "add_tree", "fit", "tree"]


def add_tree(kinds: Any, shared: argparse.ArgumentParser) -> None:
    """Add ``spynq stm tree``."""
    asked = kinds.add_parser("tree", parents=[shared], help="posterior of a tree's root by populations")
    asked.add_argument("file", metavar="FILE", help="tree as .json, or a network that is one (.bif, .xml)")
    asked.add_argument(
        "--evidence",
        metavar="NODE=VALUE",
        nargs="+",
        action="extend",
        default=[],
        help="a state, a number, or a cue as VALUE,SD",
    )
    asked.add_argument("--root", metavar="NODE", help="ask for this node: arrows are turned round (the root)")
    asked.add_argument(
        "--rule", choices=("lambda", "published"), default="lambda", help="how messages multiply"
    )
    asked.add_argument(
        "--populations",
        choices=("random", "stratified", "exact"),
        default="random",
        help="how to draw",
    )
    asked.add_argument("--spikes", metavar="N", type=int, help="let the root's population fire N spikes")
    asked.set_defaults(run=tree)


def add_fit(kinds: Any, shared: argparse.ArgumentParser) -> None:
    """Add ``spynq stm fit``."""
    learned = kinds.add_parser("fit", parents=[shared], help="learn a network's tables from records")
    learned.add_argument("file", metavar="FILE", help="network as .bif or .xml: its nodes, states and arrows")
    learned.add_argument(
        "data", metavar="DATA", type=Path, help="records as .csv, a column per node; ? is missing"
    )
    learned.add_argument("--out", metavar="FILE", type=Path, help="write the learned network as .bif")
    learned.add_argument("--iterations", metavar="N", type=int, default=20, help="steps at most (20)")
    learned.add_argument("--prior", metavar="COUNT", type=float, default=0.0, help="added to every count (0)")
    learned.set_defaults(run=fit)


def _device(arguments: argparse.Namespace, *more: str) -> str:
    from spynq import devices

    device = str(arguments.device or devices.default())
    if device not in (*devices.names(), *more):
        raise ValueError(
            f"unknown device {device!r}; known devices are {', '.join((*devices.names(), *more))}"
        )
    return device


def _evidence(items: list[str]) -> dict[str, Any]:
    evidence: dict[str, Any] = {}
    for item in items:
        node, equals, value = item.partition("=")
        if not (node and equals and value):
            raise ValueError(f"--evidence takes NODE=VALUE or NODE=VALUE,SD, not {item!r}")
        if node in evidence:
            raise ValueError(f"--evidence names {node} twice; keep one of them")
        evidence[node] = value
    return evidence


def _read(model: Any, evidence: dict[str, Any]) -> dict[str, Any]:
    """Numbers for continuous nodes, names for discrete ones."""
    found: dict[str, Any] = {}
    for name, text in evidence.items():
        if model[name].discrete:
            found[name] = text
            continue
        try:
            numbers = [float(part) for part in text.split(",")]
        except ValueError:
            raise ValueError(f"{name} takes a number, or VALUE,SD, not {text!r}") from None
        found[name] = numbers[0] if len(numbers) == 1 else tuple(numbers)
    return found


def tree(arguments: argparse.Namespace) -> int:
    """Run ``spynq stm tree``."""
    from spynq.stm import load_tree

    device = _device(arguments, "reference")
    model = load_tree(arguments.file)
    if arguments.root is not None:
        model = model.rerooted(arguments.root)
    evidence = _read(model, _evidence(arguments.evidence))
    options: dict[str, Any] = {
        "device": device,
        "seed": arguments.seed,
        "rule": arguments.rule,
        "populations": arguments.populations,
    }
    if arguments.samples is not None:
        options["neurons"] = arguments.samples
    fired = None
    with Waiting(f"tree on {device}", quiet=arguments.no_progress):
        if arguments.spikes is None:
            posterior = model.infer(evidence, **options)
        else:
            fired = model.spikes(evidence, arguments.spikes, **options)
            posterior = fired.posterior
    answer = posterior.to_dict()
    if fired is not None:
        read = fired.shares.tolist() if posterior.states else fired.mean
        answer["spikes"] = {"total": fired.total, "posterior": read, "standard_error": fired.standard_error}
    if arguments.json:
        print_json(answer)
    else:
        print(posterior)
        if fired is not None:
            print(f"read from {fired.total} spikes: {answer['spikes']['posterior']}")  # type: ignore[index]
    if arguments.plot is not None:
        figure = posterior.plot() if fired is None else fired.raster()
        arguments.plot.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(arguments.plot, dpi=150, bbox_inches="tight")
    return 0


def fit(arguments: argparse.Namespace) -> int:
    """Run ``spynq stm fit``."""
    from spynq.stm import load

    device = _device(arguments)
    network = load(arguments.file)
    with arguments.data.open(newline="", encoding="utf-8") as lines:
        reader = csv.DictReader(lines)
        rows = list(reader)
        columns = {name: [row[name] for row in rows] for name in reader.fieldnames or ()}
    options: dict[str, Any] = {
        "iterations": arguments.iterations,
        "prior": arguments.prior,
        "seed": arguments.seed,
    }
    if arguments.samples is not None:
        options["samples"] = arguments.samples
    quiet = arguments.no_progress or not on_terminal()
    found = network.fit(columns, device=device, progress=not quiet, **options)
    if arguments.out is not None:
        found.network.to_bif(arguments.out)
    report = {
        "device": found.device,
        "kernel": "stm",
        "records": found.records,
        "samples": found.samples,
        "seed": found.seed,
        "iterations": found.iterations,
        "log_likelihood": found.log_likelihood,
        "changes": found.changes,
        "cycles": found.cycles,
        "cycles_per_record": found.cycles_per_record,
        "notes": found.notes,
        "tables": {name: node.table for name, node in found.network.nodes.items()},
    }
    if arguments.json:
        print_json(report)
        return 0
    steps = [
        (index + 1, log, change)
        for index, (log, change) in enumerate(zip(found.log_likelihood, found.changes, strict=True))
    ]
    print(table(("step", "log likelihood before", "largest change"), steps))
    cost = (
        f"{found.cycles_per_record:,.0f} cycles per record and step" if found.cycles else "no cycles counted"
    )
    print(f"\ndevice {found.device}, {found.records:,} records, {found.samples} samples each, {cost}")
    for note in found.notes:
        print(f"note: {note}")
    return 0
