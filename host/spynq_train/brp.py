"""BRP: every hidden layer is taught by a fixed random projection of the label.

The rule is direct random target projection for LIF neurons. It needs no backward pass of its own: the
gradient of the linear local loss ``sum_t <s[t], y* B>`` of a layer whose input is detached is exactly
what eqs. 1.1 to 1.3 of the published code compute, so ordinary autograd does it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from spynq_train.method import Method, one_hot
from spynq_train.network import SpikingNetwork, pooled

__all__ = ["BRP", "RULES"]

RULES = ("brp", "err", "sign", "bp", "frozen", "target")
"""What teaches the hidden layers.

``brp``, ``err`` and ``sign`` project the label, the output's error and its sign (the paper's TP_BRP, TP_err
and TP_sign). ``bp`` (surrogate gradients through all layers) and ``frozen`` (hidden layers as drawn) are the
baselines without which no figure of the others means anything. ``target`` pulls spikes towards the
projection, another reading of eqs. 8 and 9.
"""


class BRP(Method):
    """A network under one of :data:`RULES`.

    Parameters
    ----------
    network : SpikingNetwork
    classes : int
    rule : str
    generator : torch.Generator, optional
        Draws the projections, which stay with the run.
    """

    def __init__(
        self,
        network: SpikingNetwork,
        classes: int,
        rule: str = "brp",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if rule not in RULES:
            raise ValueError(f"unknown rule {rule!r}; known rules are {', '.join(RULES)}")
        self.network, self.classes, self.rule = network, classes, rule
        for number, layer in enumerate(network.layers[:-1]):
            projection = torch.empty(classes, *layer.outputs)
            nn.init.kaiming_uniform_(projection, generator=generator)
            self.register_buffer(f"projection_{number}", projection)
        if rule == "frozen":
            for block in network.chain[:-1]:
                block.requires_grad_(False)

    def learn(self, x: Tensor, y: Tensor, optimiser: torch.optim.Optimizer) -> float:
        """One update of all layers."""
        optimiser.zero_grad()
        taught = one_hot(y, self.classes)
        if self.rule == "bp":
            loss = nn.functional.mse_loss(self.network.rates(x), taught)
            torch.autograd.backward(loss)
        else:
            rates, loss, hidden = self._forward(x, taught)
            # Each hidden layer's derivative is given straight away: the local loss itself need not be made.
            given = [] if self.rule == "frozen" else self._derivatives(hidden, self._signal(rates, taught))
            torch.autograd.backward([loss, *hidden[: len(given)]], [None, *given])
        optimiser.step()
        return loss.item()

    def _forward(self, x: Tensor, taught: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Rates and loss of the output layer, and spikes of the hidden ones before their pools."""
        self.network.rest()
        hidden = []
        for block in self.network.chain[:-1]:
            hidden.append(block.fire(x))
            x = pooled(block.layer.pool, hidden[-1].detach())
        rates = self.network.chain[-1](x).mean(0)
        return rates.detach(), nn.functional.mse_loss(rates, taught), hidden

    def _derivatives(self, hidden: Sequence[Tensor], signal: Tensor) -> list[Tensor]:
        return [
            self._local(spikes, signal, self.get_buffer(f"projection_{number}"))
            for number, spikes in enumerate(hidden)
        ]

    def _signal(self, rates: Tensor, taught: Tensor) -> Tensor:
        if self.rule == "err":
            return rates - taught
        if self.rule == "sign":
            return torch.sign(rates - taught)
        return taught

    def _local(self, spikes: Tensor, signal: Tensor, projection: Tensor) -> Tensor:
        """Derivative of a hidden layer's local loss by its spikes, the same in every step."""
        taught = (signal @ projection.flatten(1)).view(len(signal), *spikes.shape[2:])
        if self.rule == "target":
            taught = 2 / len(spikes) * (spikes.detach().mean(0) - taught)
        maps = taught / len(signal)
        if maps.dim() == 4:  # as the spikes lie in memory
            maps = maps.contiguous(memory_format=torch.channels_last)
        return maps.expand_as(spikes)
