"""A population of samples under Gaussian cues: posterior mean, error, histogram, evidence."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spynq import devices
from spynq.driver import DEFAULT_TIMEOUT
from spynq.errors import SpynqError
from spynq.stm.driver import FlatResult
from spynq.stm.params import MAX_TERMS, SATZ_LIMIT, W_ONE, StmConfig
from spynq.stm.pieces import L_ONE, merged
from spynq.stm.quantise import Grid, check_resolution, gain

__all__ = ["Inferences", "Population", "kernel_for"]

_BLOCK_BYTES = 1 << 25
"""Results of one start at most; a longer batch is cut."""
_MAX_SAMPLES = 1 << 20
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Inferences:
    """Posteriors of a batch of evidences, as arrays over evidences; of one evidence, as numbers.

    Parameters
    ----------
    mean, standard_error, standard_deviation : float or ndarray, shape [evidences]
        Posterior mean of the first cue's coordinate, its sampling error, and the posterior's own
        width. The last two need weights or a histogram (then with the bins' resolution); else NaN.
    ess : float or ndarray
        Effective sample size W**2 / S2.
    log_evidence : float or ndarray
        Natural log of the mean likelihood over the population.
    histogram, histogram_error : ndarray, shape [bins] or [evidences, bins], or None
        Probability of each bin, and its standard error.
    edges : ndarray, shape [bins + 1], or None
    weights : ndarray, shape [samples] or [evidences, samples], or None
        Normalised weights.
    flags : list of str
        Status flags that were raised.
    saturated : bool or ndarray of bool
        Evidences that no sample fits to within 32 standard deviations; their numbers are NaN.
    cycles : int
        Clock cycles of all starts; 0 on a device without a clock.
    """

    mean: Any
    standard_error: Any
    standard_deviation: Any
    ess: Any
    log_evidence: Any
    histogram: Floats | None
    histogram_error: Floats | None
    edges: Floats | None
    weights: Floats | None
    flags: list[str]
    saturated: Any
    cycles: int

    def __len__(self) -> int:
        return len(self.mean)

    def __getitem__(self, index: int) -> Inferences:
        """Posterior of one evidence of a batch."""

        def pick(values: Any) -> Any:
            value = values[index]
            return value if getattr(value, "ndim", 0) else value.item()

        arrays = {
            name: None if value is None else pick(value)
            for name, value in self.__dict__.items()
            if name not in ("edges", "flags", "cycles")
        }
        return Inferences(**arrays, edges=self.edges, flags=self.flags, cycles=self.cycles)

    def __iter__(self) -> Iterator[Inferences]:
        return (self[index] for index in range(len(self)))


def kernel_for(terms: int, bins: int) -> StmConfig | None:
    """Build parameters for a number of cues and bins, or None if the default build does."""
    config = StmConfig()
    if terms <= config.columns and bins <= config.bins:
        return None
    return StmConfig(
        columns=max(config.columns, terms + terms % config.terms),
        bins=max(config.bins, 1 << (bins - 1).bit_length()),
    )


class Population:
    """Samples of a prior, resident in a kernel; every evidence reweights them.

    A population larger than the kernel's memory is run in pieces, whose sums are added in float64.

    Parameters
    ----------
    samples : array_like of float, shape [N] or [N, D]
        Samples of the prior. Of one coordinate there may be any number of cues up to 8.
    cues_on : sequence of int, optional
        Coordinate each cue is about; by default one cue for each coordinate in order.
    bins : int or array_like of float, optional
        Histogram of the first cue's coordinate: equal bins over its samples, or ascending edges.
    grid : Grid or (float, float), optional
        Range of the numbers, for every coordinate; by default each coordinate's samples and a
        quarter more on each side. Cues must lie on it.
    device : str, optional
        Where to run; see :func:`spynq.devices.names`.
    driver : StmDriver, optional
        An open kernel to use; it is not closed.
    timeout : float
        Seconds for each start.
    **options
        Settings of the device.

    Raises
    ------
    ValueError
        Shapes, grid or sizes that cannot work; no device has been opened.
    """

    def __init__(
        self,
        samples: npt.ArrayLike,
        *,
        cues_on: Sequence[int] | None = None,
        bins: int | npt.ArrayLike | None = None,
        grid: Grid | tuple[float, float] | None = None,
        device: str | None = None,
        driver: Any = None,
        timeout: float = DEFAULT_TIMEOUT,
        **options: Any,
    ) -> None:
        if driver is not None and "CAP_POPULATION" not in driver.capabilities:
            raise ValueError(f"a population takes a driver of kernel stm, not of {driver.kernel.name}")
        array = np.asarray(samples, np.float64)
        if array.ndim == 1:
            array = array[:, None]
        if array.ndim != 2 or not array.size:
            raise ValueError(f"samples must have shape [N] or [N, D] with N of at least 1, not {array.shape}")
        if len(array) > _MAX_SAMPLES:
            raise ValueError(f"samples must be 1 to {_MAX_SAMPLES}, not {len(array)}; use fewer")
        if len(array) == 1:
            warnings.warn("a population of one sample answers every evidence alike", stacklevel=2)
        self.samples = array
        self.cues_on = tuple(range(array.shape[1])) if cues_on is None else tuple(cues_on)
        if not 1 <= len(self.cues_on) <= MAX_TERMS:
            raise ValueError(f"an evidence has 1 to {MAX_TERMS} cues, not {len(self.cues_on)}")
        if any(not 0 <= d < array.shape[1] for d in self.cues_on):
            raise ValueError(f"cues_on must name coordinates 0 to {array.shape[1] - 1}, not {self.cues_on}")
        self._grids = self._choose_grids(grid)
        self._integers = np.array([g.encode(array[:, d], "sample") for d, g in self._terms()])
        self.edges = None if bins is None else self._choose_edges(bins)
        self._labels = None if self.edges is None else self._label(self.edges)
        self._timeout = timeout
        self._own = driver is None
        if driver is None:
            config = kernel_for(len(self.cues_on), self._bins)
            if (device or devices.default()) == "board":
                config = None
            driver = devices.open_kernel("stm", device, config, **options)
        self.driver = driver
        try:
            size = driver.capabilities["CAP_POPULATION"] or len(array)
            self._pieces = [slice(i, i + size) for i in range(0, len(array), size)]
            self._load(self._pieces[0])
        except BaseException:
            self.close()
            raise

    def _load(self, piece: slice) -> None:
        labels = None if self._labels is None else self._labels[piece]
        self.driver.load_population(self._integers[:, piece], labels, self._bins or None)

    def _terms(self) -> Iterator[tuple[int, Grid]]:
        return ((d, self._grids[d]) for d in self.cues_on)

    def _choose_grids(self, grid: Grid | tuple[float, float] | None) -> list[Grid]:
        columns = self.samples.T
        if grid is None:
            return [Grid.covering(column, margin=0.25) for column in columns]
        return [grid if isinstance(grid, Grid) else Grid(*grid)] * len(columns)

    @property
    def _bins(self) -> int:
        return 0 if self.edges is None else len(self.edges) - 1

    def _choose_edges(self, bins: int | npt.ArrayLike) -> Floats:
        first = self.samples[:, self.cues_on[0]]
        if isinstance(bins, int):
            if bins < 1:
                raise ValueError(f"bins must be at least 1, not {bins}")
            low, high = float(first.min()), float(first.max())
            return np.linspace(low, high if high > low else low + 1, bins + 1)
        edges: Floats = np.asarray(bins, np.float64)
        if edges.ndim != 1 or len(edges) < 2 or np.any(np.diff(edges) <= 0):
            raise ValueError("edges of bins must be at least two ascending numbers")
        return edges

    def _label(self, edges: Floats) -> npt.NDArray[np.int64]:
        first = self.samples[:, self.cues_on[0]]
        outside = (first < edges[0]) | (first > edges[-1])
        if np.any(outside):
            raise ValueError(
                f"sample {first[outside][0]:g} lies outside the bins {edges[0]:g} to {edges[-1]:g}; "
                "give bins that cover all samples"
            )
        places: npt.NDArray[np.int64] = np.searchsorted(edges, first, side="right") - 1
        return np.minimum(places, len(edges) - 2)

    def infer(self, cues: Sequence[tuple[float, float] | None], *, weights: bool = True) -> Inferences:
        """Posterior under one evidence.

        Parameters
        ----------
        cues : sequence of (float, float) or None
            Value and sd of each cue; None where there is none.
        weights : bool
            Bring every sample's weight: gives standard error and standard deviation.

        Raises
        ------
        SpynqError
            No sample fits the cues to within 32 standard deviations.
        """
        pairs = [(math.nan, math.inf) if cue is None else cue for cue in cues]
        try:
            values, sds = np.array(pairs, np.float64).reshape(len(pairs), 2).T
        except (TypeError, ValueError):
            raise ValueError(f"an evidence is value and sd, or None, for each cue, not {cues!r}") from None
        found = self._infer(values[None], sds[None], weights, single=True)[0]
        if found.saturated:
            raise SpynqError(
                f"no sample of {len(self.samples)} fits the cues to within 32 standard deviations; "
                "draw samples where the cues are, or widen the cues"
            )
        return found

    def infer_batch(
        self, evidences: npt.ArrayLike, sds: npt.ArrayLike, *, weights: bool = False
    ) -> Inferences:
        """Posteriors under many evidences in few starts.

        Parameters
        ----------
        evidences : array_like of float, shape [evidences, cues]
            Cue values; NaN where there is none.
        sds : array_like of float, shape [cues] or [evidences, cues]
            Standard deviations of the cues.
        weights : bool
            Bring every sample's weight: gives standard error and standard deviation.
        """
        values = np.asarray(evidences, np.float64)
        if values.ndim != 2 or not len(values):
            raise ValueError(f"evidences must have shape [evidences, cues], not {values.shape}")
        try:
            widths = np.broadcast_to(np.asarray(sds, np.float64), values.shape)
        except ValueError:
            raise ValueError(
                f"sds must have shape [{values.shape[1]}] or {list(values.shape)}, not {list(np.shape(sds))}"
            ) from None
        return self._infer(values, widths, weights, single=False)

    def _infer(self, values: Floats, sds: Floats, weights: bool, *, single: bool) -> Inferences:
        if values.shape[1] != len(self.cues_on):
            raise ValueError(f"an evidence has {len(self.cues_on)} cues here, not {values.shape[1]}")
        absent = np.isnan(values) | np.isinf(sds)
        sds = np.where(absent, np.inf, sds)
        cues, gains = np.zeros(values.shape, np.int64), np.zeros(values.shape, np.int64)
        for t, (_, grid) in enumerate(self._terms()):
            cues[:, t] = grid.encode(np.where(absent[:, t], grid.centre, values[:, t]), "cue")
            gains[:, t] = gain(sds[:, t], grid.step)
        self._check_resolution(sds)
        found = []
        for piece in self._pieces:
            if len(self._pieces) > 1:
                self._load(piece)
            found.append(self._runs(cues, gains, weights, single))
        return self._summary(found, values, sds)

    def _check_resolution(self, sds: Floats) -> None:
        for d in set(self.cues_on):
            here = [t for t, other in enumerate(self.cues_on) if other == d]
            sharpest = sds[np.argmax(np.sum(1 / sds[:, here] ** 2, axis=1))][here]
            check_resolution([float(sd) for sd in sharpest], self._grids[d].step)

    def _runs(
        self, cues: npt.NDArray[np.int64], gains: npt.NDArray[np.int64], weights: bool, single: bool
    ) -> FlatResult:
        histogram = self.edges is not None
        if single:
            return self._flat(cues[0], gains[0], histogram, weights)
        each = 32 + 16 * self._bins + weights * 4 * len(self.samples)
        block = max(1, _BLOCK_BYTES // each)
        parts = [
            self._flat(cues[i : i + block], gains[i : i + block], histogram, weights)
            for i in range(0, len(cues), block)
        ]
        if len(parts) == 1:
            return parts[0]
        drawn = [part.weights for part in parts if part.weights is not None]
        return FlatResult(
            np.concatenate([part.records for part in parts]),
            np.concatenate(drawn) if drawn else None,
            {name: any(part.flags[name] for part in parts) for name in parts[0].flags},
            sum(part.cycles for part in parts),
        )

    def _flat(self, cues: Any, gains: Any, histogram: bool, weights: bool) -> FlatResult:
        result: FlatResult = self.driver.flat(
            cues, gains, histogram=histogram, weights=weights, timeout=self._timeout
        )
        return result

    def _summary(self, results: list[FlatResult], values: Floats, sds: Floats) -> Inferences:
        sums, grid = merged(results), self._grids[self.cues_on[0]]
        saturated = sums.smallest >= SATZ_LIMIT
        good = np.where(saturated, np.nan, 1.0)
        total = sums.total
        mean = grid.decode(sums.first / total)
        present = np.isfinite(sds)
        peaks = np.where(present, -np.log(np.where(present, sds, 1.0) * math.sqrt(2 * math.pi)), 0.0)
        share = np.log(total / W_ONE / len(self.samples))
        width, error = np.full((2, len(values)), np.nan)
        histogram = histogram_error = weights = None
        if self.edges is not None and sums.bins is not None:
            h, q = sums.bins
            histogram = h / total[:, None]
            inside, outside = q * (1 - histogram) ** 2, (sums.squares[:, None] - q) * histogram**2
            histogram_error = np.sqrt(np.maximum(inside + outside, 0)) / total[:, None]
            deviation = (self.edges[:-1] + self.edges[1:]) / 2 - mean[:, None]
            width = np.sqrt(np.sum(histogram * deviation**2, axis=1))
            error = np.sqrt(np.sum(q * deviation**2, axis=1)) / total
        if sums.weights is not None:
            weights = sums.weights / total[:, None]
            deviation = grid.decode(self._integers[0]) - mean[:, None]
            width = np.sqrt(np.sum(weights * deviation**2, axis=1))
            error = np.sqrt(np.sum((weights * deviation) ** 2, axis=1))
        raised = {name for result in results for name, value in result.flags.items() if value}
        # A piece far from the cues is no harm as long as another one is near.
        raised -= set() if saturated.any() else {"SATZ"}
        return Inferences(
            mean=mean * good,
            standard_error=error * good,
            standard_deviation=width * good,
            ess=total**2 / sums.squares * good,
            log_evidence=(share + peaks.sum(axis=1) - sums.smallest / L_ONE * math.log(2)) * good,
            histogram=histogram,
            histogram_error=histogram_error,
            edges=self.edges,
            weights=weights,
            flags=sorted(raised),
            saturated=saturated,
            cycles=sum(result.cycles for result in results),
        )

    def close(self) -> None:
        """Close the kernel, unless it was passed in."""
        if self._own:
            self.driver.close()

    def __enter__(self) -> Population:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
