"""The generators of likelihood weighting, many steps at a time: the same words as the plain loop.

A step of xoshiro128++ is linear over bits: the state after many steps is the sum (exclusive or) of
what each octet of it becomes. So a state can jump, and a long run is cut into segments that step
side by side.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from spynq.stm.golden import Words, random_words, xoshiro

__all__ = ["jump", "segmented_words"]

_OCTETS = 16
_SEGMENTS = 64
_WORTH_IT = 512
"""Steps from which on jumping is cheaper than stepping."""


def _advance(table: Words, states: Words) -> Words:
    """States [streams, 4] after the steps of a table."""
    octets = np.ascontiguousarray(states, "<u4").view(np.uint8)
    ahead: Words = table[0, octets[:, 0]]
    for place in range(1, _OCTETS):
        ahead ^= table[place, octets[:, place]]
    return ahead


@lru_cache(maxsize=64)
def _table(exponent: int) -> Words:
    """What each octet of a state contributes after 2**exponent steps: [16, 256, 4] words."""
    # Row i of the identity is the state with bit i set alone.
    single = np.packbits(np.eye(8 * _OCTETS, dtype=np.uint8), axis=-1, bitorder="little")
    images: Words = single.view("<u4").astype(np.uint32)
    if exponent:
        half = _table(exponent - 1)
        images = _advance(half, _advance(half, images))
    else:
        xoshiro(images)
    table = np.zeros((_OCTETS, 256, 4), np.uint32)
    for bit in range(8):
        table[:, 1 << bit : 2 << bit] = table[:, : 1 << bit] ^ images[bit::8, None]
    return table


def jump(states: Words, steps: int) -> Words:
    """States [streams, 4] after ``steps`` steps."""
    for exponent in range(steps.bit_length()):
        if steps >> exponent & 1:
            states = _advance(_table(exponent), states)
    return states


def segmented_words(states: Words, count: int) -> Words:
    """As :func:`spynq.stm.golden.random_words`, faster for many steps."""
    if count < _WORTH_IT:
        return random_words(states, count)
    streams, length = len(states), count // _SEGMENTS
    starts = states
    while len(starts) < _SEGMENTS * streams:
        starts = np.concatenate([starts, jump(starts, len(starts) // streams * length)])
    starts = np.ascontiguousarray(starts)
    words = random_words(starts, length).reshape(length, _SEGMENTS, streams)
    head = words.transpose(1, 0, 2).reshape(_SEGMENTS * length, streams)
    states[...] = starts[-streams:]
    return np.concatenate([head, random_words(states, count - len(head))])
