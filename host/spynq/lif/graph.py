"""A network in real numbers: nodes with every convention settled, edges that sum.

This is what a NIR file becomes, what trained networks are written from, what the float model runs and
what quantisation starts from. Maps are ``(channels, height, width)``: a sequence is ``(channels, 1,
length)``, a vector ``(features, 1, 1)``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from spynq.lif.errors import LifError

__all__ = [
    "Conv",
    "Flatten",
    "Graph",
    "Input",
    "Linear",
    "Neuron",
    "Node",
    "Output",
    "Pool",
    "Scale",
    "Shape",
    "Taps",
    "Threshold",
    "conv_output",
    "sequence",
]

Floats = npt.NDArray[np.float64]
Shape = tuple[int, int, int]
RESETS = ("hard", "soft", "soft_delayed", "none")
TIES = (">=", ">")
POLICIES = ("freeze", "leak", "integrate")


@dataclass(frozen=True)
class Input:
    """Where values enter.

    Parameters
    ----------
    shape : (int, int, int)
        Channels, height, width.
    planes : int, optional
        Bits of one input value: 1 for spikes, 8 for pixels; None where the file does not say.
    signed : bool
        The top plane counts negative.
    scale : float
        Real value of integer 1.
    """

    shape: Shape
    planes: int | None = None
    signed: bool = False
    scale: float = 1.0


@dataclass(frozen=True)
class Conv:
    """Convolution (cross-correlation, as all frameworks have it) with a bias in every step.

    Parameters
    ----------
    weight : ndarray of float64, shape [outputs, inputs / groups, height, width]
    bias : ndarray of float64, shape [outputs]
    stride, padding, dilation : (int, int)
        Rows first.
    groups : int
    """

    weight: Floats
    bias: Floats
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1


@dataclass(frozen=True)
class Linear:
    """Fully connected: ``weight`` [outputs, inputs], ``bias`` [outputs] in every step."""

    weight: Floats
    bias: Floats


@dataclass(frozen=True)
class Pool:
    """Windows without padding: ``kind`` is ``"sum"`` or ``"average"``; what does not fill one is left out."""

    kind: str
    kernel: tuple[int, int]
    stride: tuple[int, int]


@dataclass(frozen=True)
class Scale:
    """Factor per channel, shape [channels]."""

    scale: Floats


@dataclass(frozen=True)
class Threshold:
    """One where the input is above ``level`` [channels], else zero; after a sum pool: an OR of spikes."""

    level: Floats


@dataclass(frozen=True)
class Flatten:
    """The whole map as a vector, channel by channel, row by row."""


@dataclass(frozen=True)
class Taps:
    """Several delays per synapse: the current of a step is a weighted sum of currents of earlier ones.

    ``I[t] = bias + sum_k weights[k] * A[t - delays[k]]``; with ``segment`` = L, one such sum per L steps,
    taken over the steps of the segment (``delays[k]`` from its start) and held for all of them.

    Parameters
    ----------
    weights : ndarray of float64, shape [taps]
    delays : tuple of int
        In steps.
    segment : int
        Steps of a segment; 0: overlapping.
    bias : ndarray of float64, shape [channels], optional
        Added in every step.
    """

    weights: Floats
    delays: tuple[int, ...]
    segment: int = 0
    bias: Floats | None = None


@dataclass(frozen=True)
class Neuron:
    """One LIF neuron per position; all parameters per channel.

    ``D = rest + decay * (V - rest)``, ``U = D + gain * I``, less ``subtract * s[t-1]`` with a delayed
    reset; it fires at ``U >= threshold`` (or ``>``), and is then reset.

    Parameters
    ----------
    decay, gain, threshold, rest, reset_value, subtract : ndarray of float64, shape [channels]
        ``reset_value`` is where a hard reset puts V, ``subtract`` what a soft one takes away.
    reset : str
        ``"hard"``, ``"soft"``, ``"soft_delayed"`` (one step late, not decayed) or ``"none"``.
    tie : str
        ``">="`` or ``">"``.
    fires : bool
        False: an integrator, whose output is V.
    refractory : int
        Steps without a spike after a spike, 0 to 3.
    policy : str
        V in those steps: ``"freeze"``, ``"leak"`` or ``"integrate"``.
    """

    decay: Floats
    gain: Floats
    threshold: Floats
    rest: Floats
    reset_value: Floats
    subtract: Floats
    reset: str
    tie: str = ">="
    fires: bool = True
    refractory: int = 0
    policy: str = "freeze"

    @classmethod
    def uniform(
        cls,
        channels: int,
        decay: float,
        threshold: float = 1.0,
        *,
        gain: float = 1.0,
        reset: str = "hard",
        tie: str = ">=",
        rest: float = 0.0,
        reset_value: float = 0.0,
        subtract: float | None = None,
        fires: bool = True,
        refractory: int = 0,
        policy: str = "freeze",
    ) -> Neuron:
        """The same neuron in every channel; a soft reset subtracts the threshold unless told otherwise."""
        values = (decay, gain, threshold, rest, reset_value, threshold if subtract is None else subtract)
        full = [np.full(channels, value, np.float64) for value in values]
        return cls(
            full[0], full[1], full[2], full[3], full[4], full[5], reset, tie, fires, refractory, policy
        )


@dataclass(frozen=True)
class Output:
    """Where results leave."""


Node = Input | Conv | Linear | Pool | Scale | Threshold | Flatten | Taps | Neuron | Output


@dataclass
class Graph:
    """Nodes by name and edges; where several edges enter a node, their values add.

    Attributes
    ----------
    nodes : dict of str to node
    edges : list of (str, str)
    dt : float
        Seconds of a step; 0 where steps are all that is known.
    conventions : dict of str to str
        What was taken for reset, tie and dt, and from where.
    notes : list of str
        What a user should know.
    """

    nodes: dict[str, Node]
    edges: list[tuple[str, str]]
    dt: float = 0.0
    conventions: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def sources(self, name: str) -> list[str]:
        """Nodes whose values enter ``name``."""
        return [begin for begin, end in self.edges if end == name]

    def targets(self, name: str) -> list[str]:
        """Nodes that ``name`` feeds."""
        return [end for begin, end in self.edges if begin == name]

    @property
    def order(self) -> list[str]:
        """Names from input to output.

        Raises
        ------
        LifError
            E03: the graph has a loop.
        """
        waiting = {name: len(self.sources(name)) for name in self.nodes}
        order = [name for name, count in waiting.items() if not count]
        for name in order:
            for target in self.targets(name):
                waiting[target] -= 1
                if not waiting[target]:
                    order.append(target)
        if len(order) < len(self.nodes):
            loop = sorted(set(self.nodes) - set(order))
            raise LifError(
                "E03", f"nodes {', '.join(loop)} form a loop, and the engine has no recurrence; unroll it"
            )
        return order

    def only(self, kind: type[Any]) -> str:
        """Name of the single node of a kind."""
        found = [name for name, node in self.nodes.items() if isinstance(node, kind)]
        if len(found) != 1:
            raise LifError(
                "E03",
                f"the network has {len(found)} {kind.__name__} nodes ({', '.join(found) or 'none'}), and the "
                "engine takes one; split it",
            )
        return found[0]

    @property
    def input(self) -> Input:
        """The input node."""
        node = self.nodes[self.only(Input)]
        assert isinstance(node, Input)
        return node

    def shapes(self) -> dict[str, Shape]:
        """Shape of what each node gives, checked on the way (E02, E03, E08)."""
        from spynq.lif.shapes import infer

        return infer(self)


def sequence(nodes: Iterable[tuple[str, Node]], dt: float = 0.0) -> Graph:
    """A graph of nodes in a row, from (name, node) pairs; Input first, Output last."""
    named = dict(nodes)
    names = list(named)
    return Graph(named, list(pairwise(names)), dt)


def conv_output(size: int, kernel: int, stride: int, padding: int = 0, dilation: int = 1) -> int:
    """Positions of a kernel along one axis; below 1 it does not fit."""
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
