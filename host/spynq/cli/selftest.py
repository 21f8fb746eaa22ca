"""``spynq selftest``: what a board proves before it is trusted; the same on its simulation."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spynq.cli.output import print_json, table

if TYPE_CHECKING:
    from spynq.selftest import Check

__all__ = ["add_to", "run"]


def add_to(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the command to the command line."""
    command = commands.add_parser(
        "selftest",
        parents=[common],
        help="handshake, registers, memory, golden vectors, interrupt, clock, power",
        description="Test a device with its kernels. Exit status 1 if a check failed; the report is "
        "made all the same, and --into keeps it for sending.",
    )
    command.add_argument("kernels", metavar="KERNEL", nargs="*", help="default: all")
    command.add_argument("--device", help="board, rtl or golden; default: board on one, else golden")
    command.add_argument("--seed", type=int, default=1, help="of the numbers used (1)")
    command.add_argument("--into", type=Path, metavar="FILE", help="write the report as JSON")
    command.add_argument("--quiet", action="store_true", help="no line per check while it runs")
    command.add_argument("--json", action="store_true", help="print one JSON object")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run ``spynq selftest``."""
    import json

    from spynq.selftest import examine

    if arguments.seed < 0:
        raise ValueError(f"--seed must be at least 0, not {arguments.seed}")

    def tell(kernel: str, check: Check) -> None:
        if not arguments.quiet:
            print(f"{kernel or 'board'}: {check.name}: {check.state}", file=sys.stderr, flush=True)

    report = examine(arguments.kernels, arguments.device, seed=arguments.seed, tell=tell)
    if arguments.into is not None:
        arguments.into.write_text(json.dumps(report.as_dict(), indent=2) + "\n", encoding="utf-8")
    if arguments.json:
        print_json(report.as_dict())
    else:
        rows = [("board", check.name, check.state, _seen(check)) for check in report.checks]
        rows += [(k.kernel, c.name, c.state, _seen(c)) for k in report.kernels for c in k.checks]
        print(table(("part", "check", "state", "detail"), rows))
    return 0 if report.passed else 1


def _seen(check: Check) -> str:
    """What a check says, and the figures that it measured by the way."""
    figures = (f"{value:.4g} {name.replace('_', ' ')}" for name, value in check.figures.items())
    return "; ".join((check.detail, *figures))
