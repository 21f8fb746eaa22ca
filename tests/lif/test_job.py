"""The main job: the stored networks on real images keep their accuracy in integers, and the gates agree."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from spynq.errors import MissingDependency
from spynq.lif import digits, job, load
from spynq.lif.digits import Images, mnist

pytest.importorskip("h5py")

_POINT = 0.01


@pytest.fixture(scope="module")
def images() -> Images:
    try:
        return mnist("test")
    except MissingDependency as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def reference(images: Images) -> float:
    return job.float_accuracy(images)


def test_the_parts_share_no_image_and_have_every_digit(images: Images) -> None:
    train = mnist("train")
    assert (len(train), len(images)) == (4000, 1000)
    assert np.bincount(images.labels).tolist() == [100] * 10
    seen = {image.tobytes() for image in train.pixels}
    assert not any(image.tobytes() in seen for image in images.pixels)
    assert sorted(set(images.first(20).labels.tolist())) == list(range(10))
    with pytest.raises(ValueError, match="part takes test or train, not 'all'"):
        mnist("all")


@pytest.mark.parametrize(("weights", "most"), [("int8", 0.3), ("int4", 1.0)])
def test_few_bits_cost_little_on_the_whole_test_part(
    weights: str, most: float, images: Images, reference: float
) -> None:
    result = job.run(weights, "golden", images)
    assert reference > 0.96
    assert result.accuracy(images.labels) >= reference - most * _POINT - 1e-9


def test_four_bits_lie_on_their_grid_except_where_the_membrane_asks_for_less() -> None:
    errors = [stage.error for stage in job.network("int4").stages]
    assert all(error < 1e-6 for error in errors[1:])
    with pytest.raises(ValueError, match="the job has weights int8, int4, not 'int2'"):
        job.network("int2")


def test_rows_have_the_whole_part_on_golden(images: Images) -> None:
    few = images.first(20)
    rows = list(job.rows("golden", images=few))
    assert [(row.weights, row.device, row.images) for row in rows] == [
        ("int8", "golden", 20),
        ("int4", "golden", 20),
    ]
    assert all(row.operations > 1e5 and row.cycles == 0 and row.utilisation is None for row in rows)


EVENTS = Path(job.__file__).parent / "examples"


@pytest.mark.parametrize(("name", "weights", "most"), [("nmnist", "int8", 3), ("nmnist_int4", "int4", 4)])
def test_event_recordings_of_the_shared_set(name: str, weights: str, most: int) -> None:
    """100 recordings, so that one is a point: the integers may answer a few of them in another way."""
    if digits.nmnist_folder() is None:
        pytest.skip("the N-MNIST recordings are not there; point SPYNQ_DATA to a folder with nmnist/*.npz")
    values, labels = digits.nmnist("test")
    network = load(EVENTS / f"{name}.nir", weights=weights)
    result = network.run(values.swapaxes(0, 1), "golden")
    found = network.run_float(result.inputs).counts.argmax(1)
    assert (found == labels).mean() > 0.85
    assert np.count_nonzero(found != result.predictions) <= most
