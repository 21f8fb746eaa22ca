"""From a graph to stages: each neuron is followed back to the spikes that drive it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spynq.lif.errors import LifError
from spynq.lif.graph import (
    Conv,
    Flatten,
    Graph,
    Input,
    Linear,
    Neuron,
    Node,
    Output,
    Pool,
    Shape,
    conv_output,
)
from spynq.lif.stages import (
    POOLS,
    Stage,
    behind,
    composed,
    convolution,
    front,
    integrator,
    pooled_map,
    share,
    with_neuron,
)

__all__ = ["stages_of"]


def stages_of(graph: Graph) -> list[Stage]:
    """Stages in the order in which they run; the last is the read-out.

    Raises
    ------
    LifError
        E03: a structure that the engine does not have, with the names of the nodes.
    """
    graph.shapes()
    return _Builder(graph).build()


class _Builder:
    """Follows each neuron back to the spikes that drive it."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.stages: list[Stage] = []
        self.maps: dict[str, Shape] = {}
        self.places = {graph.only(Input): "input"}
        self.maps["input"] = graph.input.shape

    def build(self) -> list[Stage]:
        output = self.graph.only(Output)
        for name in self.graph.order:
            node = self.graph.nodes[name]
            if isinstance(node, Neuron):
                self._add(self._stage(name, node, self._chain(name)), name)
        self._read_out(self._chain(output))
        return self.stages

    def _add(self, stage: Stage, node: str) -> None:
        self.stages.append(stage)
        self.maps[stage.name] = stage.shape
        self.places[node] = stage.name

    def _chain(self, name: str) -> tuple[list[str], list[tuple[str, Node]]]:
        """Sources of spikes, and the nodes from there to ``name`` (exclusive)."""
        chain: list[tuple[str, Node]] = []
        at = name
        while True:
            sources = self.graph.sources(at)
            if all(
                source in self.places or isinstance(self.graph.nodes[source], Neuron) for source in sources
            ):
                return sources, chain
            if len(sources) > 1:
                told = " and ".join(sources)
                raise LifError(
                    "E03",
                    f"layer {at!r} adds the currents of {told}, and the engine adds spikes: give each its "
                    "own "
                    "neurons, or use one layer of weights on the sum",
                )
            at = sources[0]
            chain.insert(0, (at, self.graph.nodes[at]))

    def _stage(self, name: str, neuron: Neuron, found: tuple[list[str], list[tuple[str, Node]]]) -> Stage:
        sources, chain = found
        origins = self._sources(name, sources)
        shape = self.maps[origins[0]]
        synapse = next(
            (i for i, (_, node) in enumerate(chain) if isinstance(node, Conv | Linear)), len(chain)
        )
        before, after = chain[:synapse], chain[synapse + 1 :]
        if synapse == len(chain):
            stage = self._pooled(name, origins, shape, before)
        else:
            stage = self._weighted(name, origins, shape, before, chain[synapse])
        for label, node in after:
            stage = behind(label, node, stage)
        return with_neuron(name, stage, neuron)

    def _sources(self, name: str, sources: list[str]) -> tuple[str, ...]:
        """One or two stages; more are added up pair by pair."""
        places = [self.places[source] for source in sources]
        while len(places) > 2:
            shape = self.maps[places[0]]
            label = f"{name}.sum{len(places)}"
            none = np.ones(shape[0])
            self._add(Stage(label, "copy", (places[0], places[1]), shape, None, none, 0 * none), label)
            places = [label, *places[2:]]
        return tuple(places)

    def _weighted(
        self,
        name: str,
        sources: tuple[str, ...],
        shape: Shape,
        before: list[tuple[str, Node]],
        weighted: tuple[str, Node],
    ) -> Stage:
        label, node = weighted
        pool, kind, scale = front(before, shape)
        seen = pooled_map(shape, pool)
        conv = convolution(node, scale, seen)
        factor = np.full(len(conv.bias), share(pool))
        size = pool.kernel[0]
        if pool.kernel != (size, size) or pool.stride != pool.kernel or size not in POOLS:
            if kind == "or":
                raise LifError(
                    "E03",
                    f"layer {label!r}: an OR pool of {pool.kernel} by {pool.stride} in front of it; the "
                    "engine "
                    "has 2x2, 4x4 and 8x8",
                )
            conv, kind, size, seen = (
                composed(label, conv, pool, shape, isinstance(node, Linear)),
                "none",
                1,
                shape,
            )
        kernel = conv.weight.shape[2], conv.weight.shape[3]
        rows, columns = (
            conv_output(*axis)
            for axis in zip(seen[1:], kernel, conv.stride, conv.padding, conv.dilation, strict=True)
        )
        return Stage(
            name,
            "fc" if isinstance(node, Linear) else "conv",
            sources,
            (len(conv.bias), rows, columns),
            conv.weight,
            factor,
            conv.bias,
            kernel,
            conv.stride,
            conv.padding,
            conv.dilation,
            conv.groups,
            kind,
            size,
        )

    def _pooled(
        self, name: str, sources: tuple[str, ...], shape: Shape, before: list[tuple[str, Node]]
    ) -> Stage:
        """Neurons straight behind a pool, or behind spikes."""
        pool, kind, scale = front(before, shape)
        if kind == "or":
            raise LifError(
                "E03", f"layer {name!r}: neurons behind an OR pool need weights between; add a 1x1 layer"
            )
        if np.any(scale <= 0):
            raise LifError(
                "E03", f"layer {name!r}: a scale of {scale.min():g} in front of it; make it positive"
            )
        return Stage(
            name,
            "pool",
            sources,
            pooled_map(shape, pool),
            None,
            scale * share(pool),
            np.zeros(shape[0]),
            pool.kernel,
            pool.stride,
            groups=shape[0],
        )

    def _read_out(self, found: tuple[list[str], list[tuple[str, Node]]]) -> None:
        """The last stage says how the network is read."""
        sources, chain = found
        end = self.graph.only(Output)
        weights = [(label, node) for label, node in chain if isinstance(node, Conv | Linear)]
        if weights:
            # Currents that nobody integrates: their sum over time is a membrane without leak. A pool behind
            # them only adds positions, which the host does.
            name, weighted = weights[-1]
            place = [label for label, _ in chain].index(name)
            kept = chain[: place + 1] + [item for item in chain[place + 1 :] if not isinstance(item[1], Pool)]
            stage = self._stage(name, integrator(len(weighted.bias)), (sources, kept))
            self._add(replace(stage, readout="membrane"), end)
            return
        if len(sources) != 1 or self.places[sources[0]] == "input":
            raise LifError("E03", f"layer {end!r} ends the network without neurons or weights; add a layer")
        last = next(stage for stage in self.stages if stage.name == self.places[sources[0]])
        if last is not self.stages[-1]:
            raise LifError("E03", f"layer {self.stages[-1].name!r} feeds nothing; connect it or remove it")
        assert last.neuron is not None
        readout = "spikes" if last.neuron.fires else "membrane"
        for label, node in chain:
            whole = isinstance(node, Pool) and node.kernel == last.shape[1:]
            if not (whole or isinstance(node, Flatten)):
                raise LifError(
                    "E03", f"layer {label!r} stands between the last neurons and the output; remove it"
                )
            readout = "counts" if whole and last.neuron.fires else readout
        self.stages[-1] = replace(last, readout=readout)
