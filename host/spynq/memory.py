"""Memory that host and kernels share on a device without a board: an arena of fake physical memory."""

from __future__ import annotations

import math
import mmap
from bisect import insort
from typing import Any

import numpy as np

from spynq.errors import BusError, SpynqError

__all__ = ["ALIGNMENT", "DEFAULT_BASE", "Arena", "Buffer"]

ALIGNMENT = 4096
"""Every buffer starts on a page, as contiguous memory does on the board."""
DEFAULT_BASE = 0x1000_0000
"""Physical address of an arena's first byte: above zero, so that a null pointer is caught."""


class Arena:
    """Contiguous memory at a physical address.

    In strict mode the host and the kernels see two copies, and only :meth:`flush` and
    :meth:`invalidate` move bytes between them, as caches do on a board without coherency: a
    forgotten ``sync_to_device`` then gives wrong answers here, not first on the board.

    Parameters
    ----------
    size : int
        Bytes, a multiple of 4096.
    base : int
        Physical address of the first byte.
    strict : bool
        Keep two copies.
    """

    def __init__(self, size: int = 1 << 28, base: int = DEFAULT_BASE, strict: bool = False) -> None:
        if size <= 0 or size % ALIGNMENT:
            raise ValueError(f"an arena has a positive multiple of {ALIGNMENT} bytes, not {size}")
        if base <= 0 or base % ALIGNMENT:
            raise ValueError(f"an arena starts at a positive multiple of {ALIGNMENT}, not {base:#x}")
        self.size, self.base, self.strict = size, base, strict
        # Anonymous maps cost no memory until they are touched.
        self.host = mmap.mmap(-1, size)
        self.device = mmap.mmap(-1, size) if strict else self.host
        self._host = np.frombuffer(self.host, dtype=np.uint8)
        self._device = np.frombuffer(self.device, dtype=np.uint8)
        self._free: list[tuple[int, int]] = [(0, size)]
        self._taken: dict[int, int] = {}

    @property
    def device_pointer(self) -> int:
        """Host pointer to the kernels' copy, for a simulator in the same process."""
        return int(self._device.ctypes.data)

    @property
    def in_use(self) -> int:
        """Bytes that are allocated."""
        return sum(self._taken.values())

    def reserve(self, nbytes: int, at: int | None = None) -> int:
        """Physical address of ``nbytes`` zeroed bytes; first fit.

        Parameters
        ----------
        nbytes : int
            Bytes.
        at : int, optional
            The address they must have, a multiple of 4096.

        Raises
        ------
        SpynqError
            No hole is large enough, or the bytes at ``at`` are not free.
        """
        length = max(1, -(-nbytes // ALIGNMENT)) * ALIGNMENT
        for place, (start, hole) in enumerate(self._free):
            chosen = start if at is None else at - self.base
            if start <= chosen and chosen + length <= start + hole:
                rest = [(start, chosen - start), (chosen + length, start + hole - chosen - length)]
                self._free[place : place + 1] = [part for part in rest if part[1]]
                self._taken[chosen] = length
                # A board zeroes what it hands out; a stale result must not look like a fresh one.
                self._host[chosen : chosen + length] = 0
                self._device[chosen : chosen + length] = 0
                return self.base + chosen
        if at is not None:
            raise SpynqError(
                f"the {nbytes} bytes at {at:#x} are not free, or not in the arena at {self.base:#x}"
            )
        largest = max((hole for _, hole in self._free), default=0)
        raise SpynqError(
            f"no room for a buffer of {nbytes} bytes: the largest hole of the {self.size >> 20} MiB arena is "
            f"{largest} bytes; free buffers or open the device with a larger memory"
        )

    def release(self, address: int) -> None:
        """Give back what :meth:`reserve` returned; twice is refused."""
        start = address - self.base
        if start not in self._taken:
            raise ValueError(f"no buffer starts at {address:#x}; it was freed before or never allocated")
        insort(self._free, (start, self._taken.pop(start)))
        merged: list[tuple[int, int]] = []
        for first, length in self._free:
            if merged and merged[-1][0] + merged[-1][1] == first:
                merged[-1] = (merged[-1][0], merged[-1][1] + length)
            else:
                merged.append((first, length))
        self._free = merged

    def _place(self, address: int, nbytes: int, what: str) -> int:
        start = address - self.base
        if start < 0 or start + nbytes > self.size:
            raise BusError(
                f"{what} of {nbytes} bytes at {address:#x} leaves the memory, which is {self.base:#x} to "
                f"{self.base + self.size - 1:#x}; pass the device_address of an allocated buffer"
            )
        return start

    def read(self, address: int, nbytes: int) -> bytes:
        """Bytes as a kernel sees them (protocol :class:`spynq.model.Memory`)."""
        start = self._place(address, nbytes, "a read")
        return self._device[start : start + nbytes].tobytes()

    def write(self, address: int, data: bytes) -> None:
        """Store bytes as a kernel does (protocol :class:`spynq.model.Memory`)."""
        start = self._place(address, len(data), "a write")
        self._device[start : start + len(data)] = np.frombuffer(data, dtype=np.uint8)

    def flush(self, address: int, nbytes: int) -> None:
        """Make what the host wrote visible to the kernels."""
        start = self._place(address, nbytes, "a flush")
        if self.strict:
            self._device[start : start + nbytes] = self._host[start : start + nbytes]

    def invalidate(self, address: int, nbytes: int) -> None:
        """Make what the kernels wrote visible to the host."""
        start = self._place(address, nbytes, "an invalidate")
        if self.strict:
            self._host[start : start + nbytes] = self._device[start : start + nbytes]

    def allocate(self, shape: int | tuple[int, ...], dtype: Any = "u4", at: int | None = None) -> Buffer:
        """A zeroed array that kernels reach at ``device_address``, which is ``at`` if that is given."""
        lengths = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
        if any(length < 0 for length in lengths):
            raise ValueError(f"a buffer has lengths of at least 0, not {shape}")
        nbytes = math.prod(map(int, lengths)) * np.dtype(dtype).itemsize
        address = self.reserve(nbytes, at)
        array = np.ndarray(shape, dtype, buffer=self.host, offset=address - self.base).view(Buffer)
        array._arena, array._reserved = self, address
        return array


class Buffer(np.ndarray):  # type: ignore[type-arg]
    """An array in an :class:`Arena`, with the part of ``pynq.buffer.PynqBuffer`` that drivers use.

    Views and slices know their own address; the result of arithmetic has none.
    """

    _arena: Arena | None
    _reserved: int | None

    def __array_finalize__(self, parent: Any) -> None:
        self._arena = getattr(parent, "_arena", None)
        self._reserved = None

    @property
    def device_address(self) -> int:
        """Physical address of the first element.

        Raises
        ------
        ValueError
            The array is not in the arena.
        """
        if self._arena is not None:
            start = self.__array_interface__["data"][0] - self._arena._host.ctypes.data
            if 0 <= start <= self._arena.size - self.nbytes:
                return int(self._arena.base + start)
        raise ValueError("this array has no device address, as it is a copy; write into an allocated buffer")

    @property
    def physical_address(self) -> int:
        """The name pynq also gives it."""
        return self.device_address

    def sync_to_device(self) -> None:
        """Let the kernels see what the host wrote."""
        if self._arena is not None:
            self._arena.flush(self.device_address, self.nbytes)

    def sync_from_device(self) -> None:
        """Let the host see what the kernels wrote."""
        if self._arena is not None:
            self._arena.invalidate(self.device_address, self.nbytes)

    flush = sync_to_device
    invalidate = sync_from_device

    def freebuffer(self) -> None:
        """Give the memory back; further calls do nothing."""
        if self._arena is not None and self._reserved is not None:
            self._arena.release(self._reserved)
            self._reserved = None

    def __del__(self) -> None:
        self.freebuffer()
