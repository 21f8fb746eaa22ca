"""The models of cut training against the percentages that TLBPTT prints, where they can be reproduced."""

from __future__ import annotations

import pytest

from spynq_train.costs import Costs, Setting, blocks_of, saved, training_costs
from spynq_train.merit import intervals, merit, sweep
from spynq_train.presets import preset
from spynq_train.topology import parse

INPUTS = {"lenet-1": (1, 28, 28), "lenet-2": (2, 32, 32), "alexnet": (3, 32, 32)}
CLASSES = {"lenet-1": 47, "lenet-2": 11, "alexnet": 10}


def costs(network: str, k: int, n: int | None, **settings: float | bool) -> Costs:
    """Costs with the heads and batch of the paper; ``n`` None is end to end."""
    text, steps = preset("tlbptt", network).network, preset("tlbptt", network).steps
    layers = parse(text, INPUTS[network])
    depth = len(layers) if n is None else n
    return training_costs(Setting(layers, CLASSES[network], steps, k, depth, **settings))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("network", "printed", "ours"),
    [("lenet-1", 72, 72.29), ("lenet-2", 99, 99.15), ("alexnet", 99, 99.67)],
)
def test_macs_saved_by_layer_wise_training(network: str, printed: float, ours: float) -> None:
    found = saved(costs(network, 1, 1).macs, costs(network, 1, None).macs)
    assert found == pytest.approx(ours, abs=0.01)
    assert abs(found - printed) < 1


def test_same_padding_in_lenet_1_is_ruled_out() -> None:
    layers = parse("6C5-AP2-16C5-AP2-120C5-128FC", (1, 28, 28))
    local, whole = (training_costs(Setting(layers, 47, 20, 1, n)) for n in (1, 4))
    assert saved(local.macs, whole.macs) == pytest.approx(89.54, abs=0.01)


@pytest.mark.parametrize(
    ("network", "random", "printed", "ours"),
    [
        ("lenet-1", False, 32, 31.95),
        ("lenet-1", True, 16, 16.17),
        ("lenet-2", False, 1, 1.45),
        ("alexnet", False, 0.66, 0.60),
    ],
)
def test_additions_that_heads_add(network: str, random: bool, printed: float, ours: float) -> None:
    local = costs(network, 1, 1, random_heads=random)
    whole = costs(network, 1, None, random_heads=random)
    found = -saved(local.additions, whole.additions)
    assert found == pytest.approx(ours, abs=0.01)
    assert abs(found - printed) < 0.5


def test_the_extra_additions_do_not_depend_on_the_activity() -> None:
    found = [
        costs("lenet-1", 1, 1, activity=a).additions / costs("lenet-1", 1, None, activity=a).additions
        for a in (0.1, 0.5, 1.0)
    ]
    assert found == pytest.approx([found[0]] * 3)


@pytest.mark.parametrize(
    ("activity", "lenet", "alexnet"),
    [(0.1, 20.1, 1.08), (0.3, 7.7, 0.36), (0.5, 4.8, 0.22), (1.0, 2.5, 0.11)],
)
def test_additions_saved_by_truncation(activity: float, lenet: float, alexnet: float) -> None:
    """The paper prints below 5 % and 0.3 %, and not its activity."""
    for network, k, expected in (("lenet-1", 20, lenet), ("alexnet", 10, alexnet)):
        short, long = (costs(network, steps, None, activity=activity).additions for steps in (1, k))
        assert saved(short, long) == pytest.approx(expected, abs=0.06)


@pytest.mark.parametrize(
    ("what", "random", "printed", "ours"),
    [
        ("lenet-1, k 20 to 1", False, 55, 55.8),
        ("lenet-1, k 20 to 1", True, 55, 58.2),
        ("lenet-1, local against whole", False, 23, 22.5),
        ("lenet-1, local against whole", True, 29, 31.9),
        ("alexnet, k 10 to 1", False, 50, 46.9),
        ("alexnet, local against whole", False, 31, 31.5),
        ("alexnet, local against whole", True, 33, 33.3),
    ],
)
def test_memory_accesses(what: str, random: bool, printed: float, ours: float) -> None:
    network, _, rest = what.partition(", ")
    local = costs(network, 1, 1, random_heads=random).accesses
    if rest.startswith("k"):
        other = costs(network, int(rest.split()[1]), 1, random_heads=random).accesses
    else:
        other = costs(network, 1, None).accesses
    assert saved(local, other) == pytest.approx(ours, abs=0.05)
    assert abs(saved(local, other) - printed) < 3.5


def test_an_honest_weight_gradient_counts_every_position() -> None:
    printed, honest = (costs("lenet-1", 20, 1, honest=h).additions for h in (False, True))
    layers = parse(preset("tlbptt", "lenet-1").network, INPUTS["lenet-1"])
    more = sum(layer.operations - layer.weights for layer in layers)
    assert honest - printed == pytest.approx(20 * 128 * 0.1 * more)


def test_figure_of_merit_of_bptt_is_one() -> None:
    layers = parse(preset("tlbptt", "lenet-1").network, (1, 28, 28))
    whole = Setting(layers, 47, 20, 20, 4)
    assert merit(whole, 90.0, 90.0).figure == 1
    one = merit(Setting(layers, 47, 20, 1, 1), 81.0, 90.0)
    assert one.loss == pytest.approx(0.1)
    assert one.figure == pytest.approx(0.1 + one.cost)
    assert one.cost < 0.5


def test_a_sweep_has_every_cut_and_takes_accuracies() -> None:
    layers = parse(preset("tlbptt", "lenet-1").network, (1, 28, 28))
    rows = sweep(Setting(layers, 47, 20, 20, 4), accuracies={(20, 4): 80.0, (5, 2): 82.0})
    assert [(row.k, row.n) for row in rows] == [(k, n) for n in (4, 2, 1) for k in (20, 10, 5, 4, 2, 1)]
    known = {(row.k, row.n): row.loss for row in rows if row.loss is not None}
    assert known == {(20, 4): 0, (5, 2): pytest.approx(-0.025)}
    assert intervals(12) == [12, 6, 4, 3, 2, 1]


def test_blocks_cover_all_layers() -> None:
    assert [list(block) for block in blocks_of(5, 2)] == [[0, 1], [2, 3], [4]]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"k": 3}, r"k must divide the 20 time steps, and 3 does not; take one of 1, 2, 4, 5, 10, 20"),
        ({"k": 0}, r"k must divide the 20 time steps, and 0 does not"),
        ({"n": 5}, r"n must be 1 to the network's 4 layers, not 5"),
        ({"n": 0}, r"n must be 1 to the network's 4 layers, not 0"),
        ({"batch": 0}, r"the batch must have at least 1 sample, not 0"),
        ({"activity": 0.0}, r"the activity must be above 0 and at most 1, not 0"),
    ],
)
def test_impossible_settings_are_refused(change: dict[str, int], sentence: str) -> None:
    layers = parse(preset("tlbptt", "lenet-1").network, (1, 28, 28))
    with pytest.raises(ValueError, match=sentence):
        Setting(**{"layers": layers, "classes": 47, "steps": 20, "k": 20, "n": 4, **change})
