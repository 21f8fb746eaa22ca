"""Shapes and sizes from the papers' notation."""

from __future__ import annotations

import pytest

from spynq_train.presets import PRESETS, preset
from spynq_train.topology import Layer, Pool, parse

LENET = "6C5p2-AP2-16C5p0-AP2-120C5p0-128FC-47FC"


def test_lenet_has_the_published_shapes() -> None:
    layers = parse(LENET, (1, 28, 28), 47)
    assert [layer.outputs for layer in layers] == [
        (6, 28, 28),
        (16, 10, 10),
        (120, 1, 1),
        (128, 1, 1),
        (47, 1, 1),
    ]
    assert [layer.weights for layer in layers] == [150, 2400, 48000, 15360, 6016]
    assert layers[0].operations == 150 * 28 * 28
    assert [layer.sends for layer in layers[:2]] == [(6, 14, 14), (16, 5, 5)]


@pytest.mark.parametrize(
    ("network", "classes", "weights"),
    # Sizes of lif_convolution, table of networks, in millions.
    [
        ("28C5-AP2-1000FC-10FC", 10, 5.499),
        ("16C3-16C3-AP2-64C3-64C3-AP2-256C3-1024C3-GAP", 10, 2.647),
        (LENET, 47, 0.072),
    ],
)
def test_sizes_of_papers_networks(network: str, classes: int, weights: float) -> None:
    found = sum(layer.weights for layer in parse(network, (1, 28, 28), classes))
    assert round(found / 1e6, 3) == weights


def test_other_shapes_strides_and_pools() -> None:
    layers = parse("4C1x3p0-SP1x2-6C3s2-MP2-GAP", (2, 8, 20), 5)
    # p0 is the padding of both axes.
    assert layers[0] == Layer("convolution", (2, 8, 20), (4, 8, 18), (1, 3), pool=Pool("sum", (1, 2)))
    assert layers[1].outputs == (6, 4, 5)
    assert layers[1].sends == (6, 2, 2)
    assert layers[2].kind == "gap"
    assert layers[2].outputs == (5, 2, 2)


@pytest.mark.parametrize(
    ("network", "sentence"),
    [
        ("8C3-RELU", r"'RELU' is not known; parts are like 16C3"),
        ("AP2-8C3", r"AP2 must follow a convolution"),
        ("8C3-AP2-AP2", r"AP2 must follow a convolution"),
        ("8C4", r"a kernel of 4x4 cannot keep the map's size; say its padding, such as p0"),
        ("8C9p0", r"8C9p0 leaves a map of 0x0; the input of 8x8 is too small for it"),
        ("8C3-AP9", r"AP9 leaves a map of 0x0"),
        ("8C3-12FC", r"the head has 12 outputs and the data 10 classes; end it in 10FC or take other data"),
        ("8C3", r"the head has 512 outputs and the data 10 classes"),
    ],
)
def test_networks_that_do_not_fit_are_refused(network: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        parse(network, (1, 8, 8), 10)


def test_gap_needs_classes() -> None:
    with pytest.raises(ValueError, match=r"GAP needs the number of classes"):
        parse("8C3-GAP", (1, 8, 8))


INPUTS = {"digits": (1, 8, 8), "tidigits": (1, 1, 40), "spoken-digits": (1, 1, 40), "events": (2, 22, 22)}
CLASSES = {"dvsgesture": 11, "cifar-100": 100}


@pytest.mark.parametrize(("method", "name"), [(m, n) for m, known in PRESETS.items() for n in known])
def test_every_preset_has_shapes(method: str, name: str) -> None:
    colour = (2, 32, 32) if "dvs" in name else (3, 32, 32)
    grey = any(part in name for part in ("mnist", "lenet"))
    inputs = INPUTS.get(name, (1, 28, 28) if grey and name != "lenet-2" else colour)
    classes = None if method == "tlbptt" else CLASSES.get(name, 10)
    assert len(parse(preset(method, name).network, inputs, classes)) >= 2


def test_unknown_methods_and_presets_list_the_known_ones() -> None:
    with pytest.raises(
        ValueError, match=r"unknown method 'bpt'; known methods are brp, tlbptt, albsnn, snnwm"
    ):
        preset("bpt", "digits")
    with pytest.raises(
        ValueError, match=r"unknown preset 'imagenet' of brp; known presets are digits, mnist"
    ):
        preset("brp", "imagenet")
