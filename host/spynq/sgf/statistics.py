"""The statistics of a trial: their names, and where each stands.

A bit of a vector is ``statistic > threshold``, so this list is all that a vector can be made of.
"""

from __future__ import annotations

from collections.abc import Mapping

from spynq.sgf.params import SgfConfig

__all__ = ["PLACES", "REGIONS", "TEMPORAL", "TEMPORAL_FIRST", "ZONE_REGIONS", "names", "region_place"]

PLACES = 512
"""Places of the statistics memory; those without a name hold 0."""
_PASS = 64
_ZONES = 6
_REGION = 32
TEMPORAL_FIRST = 384
"""First place that needs the temporal engine."""
REGIONS = ("L", "R", "W")
"""Left half, right half and whole frame, for the temporal statistics."""
ZONE_REGIONS = ("left", "right", "q00", "q01", "q10", "q11", "whole")
"""Halves, quadrants (row, column) and whole of the grid, for the spatial statistics."""
TEMPORAL = (
    "down", "up", "yrev", "right", "left", "xrev", "rot", "area",
    "height", "width", "active", "sy", "sx", "cy", "cx", "steady", "peak_y", "peak_x", "move_y", "move_x",
    "dev_y", "dev_x",
)  # fmt: skip
"""Of each region: steps down, up, changes of sense; right, left, changes of sense; quadrature; area of
the centroid path; sums over frames of occupied rows, occupied columns and active pixels; length of the
centroid path in y and x; mean centroid; frames with enough active pixels for a centroid; sums over frames
of the largest row and column count, of the size of a step, and of the centroid's distance to its mean."""
_WHOLE_TRIAL = ("couple_y", "couple_x", "frames")


def region_place(region: int, name: str) -> int:
    """Place of a temporal statistic of a region."""
    return TEMPORAL_FIRST + _REGION * region + TEMPORAL.index(name)


def names(config: SgfConfig) -> Mapping[str, int]:
    """Place of every statistic of a build by its name.

    ``above_<zone>_<i>`` are cells with CNT above theta i, where a zone is ``<row>_<column>`` or one of
    :data:`ZONE_REGIONS`; ``sum_<zone>`` are sums of CNT; ``<name>_<region>`` are those of
    :data:`TEMPORAL`; then ``couple_y``, ``couple_x`` and ``frames``.

    Parameters
    ----------
    config : SgfConfig
        Uses ``thetas`` and ``zones``.
    """
    places: dict[str, int] = {}
    for number in range(config.thetas + 1):
        name = "sum_{}" if number == config.thetas else f"above_{{}}_{number}"
        base = _PASS * number
        for row in range(config.zones):
            for column in range(config.zones):
                places[name.format(f"{row}_{column}")] = base + _ZONES * row + column
        for index, region in enumerate(ZONE_REGIONS):
            places[name.format(region)] = base + _ZONES * _ZONES + index
    for index, region in enumerate(REGIONS):
        for statistic in TEMPORAL:
            places[f"{statistic}_{region}"] = region_place(index, statistic)
    for index, statistic in enumerate(_WHOLE_TRIAL):
        places[statistic] = TEMPORAL_FIRST + len(REGIONS) * _REGION + index
    return places
