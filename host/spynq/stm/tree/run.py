"""A tree's schedule on a device: one start, and the weights that came back."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from spynq import devices
from spynq.errors import SpynqError
from spynq.stm.golden import Words
from spynq.stm.params import MAX_TERMS, StmConfig
from spynq.stm.query import label_of
from spynq.stm.tree.compiler import compile_plans
from spynq.stm.tree.draw import Population
from spynq.stm.tree.infer import Weighed
from spynq.stm.tree.layout import Place, Schedule
from spynq.stm.tree.plan import Pool
from spynq.stm.tree.spikes import Spiking

__all__ = ["KernelBackend", "tree_config", "weighed"]

_STANDARD = StmConfig(lanes=4, terms=0, states=0, edge=32, population=8192, columns=2, bins=16)
"""Build for trees: 32 parents per clock on an edge, nothing but the tree front end."""


def tree_config(samples: int, columns: int) -> StmConfig:
    """The smallest build for trees with so many places on chip and so many coordinate columns."""
    population = max(_STANDARD.population, 1 << max(samples - 1, 1).bit_length())
    return replace(_STANDARD, population=population, columns=max(_STANDARD.columns, columns))


class KernelBackend:
    """Populations weighed by the kernel of a device.

    Parameters
    ----------
    device : str or driver, optional
        See :func:`spynq.stm.tree.infer.infer`.
    config : StmConfig, optional
        Build of a simulated kernel; by default as large as the tree needs.
    timeout : float, optional
        Seconds a start may take.
    """

    def __init__(
        self, device: Any = None, config: StmConfig | None = None, timeout: float | None = None
    ) -> None:
        self.driver: Any = None
        self.config, self._options = config, {} if timeout is None else {"timeout": timeout}
        if device is None or isinstance(device, str):
            self.label = device or devices.default()
        else:
            if "CAP_EDGE" not in getattr(device, "capabilities", {}):
                raise ValueError(
                    f"a tree takes the name of a device or a driver of kernel stm, not {device!r}"
                )
            if config is not None:
                raise ValueError("config builds a new device; it cannot be given with an open driver")
            self.driver, self.label = device, label_of(device)

    def weigh(
        self,
        plans: Sequence[Pool],
        populations: Mapping[str, Population],
        rule: str,
        spiking: Spiking | None = None,
    ) -> tuple[list[Weighed], int]:
        """See :class:`spynq.stm.tree.infer.Backend`."""
        if self.driver is not None:
            return self._run(self.driver, plans, populations, rule, spiking)
        if self.label == "board":
            with devices.open_kernel("stm", "board") as driver:
                return self._run(driver, plans, populations, rule, spiking)
        base = self.config or _STANDARD
        largest = {**base.capabilities(), "CAP_POPULATION": 65536, "CAP_COLUMNS": MAX_TERMS}
        schedule = compile_plans(plans, populations, rule, largest, spiking=spiking)
        config = self.config or tree_config(schedule.samples, schedule.columns)
        with devices.open_kernel("stm", self.label, config=config) as driver:
            fits = schedule if self.config is None else None
            return self._run(driver, plans, populations, rule, spiking, fits)

    def _run(
        self,
        driver: Any,
        plans: Sequence[Pool],
        populations: Mapping[str, Population],
        rule: str,
        spiking: Spiking | None,
        schedule: Schedule | None = None,
    ) -> tuple[list[Weighed], int]:
        if not driver.capabilities["CAP_EDGE"]:
            raise SpynqError(
                "this kernel has no tree front end (CAP_EDGE = 0); build it with lanes=4 and edge=32"
            )
        if schedule is None:
            schedule = compile_plans(plans, populations, rule, driver.capabilities, spiking=spiking)
        driver.load_tree(schedule.loads)
        result = driver.tree(schedule.tasks, **self._options)
        flags = [name for name, raised in result.flags.items() if raised]
        found = []
        for root, plan in zip(schedule.roots, plans, strict=True):
            place, population = schedule.places[plan.name], populations[plan.name]
            one = weighed(place, population, result.weights[root], result.lost, flags)
            if spiking is not None and one.weights.any():
                counts = np.zeros(len(population.counts), np.int64)
                counts[place.kept] = result.spikes[root + 1][: len(place.kept)]
                one = replace(one, spikes=counts)
            found.append(one)
        return found, int(result.cycles)


def weighed(place: Place, population: Population, whole: Words, lost: float, flags: list[str]) -> Weighed:
    """Normalised weights of one evidence from the kernel's."""
    kept = whole[: len(place.kept)].astype(np.float64)
    weights = np.zeros(len(population.counts))
    if not kept.any():
        return Weighed(weights, 0.0, math.nan, lost, flags)
    weights[place.kept] = kept / kept.sum()
    # Equal samples share one weight: n samples of w/n each.
    squares = float(np.sum(kept**2 / population.counts[place.kept]))
    return Weighed(weights, float(kept.sum() ** 2 / squares), math.nan, lost, flags)
