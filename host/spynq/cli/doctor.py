"""``spynq doctor``: what is installed, which devices work, what is missing and how to get it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from spynq.cli.output import Waiting, print_json, table

if TYPE_CHECKING:
    from spynq.doctor import Report

__all__ = ["add_to", "run"]


def add_to(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the command to the command line."""
    command = commands.add_parser("doctor", parents=[common], help="what works here, and what is missing")
    command.add_argument("--json", action="store_true", help="print one JSON object")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run ``spynq doctor``; 1 if not even the golden device works."""
    from spynq.doctor import examine

    with Waiting("opening each device (the first time compiles one)", quiet=arguments.json):
        report = examine()
    if arguments.json:
        print_json(report.as_json())
    else:
        print(text(report))
    return 0 if any(device.name == "golden" and device.found for device in report.devices) else 1


def text(report: Report) -> str:
    """The report for people."""
    parts = ["\n".join(f"{name:8} {value}" for name, value in report.system.items())]
    for title, findings in (("package", report.packages), ("program", report.programs)):
        rows = [(f.name, f.found or "missing", f.purpose) for f in findings]
        parts.append(table((title, "version", "for"), rows))
    parts.append(
        table(("device", "state"), [(d.name, d.found or f"no: {d.purpose}") for d in report.devices])
    )
    commands = report.commands
    parts.append(
        "\n".join(["missing; get it with:", *(f"    {command}" for command in commands)])
        if commands
        else "nothing is missing"
    )
    return "\n\n".join(parts)
