"""Ask a network on a device: compile, run in growing pieces, combine, say how sure it is."""

from __future__ import annotations

import math
import operator
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from spynq.bayes.exact import describe, exact
from spynq.bayes.network import Evidence, Floats, Network, SoftEvidence
from spynq.errors import ImpossibleEvidence, SpynqError
from spynq.stm.compiler import Compiled, Run, compile_network
from spynq.stm.factors import plan
from spynq.stm.params import CHUNK, KERNEL, StmConfig
from spynq.stm.posterior import Posterior, Sums

__all__ = ["DEFAULT_SAMPLES", "LARGEST_ADAPTIVE", "label_of", "query"]

DEFAULT_SAMPLES = 16384
"""Samples if neither a number nor a tolerance is given."""
LARGEST_ADAPTIVE = 1 << 22
"""Samples at which a query with a tolerance gives up, unless ``samples`` says otherwise."""

_FIRST_PIECE = 4 * CHUNK
_LARGEST_PIECE = 4096 * CHUNK
_FEW = 100


@dataclass(frozen=True)
class _Draw:
    """How much is drawn, from which seed, and how long a piece may take."""

    limit: int
    tolerance: float | None
    seed: int
    timeout: float | None


@dataclass
class _Progress:
    """What the pieces of one run have brought."""

    run: Run
    sums: Sums
    cycles: int = 0
    flags: list[str] = field(default_factory=list)

    def estimates(self, network: Network) -> Iterator[tuple[str, Floats, Floats]]:
        for (_, first), name in zip(self.run.targets, self.run.names, strict=True):
            yield (name, *self.sums.estimate(first, network[name].size))

    def error(self, network: Network) -> float:
        """Expected total variation of the worst target; without one, relative error of the evidence."""
        if not self.sums.weight:
            return math.inf
        if not self.run.names:
            return 1 / math.sqrt(self.sums.ess)
        half = 0.5 * math.sqrt(2 / math.pi)
        return max(half * float(error.sum()) for _, _, error in self.estimates(network))


def query(
    network: Network,
    targets: str | Iterable[str] | None = None,
    evidence: Evidence | None = None,
    *,
    soft_evidence: SoftEvidence | None = None,
    samples: int | None = None,
    tolerance: float | None = None,
    seed: int = 1,
    device: Any = None,
    config: StmConfig | None = None,
    on_zero: str = "raise",
    prune: bool = True,
    lookahead: int | None = None,
    timeout: float | None = None,
    progress: bool | None = None,
) -> Posterior:
    """Posterior of ``targets`` given the evidence, by likelihood weighting on a device.

    Parameters
    ----------
    network : Network
    targets : str or iterable of str, optional
        Nodes asked for; by default all without hard evidence.
    evidence : mapping of str to str or int, optional
        State of each observed node, by name or number.
    soft_evidence : mapping, optional
        Per node the likelihood of each state, as a mapping or in order of the states.
    samples : int, optional
        Samples to draw, 1 to 2**31 - 1 (16,384); with a tolerance, the most to draw (4,194,304).
    tolerance : float, optional
        Draw until the expected total variation of every target is at most this.
    seed : int
        At least 0. The same seed, samples and query give the same answer on every device.
    device : str or driver, optional
        ``"golden"``, ``"rtl"``, ``"board"``, or an open driver, which stays open.
    config : StmConfig, optional
        Build of the simulated kernel, if a device is named.
    on_zero : str
        If the evidence is impossible or no sample agrees with it: ``"raise"``, or answer with the
        ``"prior"``, or with ``"nan"``.
    prune : bool
        Leave out nodes that can have no effect.
    lookahead : int, optional
        Work likelihoods into tables of up to so many entries, so that rare evidence leaves more
        effective samples; 0: plain likelihood weighting. By default as much as fits.
    timeout : float, optional
        Seconds that one piece may take.
    progress : bool, optional
        Show a progress bar; by default only in a notebook.

    Returns
    -------
    Posterior

    Raises
    ------
    ImpossibleEvidence
        The evidence has probability zero, or no sample agreed with it.
    ValueError
        An unknown node or state, or a number out of range.
    SpynqError
        The network does not fit the kernel, or the device failed. If pieces were done before a
        failure or Ctrl-C, the exception's ``partial`` is the posterior from them.
    """
    begin = time.monotonic()
    draw = _Draw(_limit(samples, tolerance), tolerance, _seed(seed, lookahead, on_zero), timeout)
    clamped, soft = network.clamp(evidence), network.likelihoods(soft_evidence)
    names = network.target_names(targets, evidence)
    # Before a device is opened, which may take long: does the question make sense?
    if on_zero == "raise":
        plan(network, names, clamped, soft, prune)
    with _opened(device, config) as (driver, label):
        try:
            compiled = compile_network(
                network, names, evidence, soft_evidence, driver.capabilities, prune, lookahead
            )
        except ImpossibleEvidence:
            if on_zero == "raise":
                raise
            result = _blank(network, names, describe(network, clamped, soft), draw.seed, label)
        else:
            result = _drawn(driver, compiled, draw, progress, label)
        if result.log_evidence == -math.inf:
            if on_zero == "raise":
                raise _zero(compiled, evidence, soft_evidence, draw.limit)
            _fill(result, network, names, on_zero, draw, driver)
        elif compiled.runs:
            result.notes += _remarks(result, tolerance)
    result.seconds = time.monotonic() - begin
    return result


def _drawn(driver: Any, compiled: Compiled, draw: _Draw, progress: bool | None, label: str) -> Posterior:
    """All runs of a query; what interrupts them carries the posterior from the pieces done before."""
    parts: list[_Progress] = []
    try:
        with _bar(progress, draw.limit * len(compiled.runs)) as advance:
            for run in compiled.runs:
                _sample(driver, compiled, run, parts, draw, advance)
    except (SpynqError, KeyboardInterrupt) as error:
        if any(part.sums.weight for part in parts):
            error.partial = _posterior(compiled, parts, draw, label)  # type: ignore[union-attr]
        raise
    return _posterior(compiled, parts, draw, label)


def _remarks(result: Posterior, tolerance: float | None) -> list[str]:
    """What the user should know of a sampled answer."""
    notes = []
    if result.ess < _FEW:
        count = f"{result.ess:.0f} effective sample{'s' * (round(result.ess) != 1)}"
        # Looking ahead helps only where the evidence is what costs samples.
        ahead = ", or look ahead (lookahead=4096)" if result.ess < result.samples / 2 else ""
        notes.append(f"only {count}: draw more{ahead}")
    reached = result.total_variation()
    if tolerance is not None and reached > tolerance:
        notes.append(
            f"the tolerance {tolerance:g} was not reached in {result.samples:,} samples: about {reached:.2g}"
        )
    return notes


def _limit(samples: int | None, tolerance: float | None) -> int:
    if tolerance is not None and not (isinstance(tolerance, (int, float, np.number)) and 0 < tolerance < 1):
        raise ValueError(f"tolerance must be between 0 and 1, not {tolerance!r}; 0.01 is a good start")
    if samples is None:
        return DEFAULT_SAMPLES if tolerance is None else LARGEST_ADAPTIVE
    number = _whole("samples", samples)
    way_out = "split the query, with another seed for each part" if number > 0 else "draw at least one"
    return KERNEL.limits[0].check(number, way_out)


def _seed(seed: int, lookahead: int | None, on_zero: str) -> int:
    seed = _whole("seed", seed)
    if seed < 0:
        raise ValueError(f"seed must be at least 0, not {seed}")
    if lookahead is not None and _whole("lookahead", lookahead) < 0:
        raise ValueError(f"lookahead must be at least 0 entries, not {lookahead}")
    if on_zero not in ("raise", "prior", "nan"):
        raise ValueError(f"on_zero takes raise, prior or nan, not {on_zero!r}")
    return seed


def _whole(name: str, value: object) -> int:
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise ValueError(f"{name} must be a whole number, not {value!r}") from None


@contextmanager
def _opened(device: Any, config: StmConfig | None) -> Iterator[tuple[Any, str]]:
    """A driver and the name to report: opened here and closed here, or the caller's."""
    from spynq import devices

    if config is not None and not isinstance(config, StmConfig):
        raise ValueError(f"config takes an StmConfig, not {config!r}")
    if device is not None and not isinstance(device, str):
        if not hasattr(device, "capabilities"):
            known = ", ".join(devices.names())
            raise ValueError(f"device takes a name ({known}) or an open driver, not {device!r}")
        if "CAP_STATES" not in device.capabilities:
            raise ValueError(f"a query takes a driver of kernel stm, not of {device.kernel.name}")
        if config is not None:
            raise ValueError("config builds a new device; it cannot be given with an open driver")
        yield device, label_of(device)
        return
    name = device or devices.default()
    with devices.open_kernel("stm", name, config=config) as driver:
        yield driver, name


def label_of(driver: Any) -> str:
    """Name of the device an open driver is on, as :func:`spynq.devices.open_kernel` would be told it."""
    if type(driver).__module__ == "spynq.devices.golden":
        return "golden"
    # Behind pynq the simulated device is called after its kernel, a board after its platform.
    board = getattr(driver, "device", None)
    if board is None:
        return type(driver).__name__
    return "rtl" if type(board).__module__.startswith("spynq_sim.") else "board"


@contextmanager
def _bar(wanted: bool | None, total: int) -> Iterator[Callable[[int], object]]:
    if wanted is None:
        wanted = "ipykernel" in sys.modules
    if not wanted:
        yield lambda count: None
        return
    from tqdm import tqdm

    with tqdm(total=total, unit="sample", unit_scale=True, delay=2, leave=False) as bar:
        yield bar.update


def _sample(
    driver: Any,
    compiled: Compiled,
    run: Run,
    parts: list[_Progress],
    draw: _Draw,
    advance: Callable[[int], object],
) -> None:
    """One run in pieces; the generators go on from piece to piece, so the cut changes no sample."""
    part = _Progress(run, Sums(run.bins))
    parts.append(part)
    driver.load_program(run.program, run.targets, compiled.table, run.bins)
    options = {} if draw.timeout is None else {"timeout": draw.timeout}
    piece = _FIRST_PIECE
    while part.sums.samples < draw.limit:
        done = part.sums.samples
        count = min(piece, draw.limit - done)
        found = driver.weighting(count, draw.seed if done == 0 else None, **options)
        part.sums.add(found.records, count)
        part.cycles += int(found.cycles)
        part.flags += [name for name, raised in found.flags.items() if raised and name not in part.flags]
        advance(count)
        piece = 2 * piece
        if draw.tolerance is not None:
            ratio = part.error(compiled.network) / draw.tolerance
            if ratio <= 1:
                break
            # Errors fall with the square root; a little more than that, to end with this piece.
            more = min(1.1 * ratio**2 - 1, 3.0) * part.sums.samples
            piece = -(-int(more) // CHUNK) * CHUNK
        piece = max(CHUNK, min(piece, _LARGEST_PIECE))


def _posterior(compiled: Compiled, parts: list[_Progress], draw: _Draw, device: str) -> Posterior:
    network = compiled.network
    found = {
        name: (values, errors)
        for part in parts
        if part.sums.weight
        for name, values, errors in part.estimates(network)
    }
    found |= {name: (values, np.zeros(len(values))) for name, values in compiled.fixed.items()}
    probabilities, errors = {}, {}
    for name in compiled.targets:
        states = network[name].states
        nothing = np.full(len(states), np.nan)
        p, e = found.get(name, (nothing, nothing))
        probabilities[name] = dict(zip(states, p.tolist(), strict=True))
        errors[name] = dict(zip(states, e.tolist(), strict=True))
    best = max(parts, key=lambda part: part.sums.samples).sums if parts else None
    return Posterior(
        probabilities=probabilities,
        standard_error=errors,
        ess=best.ess if best else float(draw.limit),
        log_evidence=best.log_evidence(compiled.log2_constant)
        if best
        else compiled.log2_constant * math.log(2),
        cycles=sum(part.cycles for part in parts),
        flags=list(dict.fromkeys(flag for part in parts for flag in part.flags)),
        samples=best.samples if best else 0,
        seed=draw.seed,
        device=device,
        seconds=0.0,
        evidence=describe(network, compiled.clamped, compiled.soft),
        notes=list(network.notes),
    )


def _zero(
    compiled: Compiled, evidence: Evidence | None, soft: SoftEvidence | None, samples: int
) -> ImpossibleEvidence:
    """Why no sample agreed: impossible for certain where exact inference can tell, else rare."""
    network = compiled.network
    told = describe(network, compiled.clamped, compiled.soft)
    try:
        log = exact(network, (), evidence, soft).log_evidence
    except ImpossibleEvidence as error:
        return error
    except SpynqError:
        chance = "it may be impossible or rare"
    else:
        chance = f"its probability is {math.exp(log):.2g}"
    return ImpossibleEvidence(
        f"none of {samples:,} samples agrees with the evidence {told}: {chance}; "
        "draw more samples, or take back a part of it"
    )


def _blank(network: Network, names: Iterable[str], evidence: str, seed: int, device: str) -> Posterior:
    """No answer, for evidence that the tables alone show to be impossible; nothing has been drawn."""
    nothing = {name: dict.fromkeys(network[name].states, math.nan) for name in names}
    return Posterior(
        probabilities=nothing,
        standard_error={name: dict(states) for name, states in nothing.items()},
        ess=0.0,
        log_evidence=-math.inf,
        cycles=0,
        flags=["ZERO"],
        samples=0,
        seed=seed,
        device=device,
        seconds=0.0,
        evidence=evidence,
        notes=list(network.notes),
    )


def _fill(
    result: Posterior, network: Network, names: Iterable[str], on_zero: str, draw: _Draw, driver: Any
) -> None:
    """What to answer if nothing agreed: the prior, or nothing at all."""
    result.notes.append(f"no sample agrees with the evidence; the answer is {on_zero}")
    if on_zero == "prior":
        prior = query(
            network, list(names), samples=draw.limit, seed=draw.seed, device=driver, timeout=draw.timeout
        )
        result.probabilities, result.standard_error = prior.probabilities, prior.standard_error
        result.cycles += prior.cycles
