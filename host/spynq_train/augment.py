"""Training samples that move and turn round: few samples teach more."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["AUGMENTS", "augmented"]

AUGMENTS = ("none", "shift", "crop-flip")
"""``shift``: by up to 2 pixels. ``crop-flip``: a crop of the sample padded by 4, and left and right change
places half the time (ALBSNN, section 4)."""

_PADS = {"shift": 2, "crop-flip": 4}


def augmented(samples: Tensor, how: str) -> Tensor:
    """Samples ``[B, ..., H, W]`` as an epoch sees them, from the global random generator.

    Parameters
    ----------
    samples : Tensor
    how : str
        One of :data:`AUGMENTS`.
    """
    if how == "none":
        return samples
    if how not in AUGMENTS:
        raise ValueError(f"unknown augmentation {how!r}; known ones are {', '.join(AUGMENTS)}")
    pad = _PADS[how]
    count, height, width = len(samples), *samples.shape[-2:]
    place = samples.device
    wide = torch.nn.functional.pad(samples, (pad, pad, pad, pad))
    down, right = torch.randint(0, 2 * pad + 1, (2, count, 1), device=place)
    rows = down + torch.arange(height, device=place)
    columns = right + torch.arange(width, device=place)
    if how == "crop-flip":
        turned = torch.rand(count, 1, device=place) < 0.5
        columns = torch.where(turned, columns.flip(1), columns)
    each = torch.arange(count, device=place).view(-1, 1, 1)
    # One index per sample, row and column; what lies between (channels, steps) comes out last.
    moved = wide.flatten(1, -3)[each, :, rows[:, :, None], columns[:, None, :]]
    return moved.permute(0, 3, 1, 2).reshape(samples.shape)
