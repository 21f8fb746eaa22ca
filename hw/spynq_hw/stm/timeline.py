"""Copies of a signal in later cycles, made when they are asked for."""

from amaranth import Module, Signal
from amaranth.hdl import ValueLike

__all__ = ["Timeline"]


class Timeline:
    """A value of a pipeline and its delayed copies.

    A stage says in which cycle it wants the value; the registers between are shared. They have
    no reset unless asked, so that chains of them fit shift registers in look-up tables.

    Parameters
    ----------
    m : Module
        Where the registers are made.
    value : ValueLike
        The value.
    cycle : int
        The cycle of the pipeline in which it holds.
    reset : bool
        Registers are cleared by reset: for what must not be true by accident.
    """

    def __init__(self, m: Module, value: ValueLike, cycle: int, *, reset: bool = False) -> None:
        self._module = m
        self._stages = [value]
        self._cycle = cycle
        self._reset = reset

    def at(self, cycle: int) -> ValueLike:
        """The value as it was ``cycle - first cycle`` clocks ago."""
        if cycle < self._cycle:
            raise ValueError(f"the value holds from cycle {self._cycle} on; cycle {cycle} is before it")
        while len(self._stages) <= cycle - self._cycle:
            before = self._stages[-1]
            after = Signal(before.shape(), reset_less=not self._reset)
            self._module.d.sync += after.eq(before)
            self._stages.append(after)
        return self._stages[cycle - self._cycle]
