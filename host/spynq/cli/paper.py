"""``spynq bench paper``: the source paper's tables and figures beside the kernel and the best software."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from spynq.cli.output import on_terminal, plain, print_json, table

__all__ = ["add_options", "run"]

_TABLES, _FIGURES = ("1", "2", "3", "4"), ("9b", "10b", "11")


def add_options(command: argparse.ArgumentParser) -> None:
    """Options of ``spynq bench paper``."""
    paper = command.add_argument_group("of spynq bench paper")
    paper.add_argument(
        "--table", nargs="+", action="extend", choices=_TABLES, default=[], help="of the paper"
    )
    paper.add_argument(
        "--figure", nargs="+", action="extend", choices=_FIGURES, default=[], help="of the paper"
    )
    paper.add_argument(
        "--without",
        nargs="+",
        action="extend",
        choices=("kernel", "software"),
        default=[],
        help="leave out the simulated kernel (minutes, the first time) or the other software",
    )
    paper.add_argument("--networks", metavar="N", type=int, default=400, help="networks of a figure (400)")
    paper.add_argument("--plot", metavar="FILE", type=Path, help="draw the figure (.png, .svg, .pdf)")


def run(arguments: argparse.Namespace) -> int:
    """Run ``spynq bench paper``."""
    from tqdm import tqdm

    from spynq.bench.paper.figures import figure
    from spynq.bench.paper.tables import table as measured
    from spynq.bench.runner import commit, machine

    if not arguments.table and not arguments.figure:
        raise ValueError("spynq bench paper needs --table 1, 2, 3 or 4, or --figure 9b, 10b or 11")
    if arguments.plot is not None and len(arguments.figure) != 1:
        raise ValueError("--plot draws one figure; give --figure once")
    if arguments.networks < 1:
        raise ValueError(f"--networks must be at least 1, not {arguments.networks}")
    device = None if "kernel" in arguments.without else "rtl"
    with tqdm(unit="row", disable=arguments.no_progress or not on_terminal(), leave=False) as bar:

        def advance(name: str) -> None:
            bar.update()
            bar.set_postfix_str(name)

        software = "software" not in arguments.without
        tables = [
            measured(int(number), device=device, software=software, advance=advance)
            for number in dict.fromkeys(arguments.table)
        ]
        figures = [
            figure(name, networks=arguments.networks, advance=advance)
            for name in dict.fromkeys(arguments.figure)
        ]
    report: dict[str, Any] = {
        "tables": [found.as_json() for found in tables],
        "figures": [found.as_json() for found in figures],
        "machine": machine(),
        "commit": commit(),
    }
    if arguments.json == "-":
        print_json(report)
    else:
        if arguments.json is not None:
            place = Path(arguments.json)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(json.dumps(plain(report), indent=2, allow_nan=False) + "\n", encoding="utf-8")
        texts = [table_text(found) for found in tables] + [figure_text(found) for found in figures]
        print("\n\n".join([*texts, f"{report['machine']}; commit {report['commit'] or 'unknown'}"]))
    if arguments.plot is not None:
        arguments.plot.parent.mkdir(parents=True, exist_ok=True)
        figures[0].plot().savefig(arguments.plot, dpi=150, bbox_inches="tight")
    return 0


def table_text(found: Any) -> str:
    """A table for people: title, what time means, rows, how each came about."""
    rows = [(line.who, line.source, line.per_neuron, line.milliseconds, line.cycles) for line in found.lines]
    head = ("who", "source", "ms per neuron", "ms per inference", "cycles")
    parts = [found.title, found.definition, "", table(head, rows), ""]
    parts += [f"{line.who}: {line.how}" for line in found.lines if line.source != "paper"]
    if found.sizes:
        names = ("BRAM", "DSP", "FF", "LUT")
        sizes = [(who, *(row.get(name) for name in names)) for who, row in found.sizes.items()]
        parts += ["", table(("size", *names), sizes)]
    return "\n".join(parts)


def figure_text(found: Any) -> str:
    """A figure for people: the numbers of its curves."""
    parts = [found.title, f"The paper: {found.paper}"]
    for curves, x, y in ((found.curves, found.x, found.y), (found.errors, "neurons", "rms error")):
        for curve in curves:
            parts += ["", f"{curve.name} ({y} by {x})"]
            parts += ["  ".join(f"{a:g}: {b:.4g}" for a, b in zip(curve.x, curve.y, strict=True))]
    return "\n".join(parts)
