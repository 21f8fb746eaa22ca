"""What commands print: tables for people, JSON for programs, a sign of life while they wait."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

__all__ = ["Waiting", "on_terminal", "plain", "print_json", "table"]


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Columns as wide as their widest cell, numbers to the right.

    Parameters
    ----------
    header : sequence of str
        Column titles.
    rows : sequence of sequences
        Cells; ``None`` prints as a dash.
    """
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(len(line[i]) for line in [list(header), *cells]) for i in range(len(header))]
    right = [all(isinstance(row[i], int | float | None) for row in rows) for i in range(len(header))]

    def line(values: Sequence[str]) -> str:
        padded = (
            value.rjust(width) if to_right else value.ljust(width)
            for value, width, to_right in zip(values, widths, right, strict=True)
        )
        return "  ".join(padded).rstrip()

    return "\n".join([line(header), line(["-" * width for width in widths]), *map(line, cells)])


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, int):
        return f"{value:,}"
    return str(value)


def print_json(value: Mapping[str, object]) -> None:
    """Print one JSON object; NumPy numbers and arrays become plain ones, what is not finite null."""
    print(json.dumps(plain(value), indent=2, allow_nan=False))


def plain(value: Any) -> Any:
    """NumPy numbers and arrays as plain ones, what is not finite as None: what JSON can hold."""
    import numpy as np  # here, so that --version and --help do not wait for it

    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in (sorted(value) if isinstance(value, set | frozenset) else value)]
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return value


def on_terminal() -> bool:
    """Whether somebody may look at standard error; it is ``None`` where it was closed."""
    return sys.stderr is not None and sys.stderr.isatty()


class Waiting:
    """Tells on a terminal what is being waited for, once it has taken two seconds.

    Parameters
    ----------
    what : str
        What is waited for.
    quiet : bool
        Say nothing.
    """

    def __init__(self, what: str, quiet: bool = False) -> None:
        self._what = what
        self._quiet = quiet or not on_terminal()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._tell, daemon=True)

    def _tell(self) -> None:
        begin = time.monotonic()
        pause = 2.0
        while not self._ended.wait(pause):
            sys.stderr.write(f"\r{self._what} ... {time.monotonic() - begin:.0f} s")
            sys.stderr.flush()
            pause = 1.0

    def __enter__(self) -> Waiting:
        if not self._quiet:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if not self._quiet:
            self._thread.join()
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()
