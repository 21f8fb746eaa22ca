"""The DSP48E2 slice with what this engine leaves unused tied off, and as a multiplier."""

from typing import Any

from amaranth import ClockSignal, Const, Instance, Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["MultiplyAdd", "dsp48e2"]

_TIED = {
    "ACIN": 30, "BCIN": 18, "PCIN": 48, "D": 27, "INMODE": 5, "CARRYINSEL": 3, "CARRYCASCIN": 1, "CARRYIN": 1,
    "MULTSIGNIN": 1, "CEA1": 1, "CEAD": 1, "CECARRYIN": 1, "CED": 1, "CEINMODE": 1, "CEB1": 1,
    "RSTA": 1, "RSTALLCARRYIN": 1, "RSTALUMODE": 1, "RSTB": 1, "RSTC": 1, "RSTCTRL": 1, "RSTD": 1,
    "RSTINMODE": 1, "RSTM": 1, "RSTP": 1,
}  # fmt: skip
_ENABLED = ("CEA2", "CEB2", "CEC", "CEM", "CEP", "CECTRL", "CEALUMODE")
_REGISTERS = {
    "AREG": 1, "ACASCREG": 1, "BREG": 1, "BCASCREG": 1, "CREG": 1, "PREG": 1, "OPMODEREG": 1, "ALUMODEREG": 1,
    "ADREG": 0, "DREG": 0, "INMODEREG": 0, "CARRYINREG": 0, "CARRYINSELREG": 0,
}  # fmt: skip
_PRODUCT_AND_C = 0b00_011_0101
"""OPMODE: X and Y are the product, Z is C, W is 0."""


def dsp48e2(multiplies: bool, simd: str = "ONE48", **ports: Any) -> Instance:
    """A slice, registered at A, B, C, OPMODE, ALUMODE, P, and behind the multiplier if it ``multiplies``.

    Parameters
    ----------
    multiplies : bool
        Whether the multiplier is used.
    simd : str
        ONE48, TWO24 or FOUR12.
    **ports
        A, B, C, OPMODE, ALUMODE and P.
    """
    return Instance(
        "DSP48E2",
        p_USE_MULT="MULTIPLY" if multiplies else "NONE",
        p_MREG=int(multiplies),
        p_USE_SIMD=simd,
        **{f"p_{name}": value for name, value in _REGISTERS.items()},
        **{f"i_{name}": Const(0, bits) for name, bits in _TIED.items()},
        **{f"i_{name}": Const(1, 1) for name in _ENABLED},
        i_CLK=ClockSignal(),
        o_P=ports.pop("P"),
        **{f"i_{name}": value for name, value in ports.items()},
    )


class MultiplyAdd(wiring.Component):
    """``p = a * b + c`` in one DSP48E2: ``a`` and ``b`` of three cycles before, ``c`` of two.

    Parameters
    ----------
    dsp : bool
        Instantiate the primitive; otherwise fabric that behaves the same.

    Members
    -------
    a : In(signed(27)), b : In(signed(18)), c : In(signed(48))
        Operands.
    p : Out(signed(48))
        Result.
    """

    def __init__(self, dsp: bool = True) -> None:
        self.dsp = dsp
        super().__init__(
            {"a": In(signed(27)), "b": In(signed(18)), "c": In(signed(48)), "p": Out(signed(48))}
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        if self.dsp:
            a, p = Signal(signed(30)), Signal(48)
            m.d.comb += [a.eq(self.a), self.p.eq(p)]
            m.submodules.dsp = dsp48e2(
                True, A=a, B=self.b, C=self.c, OPMODE=Const(_PRODUCT_AND_C, 9), ALUMODE=Const(0, 4), P=p
            )
            return m
        a, b, c = (Signal.like(port, name="taken", reset_less=True) for port in (self.a, self.b, self.c))
        product = Signal(signed(45), reset_less=True)
        m.d.sync += [a.eq(self.a), b.eq(self.b), c.eq(self.c), product.eq(a * b), self.p.eq(product + c)]
        return m
