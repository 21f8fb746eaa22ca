"""What has to be drawn and what has to be weighed, once the evidence is put into a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from spynq.bayes.exact import Factor, describe, factors_of
from spynq.bayes.network import Floats, Network
from spynq.errors import ImpossibleEvidence

__all__ = ["Plan", "plan"]


@dataclass(frozen=True)
class Plan:
    """Draws and weights of one query, still in probabilities.

    Parameters
    ----------
    draws : dict of str to Factor
        Per free node, parents first: its parents that are free, then itself, and the table.
    weights : list of Factor
        Likelihood factors over free nodes; the largest value of each is 1.
    log2_constant : float
        log2 of all that was taken out of the weights.
    """

    draws: dict[str, Factor]
    weights: list[Factor] = field(default_factory=list)
    log2_constant: float = 0.0


def _impossible(
    network: Network,
    clamped: dict[str, int],
    soft: dict[str, Floats],
    culprit: str = "",
    by_soft: bool = False,
) -> ImpossibleEvidence:
    told = describe(network, clamped, soft)
    if culprit:
        # Only evidence above the node has been looked at; the node is no reason for itself.
        above = network.ancestors([culprit]) - {culprit}
        given = {name: state for name, state in clamped.items() if name in above}
        observed = culprit in clamped
        itself = describe(network, {culprit: clamped[culprit]}) if observed else f"soft evidence on {culprit}"
        reason = describe(network, given, [culprit] if by_soft and observed else ())
        told = f"{itself} cannot occur" + (f" given {reason}" if reason != "none" else " in this network")
    return ImpossibleEvidence(f"the evidence has probability zero: {told}; take back a part of it")


def plan(
    network: Network,
    targets: Sequence[str],
    clamped: dict[str, int],
    soft: dict[str, Floats],
    prune: bool = True,
    lookahead: int = 0,
) -> Plan:
    """Put the evidence in: slices of tables to draw from, likelihoods to weigh with.

    Parameters
    ----------
    network : Network
    targets : sequence of str
    clamped, soft : dict
        As :meth:`Network.clamp` and :meth:`Network.likelihoods` give them.
    prune : bool
        Leave out nodes with neither target nor evidence below them.
    lookahead : int
        Entries up to which a likelihood may be worked into the table its node is drawn from, so
        that samples agree with the evidence more often; 0: plain likelihood weighting.

    Raises
    ------
    ImpossibleEvidence
        The tables alone show that the evidence cannot occur.
    """
    needed = network.ancestors([*targets, *clamped, *soft]) if prune else set(network.nodes)
    names = [name for name in network.order if name in needed]
    draws: dict[str, Factor] = {}
    found: list[tuple[str, Factor, bool]] = []
    possible: dict[str, Floats] = {}
    for name, factor in zip(names, factors_of(network, names, clamped, {}), strict=True):
        if name in clamped:
            found.append((name, factor, False))
        elif network[name].size == 1:
            # One state needs no random number; its factor is 1 whatever the parents.
            possible[name] = np.ones(1)
        else:
            draws[name] = factor
            possible[name] = _reach(factor, possible)
    for name, factor in zip(soft, factors_of(network, (), clamped, soft), strict=True):
        found.append((name, factor, True))
    for name, factor, by_soft in found:
        if not _allowed(factor, possible).any():
            raise _impossible(network, clamped, soft, name, by_soft)
    single = {name for name in possible if name not in draws}
    draws = {name: _without(factor, single) for name, factor in draws.items()}
    result = Plan(draws, _merged([_without(factor, single) for _, factor, _ in found]))
    if lookahead:
        result = _look_ahead(result, lookahead)
    if not all(factor.table.any() for factor in result.weights):
        raise _impossible(network, clamped, soft)
    return _scaled(result)


def _reach(factor: Factor, possible: dict[str, Floats]) -> Floats:
    """States of the last node in scope that some possible parents allow, as 0 and 1."""
    parents = Factor(factor.scope[:-1], factor.table[..., 0])
    allowed = np.ones(parents.table.shape, bool)
    for name in parents.scope:
        allowed = allowed & (Factor((name,), possible[name]).spread(parents.scope) > 0)
    return np.asarray((factor.table[allowed] > 0).any(axis=0), np.float64)


def _allowed(factor: Factor, possible: dict[str, Floats]) -> Floats:
    table = factor.table
    for name in factor.scope:
        table = table * Factor((name,), possible[name]).spread(factor.scope)
    return np.asarray(table)


def _without(factor: Factor, single: set[str]) -> Factor:
    """The factor without axes of length one."""
    if not single.intersection(factor.scope):
        return factor
    axes = tuple(i for i, name in enumerate(factor.scope) if name in single)
    return Factor(tuple(n for n in factor.scope if n not in single), factor.table.squeeze(axes))


def _merged(factors: list[Factor]) -> list[Factor]:
    """Fewer weights: a factor is multiplied into one whose scope holds its own."""
    result: list[Factor] = []
    for factor in sorted(factors, key=lambda f: -len(f.scope)):
        for index, other in enumerate(result):
            if set(factor.scope) <= set(other.scope):
                result[index] = Factor(other.scope, other.table * factor.spread(other.scope))
                break
        else:
            result.append(factor)
    return result


def _look_ahead(before: Plan, limit: int) -> Plan:
    """Work likelihoods into the draws, last node first, as far as tables stay within ``limit`` entries.

    For a node x: q(x | rest) is P(x | parents) times the weights on x, normalised over x; what
    was divided out is a weight on the rest. This is one step of exact elimination.
    """
    draws, weights = dict(before.draws), list(before.weights)
    sizes = {name: factor.table.shape[-1] for name, factor in draws.items()}
    rank = {name: index for index, name in enumerate(draws)}
    for name in reversed(list(draws)):
        # A weight that a later node also has stays a weight, or the arrows would form a cycle.
        mine = [f for f in weights if name in f.scope and max(rank[n] for n in f.scope) == rank[name]]
        if not mine:
            continue
        rest = {n for factor in [draws[name], *mine] for n in factor.scope} - {name}
        scope = (*sorted(rest, key=rank.__getitem__), name)
        if np.prod([float(sizes[n]) for n in scope]) > limit:
            continue
        joint = draws[name].spread(scope)
        for factor in mine:
            joint = joint * factor.spread(scope)
        joint = np.broadcast_to(joint, [sizes[n] for n in scope])
        total = joint.sum(axis=-1)
        uniform = np.full(joint.shape, 1 / joint.shape[-1])
        draws[name] = Factor(
            scope, np.divide(joint, total[..., None], out=uniform, where=total[..., None] > 0)
        )
        weights = [factor for factor in weights if factor not in mine]
        weights = _merged([*weights, Factor(scope[:-1], np.asarray(total))])
    return replace(before, draws=draws, weights=weights)


def _scaled(before: Plan) -> Plan:
    """Weights with largest value 1; constants and the scales go to the host's share."""
    weights, constant = [], before.log2_constant
    for factor in before.weights:
        top = float(factor.table.max())
        constant += float(np.log2(top))
        if factor.scope and float(factor.table.min()) < top:
            weights.append(Factor(factor.scope, factor.table / top))
    return replace(before, weights=weights, log2_constant=constant)
