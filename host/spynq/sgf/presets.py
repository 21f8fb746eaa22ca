"""Setups that were chosen once, on the training part of the synthetic set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from spynq.sgf.params import DECISION, SgfConfig
from spynq.sgf.setup import Group, Setup, Turn, spatial_names, temporal_names
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
    options.setdefault("features", {"A": _regions(), "C": tuple(temporal_names(build))})
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
    known = set(spatial_names(build))
    chosen = tuple(name for name in _regions() if name in known) + tuple(temporal_names(build))
    options.setdefault("features", {"A": chosen})
    return Setup(tuple(classes), scoring=scoring, **options)
