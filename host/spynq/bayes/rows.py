"""Conditional tables as numbers: how large they may be, and rows that sum to one."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from spynq.errors import FormatError

__all__ = ["MAX_ENTRIES", "Floats", "check_entries", "check_rows"]

Floats = npt.NDArray[np.float64]

MAX_ENTRIES = 1 << 25
"""Numbers a table may have (256 MiB); the kernel's largest table memory holds 65,536."""

_SILENT = 1e-6
_TOLERATED = 1e-4
_ROUNDED = 5e-3


def check_entries(name: str, sizes: Sequence[int]) -> int:
    """Numbers in a table with axes of these sizes; refuses more than :data:`MAX_ENTRIES`."""
    entries = math.prod(sizes)
    if entries > MAX_ENTRIES:
        raise FormatError(
            f"the table of {name} has {entries:.3g} numbers for its {len(sizes) - 1} parents, "
            f"the limit is {MAX_ENTRIES}; give {name} fewer parents"
        )
    return entries


def _allowed(row: Floats) -> float:
    """Deviation of a row's sum from one that rounding on paper explains."""
    if len(row) < 3:
        return _TOLERATED
    # Three or more numbers, each rounded to d decimals, may miss one by half a digit each.
    digits = max(len(f"{value:.6f}".rstrip("0").partition(".")[2]) for value in row.tolist())
    return max(_TOLERATED, min(_ROUNDED, 1.001 * 0.5 * len(row) * 10.0**-digits))


def check_rows(rows: Floats, name: str, places: Sequence[str] | None = None) -> tuple[Floats, list[str]]:
    """Rows of a conditional table scaled to sum to one.

    Parameters
    ----------
    rows : ndarray of float64, shape [rows, states]
    name : str
        The node, for the message.
    places : sequence of str, optional
        ``"file:line: "`` of each row.

    Returns
    -------
    rows : ndarray of float64
        Each divided by its sum. Up to 1e-6 off is silent; up to 1e-4, or up to what rounding the
        printed numbers explains (at most 5e-3), makes a note.
    notes : list of str

    Raises
    ------
    FormatError
        A row is further off, or has a number that is no probability.
    """

    def where(index: int) -> str:
        return places[index] if places is not None else ""

    wrong = ~((rows >= 0) & (rows <= 1 + _TOLERATED)).all(axis=1)
    if wrong.any():
        index = int(np.argmax(wrong))
        value = next(v for v in rows[index].tolist() if not 0 <= v <= 1 + _TOLERATED)
        raise FormatError(
            f"{where(index)}node {name}, row {index + 1}: {value:g} is no probability from 0 to 1"
        )
    totals = rows.sum(axis=1)
    off = np.abs(totals - 1)
    notes = []
    for index in np.flatnonzero(off > _TOLERATED).tolist():
        if off[index] > _allowed(rows[index]):
            raise FormatError(
                f"{where(index)}node {name}, row {index + 1} sums to {totals[index]:.6g}, "
                "not one; correct the row"
            )
    count = int((off > _SILENT).sum())
    if count:
        index = int(np.argmax(off))
        notes.append(
            f"{where(index)}node {name}: {count} row{'s' * (count > 1)} scaled to sum to one "
            f"(row {index + 1} summed to {totals[index]:.8g})"
        )
    # A row that is off by rounding alone stays, so that written files are read back unchanged.
    return rows / np.where(off > 1e-12, totals, 1.0)[:, None], notes
