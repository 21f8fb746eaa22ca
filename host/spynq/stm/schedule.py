"""Order of the operations of a likelihood-weighting program, and who lives in which state column."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

from spynq.bayes.exact import Factor
from spynq.stm.factors import Plan

__all__ = ["Step", "columns_of", "last_reads", "live_profile", "schedule"]


@dataclass(frozen=True)
class Step:
    """One operation before columns are given out.

    Parameters
    ----------
    factor : Factor
        Its table; when drawing, the drawn node is the last of its scope.
    draws : str
        Node that is drawn; empty: weigh.
    """

    factor: Factor
    draws: str = ""

    @property
    def parents(self) -> tuple[str, ...]:
        """Nodes whose states choose the row."""
        return self.factor.scope[:-1] if self.draws else self.factor.scope


def schedule(work: Plan) -> list[Step]:
    """Draws and weights in an order that keeps few nodes alive.

    The next node is the ready one after whose draw the fewest states must be kept; ties go to the
    order of the plan. A weight follows as soon as its nodes are drawn. The order depends on
    network, evidence and targets alone, never on the size of the kernel.
    """
    rank = {name: index for index, name in enumerate(work.draws)}
    parents = {name: factor.scope[:-1] for name, factor in work.draws.items()}
    uses = dict.fromkeys(work.draws, 0)
    missing = {name: len(above) for name, above in parents.items()}
    children: dict[str, list[str]] = {name: [] for name in work.draws}
    weighed: dict[str, list[int]] = {name: [] for name in work.draws}
    for name, above in parents.items():
        for parent in above:
            uses[parent] += 1
            children[parent].append(name)
    open_nodes = [len(weight.scope) for weight in work.weights]
    for index, weight in enumerate(work.weights):
        for name in weight.scope:
            uses[name] += 1
            weighed[name].append(index)

    def growth(name: str) -> int:
        """States to keep more (or fewer) after drawing ``name`` and weighing what becomes complete."""
        ended: dict[str, int] = {}
        for parent in parents[name]:
            ended[parent] = ended.get(parent, 0) + 1
        for index in weighed[name]:
            if open_nodes[index] == 1:
                for other in work.weights[index].scope:
                    ended[other] = ended.get(other, 0) + 1
        return 1 - sum(uses[other] == count for other, count in ended.items())

    steps: list[Step] = []
    ready = [name for name, count in missing.items() if not count]
    while ready:
        name = min(ready, key=lambda n: (growth(n), rank[n]))
        ready.remove(name)
        steps.append(Step(work.draws[name], name))
        for parent in parents[name]:
            uses[parent] -= 1
        for index in weighed[name]:
            open_nodes[index] -= 1
            if not open_nodes[index]:
                steps.append(Step(work.weights[index]))
                for other in work.weights[index].scope:
                    uses[other] -= 1
        for child in children[name]:
            missing[child] -= 1
            if not missing[child]:
                ready.append(child)
    return steps


def _spans(steps: Sequence[Step], kept: Iterable[str]) -> dict[str, tuple[int, int]]:
    """First and last step in which each node's state must be there; ``kept`` ones stay to the end."""
    spans: dict[str, tuple[int, int]] = {}
    for index, step in enumerate(steps):
        for name in step.parents:
            spans[name] = (spans[name][0], index)
        if step.draws:
            spans[step.draws] = (index, index)
    for name in kept:
        spans[name] = (spans[name][0], len(steps))
    return spans


def last_reads(steps: Sequence[Step]) -> dict[str, int]:
    """The step that reads each drawn node last; its own draw if none does."""
    return {name: last for name, (_, last) in _spans(steps, ()).items()}


def live_profile(steps: Sequence[Step], kept: Iterable[str]) -> list[int]:
    """State columns in use during each step."""
    change = [0] * (len(steps) + 2)
    for first, last in _spans(steps, kept).values():
        change[first] += 1
        change[last + 1] -= 1
    profile, live = [], 0
    for delta in change[:-1]:
        live += delta
        profile.append(live)
    return profile


def columns_of(steps: Sequence[Step], kept: Iterable[str]) -> dict[str, int]:
    """A state column for every drawn node, used again after the last read.

    A state is never written over in the step that reads it last, so the result does not depend
    on whether a kernel reads before it writes.
    """
    spans = _spans(steps, kept)
    ends: list[tuple[int, int]] = []
    free = list(range(len(spans)))
    heapify(free)
    columns: dict[str, int] = {}
    for index, step in enumerate(steps):
        while ends and ends[0][0] < index:
            heappush(free, heappop(ends)[1])
        if step.draws:
            columns[step.draws] = heappop(free)
            heappush(ends, (spans[step.draws][1], columns[step.draws]))
    return columns
