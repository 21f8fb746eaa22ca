"""ALBSNN's weights: three scaled bit planes of a layer, which give every weight one of four values.

``B_i = sign(W - mean(W) + (i - 2) std(W))`` for i = 1, 2, 3 and ``alpha = argmin |w - B alpha|^2``
(ALBSNN, eqs. 11 to 14). The three thresholds are ordered, so the planes are nested and only four of the
eight patterns occur: two bits and a table of four entries hold what the paper counts as three bits.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["bit_planes", "straight_through", "three_planes"]


def bit_planes(weights: Tensor) -> Tensor:
    """Planes of -1 and +1, ``[3, *weights.shape]``; a weight on a threshold counts as above it."""
    # Over a single weight there is no spread: its planes agree.
    spread = weights.std() if weights.numel() > 1 else torch.zeros(())
    shifts = torch.tensor([-1.0, 0.0, 1.0], dtype=weights.dtype, device=weights.device)
    moved = (weights - weights.mean()).unsqueeze(0) + shifts.view(-1, *[1] * weights.dim()) * spread
    return torch.where(moved >= 0, 1.0, -1.0).to(weights.dtype)


def three_planes(weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Planes, their factors ``alpha`` by least squares, and the sum ``W_hat``; no gradients.

    Planes that are equal or opposite leave ``alpha`` open; the smallest solution is taken.
    """
    with torch.no_grad():
        planes = bit_planes(weights)
        basis = planes.flatten(1).double()
        gram, right = basis @ basis.T, basis @ weights.flatten().double()
        alpha = (torch.linalg.pinv(gram) @ right).to(weights.dtype)
        return planes, alpha, torch.einsum("i,i...->...", alpha, planes)


def straight_through(weights: Tensor, replaced: Tensor) -> Tensor:
    """``replaced`` in the forward pass, the gradient of ``weights`` in the backward pass."""
    return weights + (replaced - weights).detach()
