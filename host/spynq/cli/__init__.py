"""The command ``spynq``: one file per command, each imported with nothing heavy behind it."""

from __future__ import annotations

import argparse
import os
import re
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

from spynq import __version__
from spynq.cli import (
    bench,
    demo,
    doctor,
    events,
    lif,
    overlay,
    registers,
    selftest,
    sgf,
    stm,
    train,
    transcript,
)
from spynq.errors import TOOLS, SpynqError, how_to_get

__all__ = ["main", "parser"]

_INTERRUPTED = 130
"""What a shell returns for a program that Ctrl-C ended."""
_COMMANDS = (stm, lif, sgf, train, events, bench, demo, doctor, registers, overlay, selftest, transcript)
"""Modules of commands, in the order of the help text."""
_NEGATIVE_CUE = re.compile(r"-[\d.]+[^,]*,")


class _Parser(argparse.ArgumentParser):
    """Refuses in one line and with exit status 1, as every other error of ours."""

    def error(self, message: str) -> NoReturn:
        self.exit(1, f"{self.prog}: {message}; see {self.prog} --help\n")


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    common = argparse.ArgumentParser(add_help=False)
    # Suppressed, so that a subcommand's default does not undo what stands before it.
    common.add_argument(
        "--debug", action="store_true", default=argparse.SUPPRESS, help="show the traceback of an error"
    )
    top = _Parser(
        prog="spynq",
        description="Brain-inspired inference on a Zynq board, its simulation or its integer model.",
        parents=[common],
    )
    top.add_argument("--version", action="version", version=f"spynq {__version__}")
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    for command in _COMMANDS:
        command.add_to(commands, common)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments, by default those of the process.

    Returns
    -------
    int
        0; 1 after an error, told in one line on standard error; 130 after Ctrl-C.
    """
    given = sys.argv[1:] if argv is None else list(argv)
    try:
        # A cue below zero begins with a minus sign and is no option; a blank before it says so.
        arguments = parser().parse_args([f" {a}" if _NEGATIVE_CUE.match(a) else a for a in given])
    except SystemExit as end:
        return int(end.code or 0)
    debug = getattr(arguments, "debug", False)
    try:
        status = int(arguments.run(arguments))
        if sys.stdout is not None:
            # Here, not when the interpreter ends: a reader that has left is met below.
            sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        return _refuse("interrupted", debug, _INTERRUPTED)
    except BrokenPipeError:
        # The reader of a pipe has left; keep the interpreter from complaining when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (SpynqError, ValueError) as error:
        return _refuse(str(error), debug)
    except ModuleNotFoundError as error:
        package = (error.name or "spynq").partition(".")[0]
        if package in TOOLS:
            return _refuse(f"{package} is not installed: {how_to_get(package, 'sim')}", debug)
        if package.startswith("spynq"):
            return _refuse(f"a part of spynq is missing: {error}; install spynq again", debug)
        return _refuse(f"{error.name} is not installed; 'spynq doctor' shows the command that gets it", debug)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        return _refuse(f"{place}{error.strerror or error}", debug)
    except Exception as error:  # a bug of ours: one line all the same, and how to see more
        return _refuse(
            f"a bug of spynq, {type(error).__name__}: {error}; --debug shows where, please report it", debug
        )


def _refuse(sentence: str, debug: bool, status: int = 1) -> int:
    if debug:
        traceback.print_exc()
    print("spynq:", " ".join(sentence.split()), file=sys.stderr)
    return status
