"""Nodes of a tree: discrete, linear-Gaussian, Gaussian by the state of a discrete parent, uniform root."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["DiscreteNode", "Floats", "GaussianNode", "MixedNode", "Node", "UniformNode", "normal_quantile"]

Floats = npt.NDArray[np.float64]

_LOG_TAU = math.log(2 * math.pi)


def _log_normal(x: Floats, mean: Floats, sd: Floats) -> Floats:
    value: Floats = -0.5 * ((x - mean) / sd) ** 2 - np.log(sd) - 0.5 * _LOG_TAU
    return value


def normal_quantile(uniform: Floats) -> Floats:
    """Standard normal quantiles of numbers between 0 and 1, by Wichura's algorithm (in ``statistics``)."""
    inverse = NormalDist().inv_cdf
    # 0 has no quantile; half of the smallest step of a generator stands for it.
    clipped = np.clip(uniform, 2.0**-54, 1 - 2.0**-53)
    return np.fromiter((inverse(u) for u in clipped.ravel()), np.float64, clipped.size).reshape(clipped.shape)


@dataclass(frozen=True, eq=False)
class DiscreteNode:
    """A variable with named states.

    Parameters
    ----------
    name : str
    parent : str or None
        A discrete node, or None at the root.
    states : tuple of str
    table : ndarray of float64, shape [states] at the root, else [parent states, states]
        Rows sum to one.
    pool : str
        Population it belongs to.
    """

    name: str
    parent: str | None
    states: tuple[str, ...]
    table: Floats = field(repr=False)
    pool: str

    @property
    def discrete(self) -> bool:
        """True: values are state numbers."""
        return True


@dataclass(frozen=True)
class GaussianNode:
    """``x = slope * parent + offset + N(0, sd**2)``; at the root the parent counts as 0.

    Parameters
    ----------
    name : str
    parent : str or None
        A continuous node, or None at the root.
    slope, offset, sd : float
    pool : str
    """

    name: str
    parent: str | None
    slope: float
    offset: float
    sd: float
    pool: str

    @property
    def discrete(self) -> bool:
        """False: values are real numbers."""
        return False

    def log_density(self, x: Floats, parent: npt.NDArray[Any]) -> Floats:
        """Natural log of P(x | parent); arguments broadcast."""
        return _log_normal(x, self.slope * parent + self.offset, np.float64(self.sd))  # type: ignore[arg-type]

    def quantile(self, uniform: Floats, parent: npt.NDArray[Any]) -> Floats:
        """Inverse of the distribution function given the parent."""
        value: Floats = self.slope * parent + self.offset + self.sd * normal_quantile(uniform)
        return value


@dataclass(frozen=True, eq=False)
class MixedNode:
    """Gaussian whose mean and sd depend on the state of a discrete parent.

    Parameters
    ----------
    name, parent : str
    means, sds : ndarray of float64, shape [parent states]
    pool : str
    """

    name: str
    parent: str
    means: Floats
    sds: Floats
    pool: str

    @property
    def discrete(self) -> bool:
        """False: values are real numbers."""
        return False

    def log_density(self, x: Floats, parent: npt.NDArray[Any]) -> Floats:
        """Natural log of P(x | parent state); arguments broadcast."""
        return _log_normal(x, self.means[parent], self.sds[parent])

    def quantile(self, uniform: Floats, parent: npt.NDArray[Any]) -> Floats:
        """Inverse of the distribution function given the parent's state."""
        value: Floats = self.means[parent] + self.sds[parent] * normal_quantile(uniform)
        return value


@dataclass(frozen=True)
class UniformNode:
    """A root that is uniform between two ends.

    Parameters
    ----------
    name : str
    low, high : float
    pool : str
    """

    name: str
    low: float
    high: float
    pool: str
    parent: None = None

    @property
    def discrete(self) -> bool:
        """False: values are real numbers."""
        return False

    def quantile(self, uniform: Floats, parent: npt.NDArray[Any]) -> Floats:
        """Inverse of the distribution function; there is no parent."""
        value: Floats = self.low + (self.high - self.low) * uniform
        return value


Node = DiscreteNode | GaussianNode | MixedNode | UniformNode
