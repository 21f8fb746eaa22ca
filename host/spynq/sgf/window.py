"""The window: configuration and model by word addresses."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spynq.sgf.counters import Counters
from spynq.sgf.params import GATE, PATH, UNIT, Child, SgfConfig, Window
from spynq.sgf.setting import Gate, Path, Setting, bit_of
from spynq.sgf.words import place_of, unpack

__all__ = ["Store", "model_entries"]

_MODEL = (Window.TRIALS, Window.TABLE, Window.COUNT)
_LIMIT = 0xFFFF


class Store:
    """What the window holds: raw words of the configuration, and the counters behind the model's part.

    Parameters
    ----------
    config : SgfConfig
        Build parameters.
    counters : Counters
        The model.
    """

    def __init__(self, config: SgfConfig, counters: Counters) -> None:
        self.config, self.counters = config, counters
        self._words: dict[int, int] = {}
        self._setting: Setting | None = None

    def reset(self) -> None:
        """What the reset pin does: thresholds and units are registers, all else is memory."""
        self._words = {place: word for place, word in self._words.items() if place >= Window.GATE}
        self._setting = None

    def write(self, address: int, data: int) -> bool:
        """Store a word; False where the build holds nothing."""
        found = place_of(self.config, address)
        if found is None:
            return False
        part, place = found
        if part == Window.TRIALS:
            self.counters.trials[place] = data & _LIMIT
        elif part == Window.COUNT:
            self.counters.counts[place // 256, place % 256] = data & _LIMIT
        elif part == Window.TABLE:
            self._write_slot(*divmod(place, 16), data)
        else:
            self._words[address], self._setting = data, None
        return True

    def _write_slot(self, slot: int, word: int, data: int) -> None:
        vectors, bits = self.counters.vectors, self.config.bits
        if 32 * word < bits:
            part = vectors[slot, 32 * word : 32 * word + 32]
            part[:] = [data >> bit & 1 for bit in range(len(part))]
        else:
            self.counters.owners[slot] = data & 0xFF & (self.config.rows - 1)
            self.counters.slots[slot] = data >> 16

    def add(self, address: int, data: int) -> bool:
        """Add to a counter, up to 65,535; False where there is none."""
        found = place_of(self.config, address)
        if found is None or found[0] not in (Window.TRIALS, Window.COUNT):
            return False
        before = self.read(address)
        assert before is not None
        return self.write(address, min(before + (data & _LIMIT), _LIMIT))

    def read(self, address: int) -> int | None:
        """A word of the model; None elsewhere."""
        found = place_of(self.config, address)
        if found is None or found[0] not in _MODEL:
            return None
        part, place = found
        if part == Window.TRIALS:
            return int(self.counters.trials[place])
        if part == Window.COUNT:
            return int(self.counters.counts[place // 256, place % 256])
        return _slot_words(self.counters, place // 16)[place % 16]

    @property
    def setting(self) -> Setting:
        """The configuration."""
        if self._setting is None:
            self._setting = self._read_setting()
        return self._setting

    def _read_setting(self) -> Setting:
        config, words = self.config, self._words
        units = [unpack(UNIT, words.get(Window.UNIT + unit, 0)) for unit in range(3)]
        bits = tuple(
            tuple(bit_of(words.get(Window.BIT + 256 * unit + i, 0)) for i in range(fields["BITS"]))
            for unit, fields in enumerate(units)
        )
        gates = {}
        for row in range(config.rows):
            fields = unpack(GATE, words.get(Window.GATE + row, 0))
            gates[row] = Gate(Child(fields["CHILD"]), fields["FIRST"], fields["COUNT"], fields["STATISTIC"])
        paths = {}
        for number in range(config.classes):
            fields = unpack(PATH, words.get(Window.PATH + number, 0))
            if fields["KNOWN"]:
                paths[number] = Path(fields["ROW"], fields["UNIT"], fields["BELOW"])
        thetas = tuple(words.get(Window.THETA + i, 0) & 0x7F for i in range(config.thetas))
        return Setting(thetas, bits, units[0]["FIRST"], units[0]["COUNT"], gates, paths)


def _slot_words(counters: Counters, slot: int) -> list[int]:
    vector = np.packbits(counters.vectors[slot], bitorder="little").tobytes()
    vector = vector.ljust(-(-len(vector) // 4) * 4, b"\0")
    words: NDArray[np.uint32] = np.frombuffer(vector, "<u4")
    return [*words.tolist(), int(counters.owners[slot]) | int(counters.slots[slot]) << 16]


def model_entries(counters: Counters) -> list[tuple[int, int]]:
    """Every ``(address, data)`` of a model that is not zero, after a CLEAR."""
    found = [(Window.TRIALS + int(row), int(counters.trials[row])) for row in counters.trials.nonzero()[0]]
    for row, bit in zip(*counters.counts.nonzero(), strict=True):
        found.append((Window.COUNT + 256 * int(row) + int(bit), int(counters.counts[row, bit])))
    for slot in counters.slots.nonzero()[0]:
        words = _slot_words(counters, int(slot))
        found += [(Window.TABLE + 16 * int(slot) + i, word) for i, word in enumerate(words)]
    return found
