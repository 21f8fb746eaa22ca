"""Widths that follow from the build parameters, in one place."""

from dataclasses import dataclass

from amaranth.utils import ceil_log2, exact_log2

from spynq.lif.lanes import FOLDS
from spynq.lif.params import LANES, LifConfig

__all__ = ["BEAT", "OUTPUTS", "PIECES", "Sizes"]

OUTPUTS = 8
"""Planes of output that a column holds: values of 8 bits, or as many steps of spikes, enough to hide the way
to memory of steps of a few cycles."""

BEAT = 128
PIECES = BEAT // (LANES >> FOLDS - 1)
"""Lane groups of the fewest bits that a beat of spikes holds."""


@dataclass(frozen=True)
class Sizes:
    """Widths of a build.

    Parameters
    ----------
    config : LifConfig
        Build parameters.
    """

    config: LifConfig

    @property
    def tap(self) -> int:
        """Bits of an address in the weight memory of a column."""
        return int(ceil_log2(self.config.weights))

    @property
    def place(self) -> int:
        """Bits of a bit address in an input map, all planes."""
        return int(ceil_log2(self.config.maps) + exact_log2(BEAT))

    @property
    def round(self) -> int:
        """Bits of a round."""
        return int(max(ceil_log2(self.config.rounds), 1))

    @property
    def record(self) -> int:
        """Bits of a round's place among the channel records of a column."""
        return int(exact_log2(self.config.record_rounds))

    @property
    def kept(self) -> int:
        """Bits of a place among kept sums."""
        return int(ceil_log2(self.config.kept))

    @property
    def unit(self) -> int:
        """Bits of a unit's number within its column."""
        return int(ceil_log2(self.config.units))

    @property
    def output(self) -> int:
        """Bits of an address of the output memory: unit, then step."""
        return self.unit + int(exact_log2(OUTPUTS))

    @property
    def units(self) -> int:
        """Bits of a unit's number, one more for their count."""
        return int(ceil_log2(self.config.units * self.streams) + 1)

    @property
    def tied(self) -> int:
        """Columns that always share a stream."""
        return self.config.tied

    @property
    def streams(self) -> int:
        """Most streams."""
        return self.config.columns // self.tied
