"""What training in blocks and intervals costs: memory accesses, additions, multiply-accumulates.

The models of temporally truncated local BPTT (eqs. 9 to 17): gradients are cut every ``k`` steps and
every ``n`` layers, and every block of ``n`` layers has a classifier head of its own. Four rules were
fixed by holding the models against the paper's percentages: a head sits behind the pool of its layer;
with ``k = 1`` the potentials' errors never leave the chip, so they are not written; the last step of an
interval adds nothing through time; the layers are counted without the final classifier.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from spynq_train.topology import Layer

__all__ = ["Costs", "Setting", "blocks_of", "check_interval", "saved", "training_costs"]


@dataclass(frozen=True)
class Costs:
    """Of training one batch over all time steps.

    Attributes
    ----------
    reads, writes : float
        Words moved from and to memory.
    additions : float
        Additions, forward and backward.
    macs : float
        Multiply-accumulates of the backward pass.
    """

    reads: float
    writes: float
    additions: float
    macs: float

    @property
    def accesses(self) -> float:
        """Reads and writes."""
        return self.reads + self.writes

    def __add__(self, other: Costs) -> Costs:
        return Costs(
            self.reads + other.reads,
            self.writes + other.writes,
            self.additions + other.additions,
            self.macs + other.macs,
        )

    def __mul__(self, times: float) -> Costs:
        return Costs(self.reads * times, self.writes * times, self.additions * times, self.macs * times)


@dataclass(frozen=True)
class Setting:
    """What is trained, and how it is cut.

    Parameters
    ----------
    layers : sequence of Layer
        The network without its classifier.
    classes : int
        Outputs of every head.
    steps : int
        Time steps T.
    k : int
        Steps per interval; it divides T.
    n : int
        Layers per block, at most those of the network, which then is trained end to end.
    batch : int
        Samples per batch.
    activity : float
        Share of spikes per input and step (the paper's alpha), of every layer and of the input.
    random_heads : bool
        Heads stay as they were drawn.
    honest : bool
        Count a convolution's weight gradient at every output position (``alpha M``); the paper's eq. 16
        counts it as if there was one.
    """

    layers: Sequence[Layer]
    classes: int
    steps: int
    k: int
    n: int
    batch: int = 128
    activity: float = 0.1
    random_heads: bool = False
    honest: bool = False

    def __post_init__(self) -> None:
        check_interval(self.k, self.steps)
        blocks_of(len(self.layers), self.n)
        if self.batch < 1:
            raise ValueError(f"the batch must have at least 1 sample, not {self.batch}")
        if not 0 < self.activity <= 1:
            raise ValueError(f"the activity must be above 0 and at most 1, not {self.activity:g}")


def check_interval(k: int, steps: int) -> None:
    """Refuse an interval that does not divide the time steps."""
    if k < 1 or steps % k:
        divisors = ", ".join(str(d) for d in range(1, steps + 1) if steps % d == 0)
        raise ValueError(f"k must divide the {steps} time steps, and {k} does not; take one of {divisors}")


def blocks_of(layers: int, n: int) -> list[range]:
    """Layers (from 0) of every block of ``n``; the last block may be shorter."""
    if not 1 <= n <= layers:
        raise ValueError(f"n must be 1 to the network's {layers} layers, not {n}")
    return [range(begin, min(begin + n, layers)) for begin in range(0, layers, n)]


def training_costs(setting: Setting) -> Costs:
    """Costs of one batch: T forward steps and T/k intervals of backward steps, over all blocks."""
    total = Costs(0, 0, 0, 0)
    for block in blocks_of(len(setting.layers), setting.n):
        chosen = [setting.layers[number] for number in block]
        intervals = setting.steps // setting.k
        total += _forward(chosen, setting) * setting.steps
        total += _inner(chosen, setting) * (intervals * (setting.k - 1))
        total += _last(chosen, setting) * intervals
    return total


def _head(block: Sequence[Layer], setting: Setting) -> tuple[int, int, int]:
    """Weights of the head, those of them that move, and its batch of states.

    Random heads are drawn where they are used, so none of them moves.
    """
    weights = prod(block[-1].sends) * setting.classes
    return weights, 0 if setting.random_heads else weights, setting.classes * setting.batch


def _forward(block: Sequence[Layer], setting: Setting) -> Costs:
    weights = sum(layer.weights for layer in block)
    states = sum(layer.neurons for layer in block) * setting.batch
    head, moved, head_states = _head(block, setting)
    operations = sum(layer.operations for layer in block) * setting.batch
    additions = setting.activity * (operations + head * setting.batch)  # eq. 15
    return Costs(weights + states + moved + head_states, states + head_states, additions, 0)  # eq. 11


def _backward_work(block: Sequence[Layer], setting: Setting, *, through_time: bool) -> tuple[float, float]:
    """Additions (eq. 16) and multiply-accumulates (eq. 17) of one backward step."""
    head, trained, head_states = _head(block, setting)
    states = sum(layer.neurons for layer in block) * setting.batch + head_states
    counted = sum(layer.operations if setting.honest else layer.weights for layer in block)
    additions = setting.batch * setting.activity * (counted + trained)
    if through_time:
        additions += 2 * states
    macs = sum(layer.operations for layer in block[1:]) * setting.batch + head * setting.batch
    return additions, macs


def _inner(block: Sequence[Layer], setting: Setting) -> Costs:
    weights = sum(layer.weights for layer in block)
    states = sum(layer.neurons for layer in block) * setting.batch
    upper = sum(layer.weights for layer in block[1:])
    _, moved, head_states = _head(block, setting)
    reads = weights + 2 * states + upper + 2 * moved + 3 * head_states  # eq. 12
    writes = weights + states + moved + head_states  # eq. 13
    return Costs(reads, writes, *_backward_work(block, setting, through_time=True))


def _last(block: Sequence[Layer], setting: Setting) -> Costs:
    upper = sum(layer.weights for layer in block[1:])
    below = sum(layer.neurons for layer in block[:-1]) * setting.batch
    _, moved, head_states = _head(block, setting)
    weights = sum(layer.weights for layer in block)
    states = sum(layer.neurons for layer in block) * setting.batch
    writes = weights + moved
    if setting.k > 1:
        writes += states + head_states
    additions, macs = _backward_work(block, setting, through_time=False)
    return Costs(upper + below + moved, writes, additions, macs)  # eq. 14


def saved(ours: float, other: float) -> float:
    """Share by which ``ours`` is below ``other``, in percent."""
    return 100 * (1 - ours / other)
