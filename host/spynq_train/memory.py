"""Bytes that autograd keeps for the backward pass: counted, not estimated."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["SavedBytes", "count_saved"]


class SavedBytes:
    """Bytes of saved tensors that are alive now, and the most there were.

    A storage that several operations keep counts once; parameters do not count, since they are there
    anyway.
    """

    def __init__(self, parameters: Iterator[nn.Parameter]) -> None:
        self._own = {p.untyped_storage().data_ptr() for p in parameters}
        self._users: dict[int, int] = {}
        self.now = self.most = 0

    def add(self, storage: int, size: int) -> None:
        """A tensor on ``storage`` was saved."""
        if storage in self._own:
            return
        self._users[storage] = self._users.get(storage, 0) + 1
        if self._users[storage] == 1:
            self.now += size
            self.most = max(self.most, self.now)

    def drop(self, storage: int, size: int) -> None:
        """A saved tensor on ``storage`` was freed."""
        if storage in self._own:
            return
        self._users[storage] -= 1
        if not self._users[storage]:
            del self._users[storage]
            self.now -= size


class _Kept:
    """A saved tensor that tells when it is freed."""

    def __init__(self, tensor: Tensor, count: SavedBytes) -> None:
        self.tensor, self._count = tensor, count
        self._place, self._size = tensor.untyped_storage().data_ptr(), tensor.untyped_storage().nbytes()
        count.add(self._place, self._size)

    def __del__(self) -> None:
        self._count.drop(self._place, self._size)


@contextmanager
def count_saved(module: nn.Module) -> Iterator[SavedBytes]:
    """Count what autograd saves while the block runs.

    Examples
    --------
    >>> import torch
    >>> layer = torch.nn.Linear(3, 2)
    >>> with count_saved(layer) as saved:
    ...     _ = layer(torch.ones(5, 3)).exp()
    >>> saved.most  # the input of 15 words and the exponential of 10
    100
    """
    count = SavedBytes(module.parameters())

    def pack(tensor: Tensor) -> _Kept:
        return _Kept(tensor.detach(), count)

    def unpack(kept: Any) -> Tensor:
        tensor: Tensor = kept.tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
        yield count
