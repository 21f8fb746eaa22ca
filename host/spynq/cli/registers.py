"""``spynq registers``: the register page of a kernel, from its declaration."""

from __future__ import annotations

import argparse
from typing import Any

from spynq.cli.output import print_json

__all__ = ["add_to", "run"]


def add_to(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the command to the command line."""
    command = commands.add_parser("registers", parents=[common], help="register page of a kernel (Markdown)")
    command.add_argument("kernel", metavar="KERNEL", nargs="?", help="such as stm")
    command.add_argument("--names", action="store_true", help="print the names of all kernels instead")
    form = command.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print one JSON object")
    form.add_argument("--header", action="store_true", help="print a C++ header, for the HLS twin")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run ``spynq registers``."""
    from spynq.kernels import get, kernels
    from spynq.registers import register_header, register_json, register_page

    known = sorted(kernels())
    if arguments.names:
        print("\n".join(known))
        return 0
    if arguments.kernel is None:
        raise ValueError(f"name a kernel: {', '.join(known)}")
    entry = get(arguments.kernel)
    kernel = entry.kernel
    if arguments.json:
        print_json(register_json(kernel))
    else:
        print(register_header(kernel, entry.twin()) if arguments.header else register_page(kernel))
    return 0
