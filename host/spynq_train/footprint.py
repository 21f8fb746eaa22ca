"""How many words a training step keeps for its backward pass: eqs. 9 and 10, counted layer by layer.

The papers' ``MC(CG)`` is one step's graph. Here it is counted for the soft reset without a norm: the
distance to the threshold, the spikes (as input of what follows) and the pooled map of every layer. What
:mod:`spynq_train.memory` measures equals it.
"""

from __future__ import annotations

from math import prod

from spynq_train.costs import Setting, blocks_of
from spynq_train.topology import Layer

__all__ = ["saved_words", "weight_words"]


def _graph(layer: Layer) -> int:
    """Words of one layer, step and sample."""
    return 2 * layer.neurons + (prod(layer.sends) if layer.pool else 0)


def saved_words(setting: Setting, *, order: str = "step", still: bool = True) -> int:
    """Most words that are kept at one time, weights left out.

    Parameters
    ----------
    setting : Setting
    order : {"step", "block"}
        As of :class:`spynq_train.tlbptt.TruncatedLocal`.
    still : bool
        The input is the same in every step; else all steps of it are one array that stays.
    """
    k, last = setting.k, 2 * setting.classes  # the loss keeps the mean output and the target
    groups = blocks_of(len(setting.layers), setting.n)
    graphs = [sum(_graph(setting.layers[number]) for number in group) + setting.classes for group in groups]
    # What enters a block is kept with it, also when the block that made it is already gone.
    entering = [k * prod(setting.layers[group[0]].inputs) for group in groups]
    one = prod(setting.layers[0].inputs)
    entering[0] = setting.steps * one if not still else one if order == "step" else k * one
    if order == "block":
        most = max(e + k * graph for e, graph in zip(entering, graphs, strict=True))
    else:
        most = max(e + (k - 1) * sum(graphs[number:]) + graphs[number] for number, e in enumerate(entering))
    return (most + last) * setting.batch


def weight_words(setting: Setting) -> int:
    """Weights of layers and heads, without biases."""
    groups = blocks_of(len(setting.layers), setting.n)
    heads = sum(prod(setting.layers[group[-1]].sends) * setting.classes for group in groups)
    return sum(layer.weights for layer in setting.layers) + heads
