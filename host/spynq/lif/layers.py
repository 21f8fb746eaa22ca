"""The integer network: what is compiled to descriptors, before any build or address is known.

Real weight = scale of its output channel times ``weights``; real membrane = the same scale times
``2 ** -fraction`` times V. Scales are no part of it: they have been folded into thresholds.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from spynq.lif.codes import Combine, Leak, Output, Pool, Refractory, Reset, WeightFormat

__all__ = ["Fir", "Integers", "Layer", "MapShape", "Network", "Neuron"]

Integers = npt.NDArray[np.int64]
NETWORK_INPUT = "input"
"""Name of the network's input among the sources of a layer."""


@dataclass(frozen=True)
class MapShape:
    """Shape of a map at one step.

    Parameters
    ----------
    channels, height, width : int
        Sizes.
    planes : int
        Bits of a value, 1 (spikes) to 8.
    signed : bool
        The top plane counts negative.
    """

    channels: int
    height: int = 1
    width: int = 1
    planes: int = 1
    signed: bool = False

    def __str__(self) -> str:
        return f"{self.channels} x {self.height} x {self.width}"


@dataclass(frozen=True)
class Neuron:
    """Neurons of a layer: one value per output channel, integers in state units.

    Parameters
    ----------
    theta : ndarray of int64, shape (channels,)
        Threshold; fires at U >= theta (a source that fires at U > theta has theta + 1 here). 24 bits.
    bias : ndarray of int64, shape (channels,), optional
        Added every step. 24 bits.
    zeta : ndarray of int64, shape (channels,), optional
        What a soft reset subtracts; theta by default. 24 bits.
    decay : ndarray of int64, shape (channels,), optional
        a of ``a / 4096``, 0 to 4096 (MULTIPLY), or what is taken away per step (LINEAR), 0 to 4096.
    v_reset, rest : ndarray of int64, shape (channels,), optional
        Membrane after a hard reset, and at rest. 16 bits.
    reset : Reset
    leak : Leak
    refractory : int
        Steps without firing after a spike, 0 to 3.
    policy : Refractory
        What happens meanwhile. A delayed reset is subtracted in all cases.
    fires : bool
        False for a read-out: no spikes, no reset, membranes of 24 instead of 16 bits.
    fraction : int
        F, fraction bits of the membrane, 0 to 7.
    """

    theta: Integers
    bias: Integers | None = None
    zeta: Integers | None = None
    decay: Integers | None = None
    v_reset: Integers | None = None
    rest: Integers | None = None
    reset: Reset = Reset.HARD
    leak: Leak = Leak.NONE
    refractory: int = 0
    policy: Refractory = Refractory.FREEZE
    fires: bool = True
    fraction: int = 0


@dataclass(frozen=True)
class Fir:
    """Multi-delay synapse: I[t] = sum over d of taps[d] * A[e - d], divided by 2**shift toward zero.

    Parameters
    ----------
    taps : tuple of int
        Weight of each delay from 0 on; 1 to 16 of them, signed 12 bits.
    shift : int
        0 to 12.
    segment : int
        0: e = t. Otherwise e is the last step of the segment of so many steps that t is in, so
        that the current is held over a segment; at least as many steps as there are taps.
    """

    taps: tuple[int, ...]
    shift: int = 0
    segment: int = 0


@dataclass(frozen=True)
class Layer:
    """One layer.

    Parameters
    ----------
    name : str
        Unique in the network; errors and reports use it.
    kind : str
        ``"conv"``, ``"fc"`` (kernel = the whole pooled input map), ``"pool"`` (every channel by itself,
        weights 1, then the neuron), ``"copy"`` (sources joined bit by bit or added, no neuron) or
        ``"zeros"`` (a map of one channel and ``kernel`` pixels without a spike; needs no source).
    sources : tuple of str
        One or two of ``"input"`` and names of earlier layers.
    weights : ndarray of int64, shape (c_out, c_in / groups, kh, kw), optional
        Integer weights of ``conv``, and of ``fc`` with (kh, kw) = pooled input map. conv 1-D: kh = 1.
    kernel : (int, int)
        Window of a ``pool``; of the others it follows from the weights.
    stride, padding, dilation : (int, int)
        y, x.
    groups : int
        Convolution groups.
    format : WeightFormat, optional
        Coding of the weights; the narrowest that holds them by default.
    codebook : tuple of int, optional
        Values of the codes for the codebook formats; by default made from the weights.
    pool_in, pool_size : Pool, int
        Pooling of the input by 1, 2, 4 or 8 with no neuron behind it (floor, as the frameworks do).
    combine : Combine
        How a second source joins; ADD adds the values of both.
    neuron : Neuron, optional
        Needed by all kinds but ``copy``.
    fir : Fir, optional
        Multi-delay synapse.
    bias_map : ndarray of int64, shape (c_out, height, width), optional
        Added to the sums every step, in units of weights. 24 bits.
    output : Output
        SPIKES, VALUE, COUNTS, MEMBRANE (after the last step) or SUMS.
    planes_out : int
        Bits of a VALUE, and of the values of a ``copy``, 1 to 8.
    value_shift : int
        A VALUE is max(U, 0) >> value_shift, clipped to planes_out bits.
    value_after : bool
        Take the membrane after the reset in place of U.
    words : str, optional
        Layer with output SUMS and maps of the same shape, whose sums are added to those of this one in
        every step; through ``fir``, if there is one.
    kernel_rows : (int, int), optional
        First row of the kernel that is used, and the one behind the last: a part of a large layer.
    owner : str
        Layer of the user's that this one is a part of, whose counters it shares; itself by default.
    """

    name: str
    kind: str
    sources: tuple[str, ...] = (NETWORK_INPUT,)
    weights: Integers | None = None
    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    format: WeightFormat | None = None
    codebook: tuple[int, ...] | None = None
    pool_in: Pool = Pool.NONE
    pool_size: int = 1
    combine: Combine = Combine.ADD
    neuron: Neuron | None = None
    fir: Fir | None = None
    bias_map: Integers | None = None
    output: Output = Output.SPIKES
    planes_out: int = 1
    value_shift: int = 0
    value_after: bool = False
    words: str | None = None
    kernel_rows: tuple[int, int] | None = None
    owner: str = ""

    @property
    def reported(self) -> str:
        """Name under which its counters and costs are reported."""
        return self.owner or self.name

    @property
    def rows(self) -> tuple[int, int]:
        """Rows of the kernel that are used."""
        if self.kernel_rows is not None:
            return self.kernel_rows
        return 0, self.kernel[0] if self.weights is None else self.weights.shape[2]


@dataclass(frozen=True)
class Network:
    """Layers in the order in which they run, and what goes in.

    Parameters
    ----------
    name : str
        For reports.
    input : MapShape
        The input map.
    steps : int
        Time steps of a sample, 1 to 65,535 (longer inputs: in several runs that keep states).
    layers : tuple of Layer
        Every source is the input or an earlier layer. Layers that no other reads are outputs.
    static : bool
        The input has one step, which holds for all.
    """

    name: str
    input: MapShape
    steps: int
    layers: tuple[Layer, ...] = field(default=())
    static: bool = False
