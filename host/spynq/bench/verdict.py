"""A measured value against its two bounds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

__all__ = ["Bound", "Row", "Verdict", "verdict"]

Verdict = Literal["moonshot", "must", "measured", "short"]


@dataclass(frozen=True)
class Bound:
    """A limit with its direction, read from text such as ``"<= 200"`` or ``">= 0.4"``.

    Parameters
    ----------
    text : str
        ``<=`` or ``>=``, then a number.
    """

    text: str

    def __post_init__(self) -> None:
        self._parts()

    def _parts(self) -> tuple[str, float]:
        direction, number = self.text[:2], self.text[2:].strip()
        try:
            limit = float(number.replace(",", ""))
        except ValueError:
            limit = math.nan
        if direction not in ("<=", ">=") or not math.isfinite(limit):
            raise ValueError(f"a bound is '<=' or '>=' and a number, such as '<= 200', not {self.text!r}")
        return direction, limit

    def holds(self, value: float) -> bool:
        """Whether ``value`` is on the right side; not a number never is."""
        direction, limit = self._parts()
        return value <= limit if direction == "<=" else value >= limit


def verdict(value: float | None, must: str | None, moonshot: str | None) -> Verdict:
    """Which bound ``value`` reaches.

    Parameters
    ----------
    value : float or None
        Measured; ``None`` if it could not be.
    must, moonshot : str or None
        Bounds as text. Without ``must``, having measured is enough.

    Returns
    -------
    str
        ``"moonshot"``, ``"must"`` or ``"short"``; a value that is missing or not finite is short,
        and so is one that reaches the moonshot but not the must. ``"measured"`` where there is no
        must to reach and the moonshot, if there is one, was missed.
    """
    if value is None or not math.isfinite(value):
        return "short"
    if must is not None and not Bound(must).holds(value):
        return "short"
    if moonshot is not None and Bound(moonshot).holds(value):
        return "moonshot"
    return "measured" if must is None else "must"


@dataclass(frozen=True)
class Row:
    """One line of a bench.

    Parameters
    ----------
    name : str
        What was measured, on what.
    value : float or None
        The number; ``None`` if it could not be measured.
    unit : str
        Unit of ``value``.
    must, moonshot : str or None
        Bounds, such as ``"<= 200"``.
    how : str
        How it was measured, or why it could not be.
    """

    name: str
    value: float | None
    unit: str
    must: str | None
    moonshot: str | None
    how: str

    @property
    def verdict(self) -> Verdict:
        """Which bound the value reaches."""
        return verdict(self.value, self.must, self.moonshot)

    def as_json(self) -> dict[str, object]:
        """The row as it is written to a file; a value that is not finite becomes null."""
        finite = self.value is not None and math.isfinite(self.value)
        return {
            "name": self.name,
            "value": self.value if finite else None,
            "unit": self.unit,
            "must": self.must,
            "moonshot": self.moonshot,
            "verdict": self.verdict,
            "how": self.how,
        }
