"""``spynq bench``: measure the rows of a bench and hold them against their bounds."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from spynq.cli import paper, train
from spynq.cli.output import on_terminal, print_json, table

__all__ = ["add_to", "run"]


def add_to(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the command to the command line."""
    command = commands.add_parser(
        "bench", parents=[common], help="measure: spynq bench stm | lif | sgf | networks | device | paper"
    )
    command.add_argument("name", metavar="NAME", help="which bench: stm, device, ..., or paper")
    command.add_argument(
        "--json",
        metavar="FILE",
        nargs="?",
        const="-",
        help="write rows, machine and commit there (without FILE: print them instead of the table)",
    )
    command.add_argument("--no-progress", action="store_true", help="no progress bar")
    paper.add_options(command)
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run ``spynq bench``; a row that is short is a finding, not an error."""
    if arguments.name == "networks":
        return train.compare(arguments)
    if arguments.name == "paper":
        return paper.run(arguments)
    if arguments.table or arguments.figure or arguments.plot:
        raise ValueError(f"--table, --figure and --plot belong to spynq bench paper, not to {arguments.name}")
    from tqdm import tqdm

    from spynq.bench import rows_of
    from spynq.bench.registry import left_out
    from spynq.bench.runner import commit, machine, measure, report, write

    targets = rows_of(arguments.name)
    if left_out():
        print(f"spynq: {left_out()}", file=sys.stderr)
    if arguments.json not in (None, "-"):
        # Rows take minutes: a place that cannot be written is told before the first.
        Path(arguments.json).parent.mkdir(parents=True, exist_ok=True)
        Path(arguments.json).open("a").close()
    rows = []
    hidden = arguments.no_progress or not on_terminal()
    with tqdm(targets, unit="row", disable=hidden, leave=False) as progress:
        for target in progress:
            progress.set_postfix_str(target.name)
            rows.append(measure(target))
            if arguments.json not in (None, "-"):
                # After each row, so that an interruption keeps what took minutes.
                write(rows, Path(arguments.json))
    if arguments.json == "-":
        print_json(report(rows))
        return 0
    lines = [(row.name, row.value, row.unit, row.must, row.moonshot, row.verdict) for row in rows]
    print(table(("row", "value", "unit", "must", "moonshot", "verdict"), lines))
    print()
    for row in rows:
        print(f"{row.name}: {row.how}")
    print(f"\n{machine()}; commit {commit() or 'unknown'}")
    return 0
