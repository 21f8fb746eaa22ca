"""Networks are small here, and one thread is what a test worker has."""

from __future__ import annotations

import pytest
import torch

from spynq_train.data import DataSet, load


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def digits() -> DataSet:
    return load("digits")
