"""The golden model against plain loops over random networks that cover every field of a descriptor."""

from __future__ import annotations

import numpy as np
import pytest

from spynq.lif.assemble import assemble
from spynq.lif.checks import check_network
from spynq.lif.codes import Pool
from spynq.lif.generator import Case, random_case
from spynq.lif.golden_run import run_golden
from spynq.lif.image import Image
from spynq.lif.layers import Layer, MapShape
from spynq.lif.plain import run_plain

CASES, ALL_CASES = 50, 1000


def own_channel_alone(layer: Layer, shapes: dict[str, MapShape]) -> bool:
    """Whether a layer runs in slices, where a spike is seen by one round."""
    channels = shapes[layer.sources[0]].channels
    return layer.kind == "pool" or 1 < layer.groups == channels == shapes[layer.name].channels


def _met(records: list[dict[str, int]], image: Image, name: str) -> int:
    """Events of a layer as if an input that stays the same were met anew in every step."""
    tasks = [task for task in image.tasks[:-1] if task.layer == name]
    again = [task.descriptor.steps if task.plan.static else 1 for task in tasks]
    return sum(record["events"] * times for record, times in zip(records, again, strict=True))


def check(case: Case) -> None:
    network, samples = case.network, len(case.values)
    shapes = check_network(network)
    image = assemble(network, case.config, samples=samples, chunk=case.chunk)
    run = run_golden(image, case.values)
    plain = [run_plain(network, shapes, sample.tolist()) for sample in case.values]
    rounds = {report.name: report.rounds for report in image.layers}
    for layer in network.layers:
        got = image.maps[layer.name].get(run.memory, samples)
        for n, one in enumerate(plain):
            np.testing.assert_array_equal(got[n], one.maps[layer.name], f"{layer.name}, sample {n}")
        records = [
            c for c, task in zip(run.counters, image.tasks[:-1], strict=True) if task.layer == layer.name
        ]
        seen = sum(one.events[layer.name] for one in plain)
        if layer.kind != "copy" and (layer.pool_in == Pool.NONE or layer.dilation == (1, 1)):
            # A dilated kernel over a pooled map gets zeros between its taps, which see spikes too.
            each = 1 if own_channel_alone(layer, shapes) else rounds[layer.name]
            assert _met(records, image, layer.name) == each * seen
        clipped = sum(one.saturated[layer.name] for one in plain)
        assert sum(record["saturated"] for record in records) == clipped
    assert run.totals["events"] == sum(record["events"] for record in run.counters)


@pytest.mark.parametrize("number", range(CASES // 2))
def test_equals_plain_loops(number: int, seed: int) -> None:
    check(random_case(seed % 1_000_000_000 * 2000 + number))


@pytest.mark.full
@pytest.mark.parametrize("number", range(0, ALL_CASES, 20))
def test_equals_plain_loops_on_a_thousand(number: int, fresh_seed: int) -> None:
    for offset in range(20):
        check(random_case(fresh_seed % 1_000_000_000 * 2000 + 1000 + number + offset))


def test_the_generator_covers_every_field() -> None:
    found: dict[str, set[object]] = {}
    for number in range(400):
        case = random_case(number, work=40_000)
        for layer in case.network.layers:
            marks: dict[str, object] = {
                "kind": layer.kind, "output": layer.output, "format": layer.format, "pool": layer.pool_in,
                "combine": layer.combine, "fir": layer.fir is not None, "second": len(layer.sources),
                "grouped": layer.groups > 1, "padded": max(layer.padding) > 0,
                "strided": max(layer.stride) > 1,
                "dilated": max(layer.dilation) > 1, "bias_map": layer.bias_map is not None,
            }  # fmt: skip
            if layer.neuron:
                n = layer.neuron
                marks |= {"reset": n.reset, "leak": n.leak, "refractory": n.refractory, "policy": n.policy}
                marks |= {"fires": n.fires, "fraction": n.fraction}
            for name, mark in marks.items():
                found.setdefault(name, set()).add(mark)
        chunked = case.chunk < case.network.steps
        marks = {"chunked": chunked, "static": case.network.static, "columns": case.config.columns}
        marks |= {"planes": case.network.input.planes, "signed": case.network.input.signed}
        for name, mark in marks.items():
            found.setdefault(name, set()).add(mark)
    sizes = {
        "kind": 4, "output": 5, "format": 7, "pool": 3, "combine": 4, "fir": 2, "second": 2, "grouped": 2,
        "padded": 2, "strided": 2, "dilated": 2, "bias_map": 2, "reset": 4, "leak": 3, "refractory": 4,
        "policy": 3, "fires": 2, "fraction": 3, "chunked": 2, "static": 2, "columns": 6, "planes": 3,
        "signed": 2,
    }  # fmt: skip
    assert {name: len(marks) for name, marks in found.items()} == sizes
