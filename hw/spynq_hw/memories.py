"""Memories that begin with zeros, said in one loop instead of one statement per word.

Amaranth spells out the initial content of every memory bit by bit. For the tables and states of a
wide kernel that is most of the time of an export and a third of its text, and it all says zero.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Any

from amaranth.back.rtlil import ModuleEmitter

__all__ = ["cleared", "zeros_left_out"]

_MEMORY = re.compile(r"^ *reg (?:\[\d+:0\] )?(?P<name>\\?\S+ ?) *\[(?P<last>\d+):0\];$", re.M)


_ALONE = RLock()


@contextmanager
def zeros_left_out() -> Iterator[None]:
    """Within it, conversion to RTLIL leaves out initial contents that are all zero; one thread at a time."""
    with _ALONE, _patched():
        yield


@contextmanager
def _patched() -> Iterator[None]:
    emit = ModuleEmitter.emit_memory

    def emit_unless_zero(self: Any, index: int, cell: Any) -> None:
        if any(cell.init):
            emit(self, index, cell)

    ModuleEmitter.emit_memory = emit_unless_zero
    try:
        yield
    finally:
        ModuleEmitter.emit_memory = emit


def cleared(verilog: str) -> str:
    """Verilog in which every memory without initial content begins with zeros.

    Parameters
    ----------
    verilog : str
        As Yosys writes it.
    """
    modules = re.split(r"(?m)(?=^module )", verilog)
    return "".join(_cleared_module(module) for module in modules)


def _cleared_module(module: str) -> str:
    def with_loop(match: re.Match[str]) -> str:
        name, last = match["name"].rstrip(), int(match["last"])
        shown = f"{name} " if name.startswith("\\") else name
        if re.search(rf"^ *{re.escape(shown)}\[\d+\] = ", module, re.M):
            return match[0]
        place = re.sub(r"\W", "_", name) + "_place"
        return (
            f"{match[0]}\n  integer {place};\n  initial\n"
            f"    for ({place} = 0; {place} <= {last}; {place} = {place} + 1) {shown}[{place}] = 0;"
        )

    return _MEMORY.sub(with_loop, module)
