"""Truncated local BPTT: gradients are cut every ``k`` steps and every ``n`` layers.

Each block of ``n`` layers is taught by a classifier head of its own (a full layer with neurons of the same
kind); the last head is the network's output. As soon as a block has run its interval, its loss goes
backward and its graph is freed, so that memory falls with ``k`` and with ``n``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import torch
from spikingjelly.activation_based import functional
from torch import Tensor, nn

from spynq_train.costs import blocks_of, check_interval
from spynq_train.method import Method, one_hot
from spynq_train.network import Block, SpikingNetwork
from spynq_train.topology import Layer

__all__ = ["TruncatedLocal", "head_accuracies"]


class TruncatedLocal(Method):
    """A network with heads, trained in blocks and intervals.

    Parameters
    ----------
    network : SpikingNetwork
        Without its classifier.
    classes : int
    k : int
        Steps per interval; it divides the time steps.
    n : int
        Layers per block; all layers is training end to end.
    steps : int
        Time steps T.
    surrogate : torch.nn.Module
        Of the heads.
    random_heads : bool
        Heads stay as they were drawn.
    dropout : float
        Share of a block's output that is dropped before its head and the next block.
    loss : {"mse", "cross-entropy"}
        Of the mean output per interval (eq. 3).
    order : {"step", "block"}
        ``step`` runs all blocks step by step, as the paper does, and goes backward block by block in the
        last step of an interval. ``block`` runs one block through the whole interval before the next:
        the same gradients, with the graph of one block in memory at a time.
    """

    def __init__(
        self,
        network: SpikingNetwork,
        classes: int,
        *,
        k: int,
        n: int,
        steps: int,
        surrogate: nn.Module,
        random_heads: bool = False,
        dropout: float = 0.0,
        loss: Literal["mse", "cross-entropy"] = "mse",
        order: Literal["step", "block"] = "step",
    ) -> None:
        super().__init__()
        if loss not in ("mse", "cross-entropy"):
            raise ValueError(f"loss must be mse or cross-entropy, not {loss!r}")
        if order not in ("step", "block"):
            raise ValueError(f"order must be step or block, not {order!r}")
        check_interval(k, steps)
        layers = network.layers
        groups = blocks_of(len(layers), n)
        self.classes, self.k, self.loss, self.order = classes, k, loss, order
        self.parts = nn.ModuleList(
            nn.Sequential(*(network.blocks[number] for number in group)) for group in groups
        )
        heads = [Layer("full", layers[group[-1]].sends, (classes, 1, 1)) for group in groups]
        self.heads = nn.ModuleList(Block(head, network.neuron, surrogate) for head in heads)
        self.dropout = nn.Dropout(dropout)
        if random_heads:
            self.heads.requires_grad_(False)
        # What is exported: the main layers and the last head. Blocks are shared, not copied.
        self.network = SpikingNetwork([], network.neuron)
        self.network.layers = (*layers, heads[-1])
        self.network.blocks = nn.ModuleList([*network.blocks, self.heads[-1]])

    def learn(self, x: Tensor, y: Tensor, optimiser: torch.optim.Optimizer) -> float:
        """One update per interval of ``k`` steps; the mean loss of the last head."""
        functional.reset_net(self)
        taught, losses = one_hot(y, self.classes), []
        for begin in range(0, len(x), self.k):
            optimiser.zero_grad()
            run = self._by_step if self.order == "step" else self._by_block
            losses.append(run(x[begin : begin + self.k], taught))
            optimiser.step()
            functional.detach_net(self)
        return sum(losses) / len(losses)

    def _by_step(self, x: Tensor, taught: Tensor) -> float:
        sums: list[Any] = [0.0] * len(self.parts)
        last = 0.0
        for step in range(len(x)):
            spikes = x[step : step + 1]
            for number, (part, head) in enumerate(zip(self.parts, self.heads, strict=True)):
                made = self.dropout(part(spikes))
                sums[number] = sums[number] + head(made)[0]
                spikes = made.detach()
                if step == len(x) - 1:
                    last = self._backward(sums[number] / len(x), taught)
                    sums[number] = None  # nothing may hold the graph that went backward
                    functional.detach_net(part)
                    functional.detach_net(head)
                del made
        return last

    def _by_block(self, x: Tensor, taught: Tensor) -> float:
        last = 0.0
        for part, head in zip(self.parts, self.heads, strict=True):
            made = self.dropout(part(x))
            last = self._backward(head(made).mean(0), taught)
            x = made.detach()
            functional.detach_net(part)
            functional.detach_net(head)
            del made
        return last

    def _backward(self, rates: Tensor, taught: Tensor) -> float:
        if self.loss == "mse":
            loss = nn.functional.mse_loss(rates, taught)
        else:
            loss = nn.functional.cross_entropy(rates, taught)
        torch.autograd.backward(loss)
        return loss.item()

    def head_scores(self, x: Tensor) -> list[Tensor]:
        """Rates of every head; the best one need not be the last."""
        functional.reset_net(self)
        found = []
        with torch.no_grad():
            for part, head in zip(self.parts, self.heads, strict=True):
                x = part(x)
                found.append(head(x).mean(0))
        return found


def head_accuracies(method: TruncatedLocal, batches: Iterable[tuple[Tensor, Tensor]]) -> list[float]:
    """Percent right of every head, over batches of input and labels."""
    right = [0] * len(method.heads)
    count = 0
    method.eval()
    for x, y in batches:
        for number, scores in enumerate(method.head_scores(x)):
            right[number] += int((scores.argmax(1) == y).sum())
        count += len(y)
    return [100 * hits / count for hits in right]
