"""Binary weight optimisation: single planes are taken out of single weights where the gradient asks for it.

As printed the rule hurts: its bound compares quantities of different units, and what it really sets is the
share of weights that change. Here the sign must match, weights are ranked, a small share changes per pass,
and a pass stays only if it beats the same training without it on samples that are trained on by neither.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from spynq_train.albsnn import AdaptiveBinary
from spynq_train.planes import three_planes

__all__ = ["Pass", "optimise_planes", "remove_planes"]

Batch = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Pass:
    """What one pass did: share of weights changed, held-out loss with and without it, whether it stayed."""

    share: float
    loss: float
    control: float
    kept: bool


def remove_planes(method: AdaptiveBinary, batches: Sequence[Batch], rate: float, share: float) -> float:
    """Take a plane out of the weights that ask most for it; the share of weights changed.

    Parameters
    ----------
    method : AdaptiveBinary
    batches : sequence of (Tensor, Tensor)
        Their mean gradient decides.
    rate : float
        Learning rate that the plane is compared with: ``i* = argmin |alpha_i B_i - rate g|``.
    share : float
        Most of a layer's weights to change, 0 to 1.
    """
    method.zero_grad()
    for x, y in batches:
        torch.autograd.backward(method.objective(x, y) / len(batches))
    changed = total = 0
    for block in method.planes:
        if bool(block.full):
            continue
        weight = block.weights.weight
        gradient = weight.grad if weight.grad is not None else torch.zeros_like(weight)
        planes, alpha, _ = three_planes(weight)
        terms = alpha.view(-1, *[1] * weight.dim()) * planes
        best = (terms - rate * gradient).abs().argmin(0)
        term = terms.gather(0, best.unsqueeze(0))[0]
        fits = (torch.sign(term) == torch.sign(gradient)) & (gradient != 0) & (block.removed == 0)
        rank = torch.where(fits, gradient.abs() / term.abs().clamp_min(1e-12), 0.0).flatten()
        count = min(int(share * rank.numel()), int(fits.sum()))
        chosen = rank.topk(count).indices
        block.removed.view(-1)[chosen] = (best.flatten()[chosen] + 1).to(torch.uint8)
        changed, total = changed + count, total + rank.numel()
    method.zero_grad()
    return changed / max(total, 1)


def optimise_planes(
    method: AdaptiveBinary,
    train: Callable[[AdaptiveBinary, int], None],
    held_out: Sequence[Batch],
    gradients: Sequence[Batch],
    *,
    passes: int = 20,
    rate: float = 1e-3,
    share: float = 0.005,
) -> list[Pass]:
    """Run passes of :func:`remove_planes`; ``method`` ends as the best of each pass and its control.

    Parameters
    ----------
    method : AdaptiveBinary
        Trained; its choice of layers stays as it is.
    train : callable
        ``train(method, pass number)`` trains a little; the same for a pass and for its control.
    held_out, gradients : sequence of (Tensor, Tensor)
        Training samples that ``train`` does not see, and those whose gradient decides.
    passes : int
    rate, share : float
        As of :func:`remove_planes`.
    """
    found = []
    for number in range(passes):
        control, trial = method.copied(), method.copied()
        trial.train()
        changed = remove_planes(trial, gradients, rate, share)
        train(control, number)
        train(trial, number)
        loss, reference = _loss(trial, held_out), _loss(control, held_out)
        kept = loss < reference
        method.load_state_dict((trial if kept else control).state_dict())
        found.append(Pass(changed, loss, reference, kept))
    return found


def _loss(method: AdaptiveBinary, batches: Sequence[Batch]) -> float:
    method.eval()
    with torch.no_grad():
        found = sum(method.objective(x, y).item() * len(y) for x, y in batches)
    return found / sum(len(y) for _, y in batches)
