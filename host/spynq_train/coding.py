"""Samples become time: direct, rate and latency coding of still images; events are taken as they are."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["CODINGS", "encode"]

CODINGS = ("direct", "rate", "latency")
"""Codings of still images."""


def encode(samples: Tensor, steps: int, coding: str, *, events: bool = False, alpha: float = 1.0) -> Tensor:
    """Input of every step, ``[T, B, C, H, W]``, from the global random generator where it is random.

    Parameters
    ----------
    samples : Tensor
        ``[B, C, H, W]`` in 0 to 1, or events ``[B, T, C, H, W]``.
    steps : int
        T of still images.
    coding : str
        ``direct``: the pixel in every step. ``rate``: a spike where ``pixel > alpha * uniform`` (BRP,
        eq. 3 with its inequality turned round). ``latency``: one spike, the earlier the brighter; a black
        pixel sends none.
    events : bool
        The samples are events.
    alpha : float
        Of rate coding.
    """
    if events:
        return samples.transpose(0, 1).float()
    if coding == "direct":
        return samples.unsqueeze(0).expand(steps, *samples.shape)
    if coding == "rate":
        drawn = torch.rand((steps, *samples.shape), device=samples.device)
        return (samples > alpha * drawn).float()
    if coding == "latency":
        when = torch.round((1 - samples) * (steps - 1))
        clock = torch.arange(steps, device=samples.device).view(-1, *[1] * samples.dim())
        return ((when == clock) & (samples > 0)).float()
    raise ValueError(f"unknown coding {coding!r}; known codings are {', '.join(CODINGS)}")
