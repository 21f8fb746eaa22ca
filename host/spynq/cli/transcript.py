"""``spynq transcript``: record the traffic of a kernel's self-test runs, replay it elsewhere."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import Any

from spynq.cli.output import Waiting, print_json, table

__all__ = ["add_to", "run_record", "run_replay", "run_show"]


def add_to(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the command to the command line."""
    command = commands.add_parser(
        "transcript", parents=[common], help="record register and memory traffic, replay it on another device"
    )
    actions = command.add_subparsers(metavar="ACTION", required=True)
    record = actions.add_parser("record", parents=[common], help="record the self-test runs of a kernel")
    record.add_argument("kernel", metavar="KERNEL", help="such as stm")
    record.add_argument("file", metavar="FILE", type=Path, help="NPZ file to write")
    record.add_argument("--seed", type=int, default=1, help="of the runs (1)")
    record.set_defaults(run=run_record)
    replay = actions.add_parser(
        "replay", parents=[common], help="play a transcript; the first access that differs is named"
    )
    replay.add_argument("file", metavar="FILE", type=Path, help="what record wrote")
    replay.set_defaults(run=run_replay)
    show = actions.add_parser("show", parents=[common], help="what a transcript holds")
    show.add_argument("file", metavar="FILE", type=Path, help="what record wrote")
    show.set_defaults(run=run_show)
    for action in (record, replay):
        action.add_argument("--device", help="board, rtl or golden; default: board on one, else golden")
        action.add_argument("--quiet", action="store_true", help="no sign of life while it runs")
    for action in (record, replay, show):
        action.add_argument("--json", action="store_true", help="print one JSON object")


def run_record(arguments: argparse.Namespace) -> int:
    """Run ``spynq transcript record``."""
    from spynq.devices import open_kernel
    from spynq.kernels import get
    from spynq.transcript import record

    if arguments.seed < 0:
        raise ValueError(f"--seed must be at least 0, not {arguments.seed}")
    runs = get(arguments.kernel).selftest("runs")
    if runs is None:
        raise ValueError(f"kernel {arguments.kernel} declares no self-test runs to record")
    with Waiting(f"recording {arguments.kernel}", arguments.quiet):
        with open_kernel(arguments.kernel, arguments.device) as driver, record(driver) as transcript:
            names = [name for name, _ in runs(driver, arguments.seed)]
    transcript.save(arguments.file)
    if arguments.json:
        print_json({"file": str(arguments.file), "runs": names, "accesses": len(transcript.entries)})
    else:
        print(f"{arguments.file}: {len(names)} runs, {len(transcript.entries)} accesses")
    return 0


def run_replay(arguments: argparse.Namespace) -> int:
    """Run ``spynq transcript replay``."""
    from dataclasses import asdict

    from spynq.transcript import load, replay

    transcript = load(arguments.file)
    with Waiting(f"replaying {arguments.file}", arguments.quiet):
        found = replay(transcript, arguments.device)
    if arguments.json:
        print_json({"recorded_on": transcript.device, **asdict(found)})
    else:
        print(
            f"{found.accesses} accesses recorded on {transcript.device}, replayed on {found.device}: "
            f"all {found.compared} answers are equal"
        )
    return 0


def run_show(arguments: argparse.Namespace) -> int:
    """Run ``spynq transcript show``."""
    from spynq.transcript import load

    transcript = load(arguments.file)
    counts = Counter(entry.kind for entry in transcript.entries)
    if arguments.json:
        print_json(
            {
                "kernel": transcript.kernel,
                "device": transcript.device,
                "capabilities": transcript.capabilities,
                "accesses": counts,
            }
        )
    else:
        print(f"{transcript.kernel}, recorded on {transcript.device}")
        print(table(("access", "count"), sorted(counts.items())))
    return 0
