"""A network and its evidence as programs and tables of the kernel.

Barren nodes are left out, evidence parents are folded into the tables, likelihoods over the same
nodes are merged, state columns are used again once nobody reads them. Targets that do not fit one
run are spread over several with the same operations, hence, with the same seed, the same samples.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from spynq.bayes.exact import Factor
from spynq.bayes.network import Evidence, Floats, Network, SoftEvidence
from spynq.errors import ImpossibleEvidence, SpynqError
from spynq.stm.alias import alias_table, log2_states, negative_log2
from spynq.stm.factors import Plan, plan
from spynq.stm.golden import Operation
from spynq.stm.image import operation_words
from spynq.stm.params import OP, StmConfig
from spynq.stm.schedule import Step, columns_of, last_reads, live_profile, schedule

__all__ = ["Compiled", "Run", "compile_network", "fitting_config", "places"]

_LOOKAHEADS = (1024, 256, 64)
_LARGEST_STRIDE = (1 << OP.fields[-1].width) - 1


@dataclass(frozen=True)
class Run:
    """One program with its targets.

    Parameters
    ----------
    program : tuple of Operation
    targets : tuple of (int, int)
        State column and first bin of each target.
    names : tuple of str
        The targets.
    bins : int
        Bins in use, from 0.
    """

    program: tuple[Operation, ...]
    targets: tuple[tuple[int, int], ...]
    names: tuple[str, ...]
    bins: int


@dataclass(frozen=True)
class Compiled:
    """All a device needs to answer one query.

    Parameters
    ----------
    network : Network
    clamped, soft : dict
        Evidence, by state number and as likelihoods.
    targets : tuple of str
        As asked for, evidence nodes among them.
    runs : tuple of Run
        Empty if nothing is left to draw.
    table : ndarray of uint32
        Entries, the same for all runs.
    log2_constant : float
        log2 of the part of the evidence that is the same for all samples.
    fixed : dict of str to ndarray
        Targets known without sampling.
    words : int
        Program words of a run: cycles per sample and lane.
    lookahead : int
        Entries up to which likelihoods were worked into tables.
    """

    network: Network
    clamped: dict[str, int]
    soft: dict[str, Floats]
    targets: tuple[str, ...]
    runs: tuple[Run, ...]
    table: npt.NDArray[np.uint32] = field(repr=False)
    log2_constant: float
    fixed: dict[str, Floats]
    words: int
    lookahead: int


def compile_network(
    network: Network,
    targets: str | Iterable[str] | None = None,
    evidence: Evidence | None = None,
    soft_evidence: SoftEvidence | None = None,
    capabilities: Mapping[str, int] | None = None,
    prune: bool = True,
    lookahead: int | None = 0,
) -> Compiled:
    """Compile one query.

    Parameters
    ----------
    network : Network
    targets : str or iterable of str, optional
        By default every node without hard evidence.
    evidence : mapping of str to str or int, optional
    soft_evidence : mapping, optional
        Likelihoods per node.
    capabilities : mapping of str to int, optional
        ``CAP_`` registers of the kernel; by default those of ``StmConfig()``.
    prune : bool
        See :func:`spynq.stm.factors.plan`.
    lookahead : int, optional
        See there. ``None``: the largest of 1,024, 256, 64 and 0 that fits the kernel and makes the
        program at most half as long again.

    Raises
    ------
    ImpossibleEvidence
        The tables alone show it.
    SpynqError
        The network does not fit; the message has the excess and the way out.
    """
    limits = dict(capabilities or StmConfig().capabilities())
    if not limits["CAP_STATES"]:
        raise SpynqError(
            "this kernel has no likelihood-weighting front end (CAP_STATES = 0); build it with states=64"
        )
    question = _Question(
        network,
        network.target_names(targets, evidence),
        network.clamp(evidence),
        network.likelihoods(soft_evidence),
        prune,
    )
    if lookahead is not None:
        return _compile(question, limits, lookahead)
    if not question.clamped and not question.soft:
        return _compile(question, limits, 0)
    plain, refusal = None, None
    try:
        plain = _compile(question, limits, 0)
    except ImpossibleEvidence:
        raise
    except SpynqError as error:
        refusal = error
    for size in _LOOKAHEADS:
        try:
            found = _compile(question, limits, size)
        except ImpossibleEvidence:
            raise
        except SpynqError:
            continue
        if plain is None or 2 * found.words <= 3 * plain.words:
            return found
    if plain is None:
        raise refusal or AssertionError
    return plain


@dataclass(frozen=True)
class _Question:
    network: Network
    targets: tuple[str, ...]
    clamped: dict[str, int]
    soft: dict[str, Floats]
    prune: bool


def _compile(question: _Question, limits: Mapping[str, int], lookahead: int) -> Compiled:
    network, names, clamped = question.network, question.targets, question.clamped
    work = plan(network, names, clamped, question.soft, question.prune, lookahead)
    fixed = {name: np.eye(network[name].size)[clamped[name]] for name in names if name in clamped}
    fixed |= {name: np.ones(1) for name in names if name not in clamped and name not in work.draws}
    wanted = [name for name in names if name in work.draws]
    _check(network.name, "state_bits", max((_bits(f) for f in work.draws.values()), default=0), limits)
    _check(network.name, "table", _entries(work), limits)
    steps = schedule(work)
    runs: tuple[Run, ...] = ()
    table, words = np.zeros(0, np.uint32), 0
    if steps:
        table, bases = _tables(work, steps)
        operations = _program(steps, bases, columns_of(steps, ()))
        words = sum(operation_words(op, limits["CAP_PARENTS"]) for op in operations)
        _check(network.name, "program", words, limits)
        groups = _groups(network, steps, wanted, limits)
        runs = tuple(_run(network, steps, bases, group) for group in groups)
    return Compiled(
        network, clamped, question.soft, names, runs, table, work.log2_constant, fixed, words, lookahead
    )


def fitting_config(
    network: Network,
    evidence: Evidence | None = None,
    soft_evidence: SoftEvidence | None = None,
    targets: str | Iterable[str] | None = None,
    base: StmConfig | None = None,
    lookahead: int = 0,
) -> StmConfig:
    """The smallest build, from ``base`` up, that answers this query, all targets in one run if possible.

    Raises
    ------
    SpynqError
        Not even the largest build of the contract is large enough.
    """
    config = base or StmConfig()
    clamped, soft = network.clamp(evidence), network.likelihoods(soft_evidence)
    names = network.target_names(targets, evidence)
    work = plan(network, names, clamped, soft, True, lookahead)
    steps = schedule(work)
    wanted = [name for name in names if name in work.draws]
    bins = sum(network[name].size for name in wanted)
    live = max(live_profile(steps, wanted), default=0)
    columns = columns_of(steps, ())
    words = sum(
        operation_words(op, config.parents)
        for op in _program(steps, dict.fromkeys(range(len(steps)), 0), columns)
    )
    needs = {
        "table": (_entries(work), 65536),
        "program": (words, 4096),
        "states": (live, 256),
        "bins": (bins, 1024),
        "targets": (len(wanted), 256),
    }
    grown = {
        name: max(getattr(config, name), min(1 << max(0, need - 1).bit_length(), most))
        for name, (need, most) in needs.items()
    }
    return replace(config, **grown)


def _bits(factor: Factor) -> int:
    return log2_states(factor.table.shape[-1])


def _entries(work: Plan) -> int:
    """Table entries in whole beats; equal tables are stored once."""
    sizes = {
        (True, factor.table.shape[-1], factor.table.tobytes()): (
            (factor.table.size // factor.table.shape[-1]) << _bits(factor)
        )
        for factor in work.draws.values()
    }
    sizes |= {(False, 0, factor.table.tobytes()): factor.table.size for factor in work.weights}
    return -(-sum(sizes.values()) // 4) * 4


def _check(name: str, what: str, need: int, limits: Mapping[str, int]) -> None:
    """Refuse what exceeds a capability, by how much, and say what to change."""
    limit = limits[f"CAP_{what.upper()}"]
    if need <= limit:
        return
    nouns = {
        "table": "table entries",
        "program": "program words",
        "states": "state columns at once",
        "bins": "bins for one target",
        "state_bits": "bits per state",
    }
    most = {"table": 65536, "program": 4096, "states": 256, "bins": 1024, "state_bits": 8}[what]
    size = need if what == "state_bits" else 1 << (need - 1).bit_length()
    if size <= most:
        way = f"build the kernel with {what}={size}, or give more evidence or fewer targets"
    else:
        way = f"the largest build has {most}; give more evidence or fewer targets, or split the network"
    raise SpynqError(
        f"network {name} needs {need} {nouns[what]}, {need - limit} more than the {limit} of this kernel; "
        f"{way}"
    )


def _tables(work: Plan, steps: Sequence[Step]) -> tuple[npt.NDArray[np.uint32], dict[int, int]]:
    """All entries one after the other, equal tables once, and the base of each step."""
    parts: list[npt.NDArray[np.uint32]] = []
    known: dict[bytes, int] = {}
    bases: dict[int, int] = {}
    size = 0
    for index, step in enumerate(steps):
        table = step.factor.table
        if step.draws:
            entries = alias_table(table.reshape(-1, table.shape[-1])).ravel()
        else:
            entries = negative_log2(table).ravel()
        key = entries.tobytes()
        if key not in known:
            known[key] = size
            parts.append(entries)
            size += entries.size
        bases[index] = known[key]
    parts.append(np.zeros(-size % 4, np.uint32))
    return np.concatenate(parts), bases


def places(step: Step, columns: Mapping[str, int]) -> tuple[tuple[int, int], ...]:
    """Column and stride of each parent; a stride too long for its field is spread over places."""
    shape = step.factor.table.shape
    places = []
    stride = 1
    count = len(step.parents)
    for name, states in zip(reversed(step.parents), reversed(shape[:count]), strict=True):
        rest = stride
        while rest:
            places.append((columns[name], min(rest, _LARGEST_STRIDE)))
            rest -= places[-1][1]
        stride *= states
    return tuple(reversed(places))


def _program(
    steps: Sequence[Step], bases: Mapping[int, int], columns: Mapping[str, int]
) -> tuple[Operation, ...]:
    return tuple(
        Operation(
            base=bases[index],
            log2_states=_bits(step.factor) if step.draws else 0,
            weigh=not step.draws,
            column=columns[step.draws] if step.draws else 0,
            parents=places(step, columns),
            fresh=index == 0,
            push=index == len(steps) - 1,
        )
        for index, step in enumerate(steps)
    )


def _groups(
    network: Network, steps: Sequence[Step], wanted: Sequence[str], limits: Mapping[str, int]
) -> list[list[str]]:
    """Targets spread over runs, first fit, so that columns, bins and target places suffice."""
    base = np.array(live_profile(steps, ()), np.int64)
    _check(network.name, "states", int(base.max()), limits)
    _check(network.name, "bins", max((network[name].size for name in wanted), default=0), limits)
    ends = last_reads(steps)
    groups: list[list[str]] = []
    profiles: list[npt.NDArray[np.int64]] = []
    for name in wanted:
        # A target stays from its last read to the end, beside all that is live anyway.
        kept = (np.arange(len(base)) > ends[name]).astype(base.dtype)
        for group, profile in zip(groups, profiles, strict=True):
            if (
                len(group) < limits["CAP_TARGETS"]
                and sum(network[n].size for n in [*group, name]) <= limits["CAP_BINS"]
                and (profile + kept).max() <= limits["CAP_STATES"]
            ):
                group.append(name)
                profile += kept
                break
        else:
            _check(network.name, "states", int((base + kept).max()), limits)
            groups.append([name])
            profiles.append(base + kept)
    # Evidence without a target still has a probability to estimate.
    return groups or [[]]


def _run(network: Network, steps: Sequence[Step], bases: Mapping[int, int], names: Sequence[str]) -> Run:
    columns = columns_of(steps, names)
    targets, first = [], 0
    for name in names:
        targets.append((columns[name], first))
        first += network[name].size
    return Run(_program(steps, bases, columns), tuple(targets), tuple(names), first)
