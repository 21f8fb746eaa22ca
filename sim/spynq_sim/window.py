"""Mapped registers: the array look-alike that pynq's MMIO gets from a simulated device."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

__all__ = ["Window"]


class Window:
    """What ``mmio.array`` is: on a board a NumPy array over mapped registers, here calls into the model.

    Parameters
    ----------
    words : int
        Length.
    read : callable
        Byte offset to value.
    write : callable
        Byte offset and value.
    """

    dtype = np.dtype(np.uint32)

    def __init__(self, words: int, read: Callable[[int], int], write: Callable[[int, int], None]) -> None:
        self._words, self._read, self._write = words, read, write
        self.shape = (words,)
        self.size, self.ndim, self.itemsize, self.nbytes = words, 1, 4, 4 * words

    def __len__(self) -> int:
        return self._words

    def _place(self, index: int) -> int:
        if not -self._words <= index < self._words:
            raise IndexError(f"word {index} is out of a window of {self._words} words")
        return index % self._words

    def __getitem__(self, index: Any) -> Any:
        if type(index) is int and 0 <= index < self._words:
            return self._read(index << 2)
        if isinstance(index, slice):
            places = range(*index.indices(self._words))
            if places.step == 1:
                # A slice of mapped registers is still mapped.
                return self.part(4 * places.start, 4 * len(places))
            return np.array([self._read(4 * i) for i in places], dtype=np.uint32)
        return np.uint32(self._read(4 * self._place(int(index))))

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(index, slice):
            places = range(*index.indices(self._words))
            for place, word in zip(places, np.broadcast_to(np.asarray(value), len(places)), strict=True):
                self._write(4 * place, int(word) & 0xFFFF_FFFF)
        else:
            self._write(4 * self._place(int(index)), int(value) & 0xFFFF_FFFF)

    def __iter__(self) -> Iterator[int]:
        return (self._read(4 * i) for i in range(self._words))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array([self._read(4 * i) for i in range(self._words)], dtype=dtype or np.uint32)

    def rebind(self, other: Window) -> None:
        """Lead where ``other`` leads: the same registers after the overlay was loaded again."""
        self._read, self._write = other._read, other._write

    def part(self, offset: int, length: int) -> Window:
        """The ``length`` bytes from byte ``offset`` on."""
        return Window(length // 4, lambda o: self._read(o + offset), lambda o, v: self._write(o + offset, v))

    def tolist(self) -> list[int]:
        """All words, read one by one."""
        return [int(word) for word in self]

    def view(self, dtype: Any = None) -> Any:
        """The same registers; 64-bit items are two accesses, low word first, as on the board's bus."""
        kind = np.dtype(dtype) if dtype is not None else self.dtype
        if kind == np.uint32:
            return self
        if kind == np.uint64:
            return _Wide(self)
        raise TypeError(f"registers are viewed as u4 or u8, not {kind}")


class _Wide:
    """64-bit view of a window."""

    dtype = np.dtype(np.uint64)

    def __init__(self, window: Window) -> None:
        self._window = window
        self.shape = (len(window) // 2,)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> int:
        place = 2 * int(index)
        return int(self._window[place]) | int(self._window[place + 1]) << 32

    def __setitem__(self, index: Any, value: Any) -> None:
        place, word = 2 * int(index), int(value)
        self._window[place], self._window[place + 1] = word, word >> 32

    def view(self, dtype: Any = None) -> Any:
        """The same registers, 32 or 64 bits wide."""
        return self._window.view(dtype)
