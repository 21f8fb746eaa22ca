"""Sizes that follow from the build parameters of the sampling tree."""

from dataclasses import dataclass

from amaranth.lib import data

from spynq.stm.params import CHUNK, L_BITS, W_BITS, StmConfig

__all__ = ["SHALLOW", "Geometry", "group"]

SHALLOW = 64
"""Depth up to which a memory is made of look-up tables, not of block RAM."""
_LATENCY = 16
"""Groups on the way from the front end to the first replay of them, rounded up."""


def _log2(power: int) -> int:
    return power.bit_length() - 1


def group(lanes: int) -> data.StructLayout:
    """What a front end hands to the back end: log-likelihoods, and the end of a population."""
    return data.StructLayout({"l": data.ArrayLayout(L_BITS, lanes), "last": 1})


@dataclass(frozen=True)
class Geometry:
    """Widths and depths shared by the blocks.

    Parameters
    ----------
    config : StmConfig
        Build parameters.
    """

    config: StmConfig

    @property
    def lanes(self) -> int:
        """Samples per clock."""
        return self.config.lanes

    @property
    def samples(self) -> int:
        """Largest population that the back end meets, a power of two."""
        return max(
            self.config.population if self.config.terms or self.config.edge else 1,
            CHUNK if self.config.states else 1,
        )

    @property
    def groups(self) -> int:
        """Largest number of groups of a population."""
        return self.samples // self.lanes

    @property
    def group_bits(self) -> int:
        """Bits of the number of a group."""
        return max(1, _log2(self.groups))

    @property
    def ring(self) -> int:
        """Groups held between the phases: one population and what is under way, or more."""
        if self.groups > 256:
            return self.groups
        return 1 << (self.groups + _LATENCY - 1).bit_length()

    @property
    def passes(self) -> int:
        """Most clocks per group in the flat front end."""
        return self.config.columns // self.config.terms

    @property
    def quad(self) -> int:
        """Lanes that share a word of a memory: a bus beat holds four samples."""
        return min(4, self.lanes)

    @property
    def quads(self) -> int:
        """Words of ``quad`` lanes in a group."""
        return self.lanes // self.quad

    @property
    def label_bits(self) -> int:
        """Bits of a bin number."""
        return _log2(self.config.bins)

    @property
    def _repeats(self) -> int:
        # A lane may meet one bin in every group and, as targets may share bins, in every pass.
        return _log2(self.groups) + (_log2(self.config.targets) if self.config.states else 0)

    @property
    def h_bits(self) -> int:
        """Bits of a lane's sum of weights of a bin."""
        return W_BITS + self._repeats

    @property
    def q_bits(self) -> int:
        """Bits of a lane's sum of squared weights of a bin."""
        return 2 * W_BITS - 1 + self._repeats

    @property
    def w_bits(self) -> int:
        """Bits of the sum of weights, or of a bin summed over the lanes."""
        return self.h_bits + _log2(self.lanes)

    @property
    def s1_bits(self) -> int:
        """Bits of the signed sum of weight times sample."""
        return 32 + _log2(self.samples)

    @property
    def s2_bits(self) -> int:
        """Bits of the sum of squared weights."""
        return self.q_bits + _log2(self.lanes)
