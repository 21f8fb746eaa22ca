"""Evidence that arrives piece by piece: every piece is added to what the populations hold on chip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from spynq import devices
from spynq.stm.tree.compiler import compile_plans
from spynq.stm.tree.draw import Population
from spynq.stm.tree.evidence import Evidence, describe, read_evidence
from spynq.stm.tree.infer import Options, ReferenceBackend, Weighed, answer, populations_of
from spynq.stm.tree.model import Tree
from spynq.stm.tree.plan import Pool, plan
from spynq.stm.tree.posterior import TreePosterior
from spynq.stm.tree.run import KernelBackend, tree_config, weighed

__all__ = ["Stream", "together"]

_MARGIN = 0.25
"""By so much of its samples' range a grid is wider on each side."""


def together(first: Pool, second: Pool) -> Pool:
    """One plan for two evidences that are independent given the tree's hidden nodes: their product."""
    children = {child.name: child for child in first.children}
    for child in second.children:
        children[child.name] = together(children[child.name], child) if child.name in children else child
    nodes = tuple(dict.fromkeys([*first.nodes, *second.nodes]))
    return replace(
        first,
        nodes=nodes,
        cues=(*first.cues, *second.cues),
        children=tuple(children.values()),
        log_constant=first.log_constant + second.log_constant,
    )


class Stream:
    """A tree whose populations stay on a device while evidence comes in.

    Each update is a new observation, independent of the earlier ones given the hidden nodes: seeing
    the same stimulus twice counts twice. While only the root's population has evidence, an update is
    one step per cue, added to the log-likelihoods on chip; else the messages are sent again.

    Parameters
    ----------
    tree : Tree
    span : (float, float), optional
        Range in which cues on continuous nodes will lie; by default each node's samples and a
        quarter more on each side.
    device, config : optional
        See :func:`spynq.stm.tree.infer.infer`.
    **options
        See :class:`spynq.stm.tree.infer.Options`.
    """

    def __init__(
        self,
        tree: Tree,
        *,
        span: tuple[float, float] | None = None,
        device: Any = None,
        config: Any = None,
        **options: Any,
    ) -> None:
        self.tree, self.span = tree, span
        self.options = Options(**options)
        self.evidence: list[Evidence] = []
        self.populations: dict[str, Population] = populations_of(tree, self.options)
        self._device, self._config = device, config
        self._plan: Pool | None = None
        self._driver: Any = None
        self._own = False
        self._label = "reference"

    def update(self, evidence: Mapping[str, Any]) -> TreePosterior:
        """Add an observation; the posterior under all of them.

        Parameters
        ----------
        evidence : mapping
            See :func:`spynq.stm.tree.evidence.read_evidence`.
        """
        read = read_evidence(self.tree, evidence)
        new = plan(self.tree, read)
        before, whole = self._plan, new if self._plan is None else together(self._plan, new)
        found, cycles = self._weigh(before, new, whole)
        self._plan, self.evidence = whole, [*self.evidence, read]
        told = "; ".join(describe(self.tree, one) for one in self.evidence)
        return answer(self.tree, told, whole, self.populations, found, self.options, self._label, cycles)

    def _weigh(self, before: Pool | None, new: Pool, whole: Pool) -> tuple[Weighed, int]:
        if isinstance(self._device, str) and self._device == "reference":
            found, cycles = ReferenceBackend().weigh([whole], self.populations, self.options.rule)
            return found[0], cycles
        flat = before is not None and not before.children and not new.children and bool(new.cues)
        limits = self._open(whole).capabilities
        schedule = compile_plans(
            [new if flat else whole],
            self.populations,
            self.options.rule,
            limits,
            add=flat,
            span=self.span,
            margin=_MARGIN,
        )
        if not flat:
            self._driver.load_tree(schedule.loads)
        result = self._driver.tree(schedule.tasks)
        flags = [name for name, raised in result.flags.items() if raised]
        place, population = schedule.places[whole.name], self.populations[whole.name]
        return weighed(
            place, population, result.weights[schedule.roots[0]], result.lost, flags
        ), result.cycles

    def _open(self, whole: Pool) -> Any:
        if self._driver is None:
            backend = KernelBackend(self._device, self._config)
            self._driver, self._label = backend.driver, backend.label
            if self._driver is None:
                self._own = True
                config = None if self._label == "board" else self._config or self._largest()
                self._driver = devices.open_kernel("stm", self._label, config=config)
        return self._driver

    def _largest(self) -> Any:
        """A build that every node's evidence fits."""
        pools = {node.pool for node in self.tree.nodes.values()}
        samples = sum(-(-len(self.populations[name].counts) // 32) * 32 for name in pools)
        return tree_config(samples=samples, columns=8)

    def close(self) -> None:
        """Close the kernel, unless it was passed in."""
        if self._own and self._driver is not None:
            self._driver.close()
        self._driver = None

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
