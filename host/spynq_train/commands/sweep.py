"""``spynq train sweep METHOD``: many runs over options, seeds and widths on a Dask cluster."""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Sequence
from typing import Any

from spynq.cli.output import on_terminal, print_json, table
from spynq_train.presets import preset, preset_for
from spynq_train.recipes import OPTIONS, PLAN
from spynq_train.sweep import Job, points, run_sweep

__all__ = ["run"]


def run(arguments: argparse.Namespace) -> int:
    """Run ``spynq train sweep``."""
    method = arguments.method
    chosen = arguments.preset or preset_for(method, arguments.data)
    preset(method, chosen)
    over = dict(_values(text, method) for text in arguments.over)
    seeds = [_number(text, "--seeds", int) for text in arguments.seeds.split(",")]
    given = {name: getattr(arguments, name) for name in PLAN if getattr(arguments, name) is not None}
    jobs = [
        Job(method, arguments.data, chosen, arguments.folder, arguments.train, arguments.test, given, point)
        for point in points(over, seeds)
    ]
    results = run_sweep(
        jobs,
        arguments.out,
        scheduler=arguments.scheduler,
        workers=arguments.workers,
        progress=not arguments.no_progress and on_terminal(),
    )
    if arguments.json:
        print_json({"method": method, "preset": chosen, "results": results, "out": str(arguments.out)})
        return 0
    print(table((*over, "seeds", "accuracy, %", "spread", "integer, %"), _summary(results, list(over))))
    print(f"\nspread: standard deviation over seeds; every run in {arguments.out}")
    return 0


def _summary(results: Sequence[dict[str, Any]], names: Sequence[str]) -> list[tuple[Any, ...]]:
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for result in results:
        groups.setdefault(tuple(result["point"][name] for name in names), []).append(result)
    rows = []
    for key, group in groups.items():
        right = [one["accuracy"] for one in group]
        spread = statistics.stdev(right) if len(right) > 1 else None
        whole = [one["integer_accuracy"] for one in group if "integer_accuracy" in one]
        rows.append(
            (*key, len(group), statistics.mean(right), spread, statistics.mean(whole) if whole else None)
        )
    return rows


def _values(text: str, method: str) -> tuple[str, list[Any]]:
    name, equals, listed = text.partition("=")
    name = name.replace("-", "_")
    known = [*OPTIONS[method], *PLAN[1:], "bits"]  # a network has commas of its own
    if not equals or name not in known:
        raise ValueError(
            f"--over must be one of {', '.join(known)} with values, such as {known[0]}=a,b, not {text!r}"
        )
    return name, [_value(value) for value in listed.split(",") if value]


def _value(text: str) -> Any:
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _number(text: str, option: str, kind: type[int]) -> int:
    try:
        return kind(text)
    except ValueError as error:
        raise ValueError(f"{option} must be numbers with commas between them, not {text!r}") from error
