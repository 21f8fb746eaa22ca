"""Setups that were chosen once, on the training part of the synthetic set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from spynq.sgf.params import DECISION, SgfConfig
from spynq.sgf.setup import Group, Setup, Turn, temporal_names
from spynq.sgf.statistics import ZONE_REGIONS
from spynq.sgf.synthetic.movement import GESTURES, OTHER

__all__ = ["GESTURE_CLASSES", "THETAS", "flat", "gestures"]

GESTURE_CLASSES = tuple(name for number, name in GESTURES.items() if number != OTHER)
"""The ten gestures, in the order of DvsGesture: class 0 is its gesture 1."""

THETAS = (1, 8)
"""Thresholds of CNT, chosen by cross-validation over the training people among nine sets of 1, 3, 8, 20."""


def _regions() -> tuple[str, ...]:
    """Cells above two thresholds of CNT in both halves and the four quadrants."""
    zones = [zone for zone in ZONE_REGIONS if zone != "whole"]
    return tuple(f"above_{zone}_{i}" for i in range(len(THETAS)) for zone in zones)


def _moving(build: SgfConfig) -> tuple[str, ...]:
    """Temporal statistics without those that cross-validation over the training people found to cost more
    bits than they bring: lengths of the path, reversals, frames in use."""
    left_out = ("sy_", "sx_", "yrev_", "xrev_", "steady_")
    return tuple(name for name in temporal_names(build) if not name.startswith(left_out))


def gestures(scoring: str = DECISION[0], **options: Any) -> Setup:
    """The ten gestures through three units, as the paper has them.

    Unit A is purely spatial, so that a trial that it decides alone never starts the temporal engine;
    circles turn by the area of the centroid path on their side; clapping, roll, drums and guitar go to
    unit C with its temporal statistics.

    Parameters
    ----------
    scoring : str
        One of :data:`~spynq.sgf.params.DECISION`.
    **options
        Any other field of :class:`Setup`.
    """
    clap, right, left, *circles, roll, drums, guitar = GESTURE_CLASSES
    gates = (
        right,
        left,
        Turn(circles[0], circles[1], "area_L"),
        Turn(circles[2], circles[3], "area_R"),
        Group((clap, roll, drums, guitar), "C"),
    )
    build = options.setdefault("build", SgfConfig())
    options.setdefault("thetas", THETAS)
    options.setdefault("features", {"A": _regions(), "C": _moving(build)})
    options.setdefault("levels", {"C": (1 / 3, 2 / 3)})
    return Setup(GESTURE_CLASSES, gates, scoring=scoring, **options)


def flat(classes: Sequence[str], scoring: str = DECISION[1], **options: Any) -> Setup:
    """Any classes side by side in one unit, by spatial and temporal statistics.

    Parameters
    ----------
    classes : sequence of str
        Names.
    scoring : str
        One of :data:`~spynq.sgf.params.DECISION`.
    **options
        Any other field of :class:`Setup`.
    """
    build = options.setdefault("build", SgfConfig())
    options.setdefault("thetas", THETAS)
    options.setdefault("features", {"A": _regions() + _moving(build)})
    return Setup(tuple(classes), scoring=scoring, **options)
