"""One simulated board per test, closed whatever happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from spynq.devices import open_kernel


@pytest.fixture
def board() -> Iterator[Callable[..., Any]]:
    """``board(kernel, config=None, **settings)`` gives a driver on a simulated board of its own."""
    with ExitStack() as stack:

        def make(name: str, config: Any = None, **settings: Any) -> Any:
            return stack.enter_context(open_kernel(name, "rtl", config, **settings))

        yield make
