"""Steps of a tree run in the gateware: their fields, and which of them fit."""

from amaranth import Cat, Module, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from spynq.stm.params import MAX_GAIN_BITS, StmConfig
from spynq.stm.step import MAX_EDGE_TERMS, STEP, Op

__all__ = ["StepCheck", "step_layout", "take"]

_SIGNED = ("CUE",)
_GAINS = tuple(f"GAIN{term}" for term in range(MAX_EDGE_TERMS))


def step_layout() -> data.StructLayout:
    """Fields of a STEP in lower case; gains with the bits that count."""
    return data.StructLayout(
        {
            field.name.lower(): signed(field.width)
            if field.name in _SIGNED
            else (MAX_GAIN_BITS if field.name in _GAINS else field.width)
            for field in STEP.fields
        }
    )


def take(step: data.View, word: Value) -> list[object]:
    """Statements that set the fields of a step from its 512 bits."""
    return [step[field.name.lower()].eq(word[field.lsb : field.lsb + field.width]) for field in STEP.fields]


class StepCheck(wiring.Component):
    """Says whether a step fits the kernel, one cycle later.

    Golden model: :func:`spynq.stm.model_tree.fits`.

    Parameters
    ----------
    config : StmConfig
        Build parameters.

    Members
    -------
    step : In(step_layout)
        A step.
    fits : Out(1)
        It can be done.
    """

    def __init__(self, config: StmConfig) -> None:
        self.config = config
        super().__init__({"step": In(step_layout()), "fits": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        step, config = self.step, self.config
        size, op = config.population, self.step.op
        loads = Cat(op == o for o in (Op.COLUMN, Op.LABELS, Op.COUNTS, Op.CODES)).any()
        edge, close, outer = op == Op.EDGE, op == Op.CLOSE, op == Op.OUTER
        reads = loads | (edge & step.table)
        writes = (op == Op.SPIKES) | (close & step.records)
        crooked = [
            reads & step["in"][:4].any(),
            writes & step.out[:4].any(),
            close & step.weights & step.weight[:4].any(),
        ]
        single = Cat(op == o for o in (Op.COLUMN, Op.CUE, Op.CLOSE)).any()
        product = Signal(34)
        m.d.comb += product.eq(step.samples[:17] * step.rows[:17])
        base_after = (step.base >= step.row_base + step.rows) & (step.base >= step.other + step.samples)
        whole = (step.samples[:2] == 0) & base_after & (step.base + product <= size)
        terms_fit = (step.terms != 0) & (step.terms <= MAX_EDGE_TERMS)
        for column in (step.column, step.row_column):
            terms_fit &= column + step.terms <= config.columns
        wrong = [
            op > max(Op),
            ~self._pool(step.base, step.samples),
            *crooked,
            single & (step.column >= config.columns),
            (outer | edge) & ~self._pool(step.row_base, step.rows),
            outer & ~self._pool(step.other, step.samples),
            outer & ~whole,
            edge & ~step.table & ~terms_fit,
            close & ((step.bins > config.bins) | (step.histogram & (step.bins == 0))),
        ]
        m.d.sync += self.fits.eq(~Cat(wrong).any())
        return m

    def _pool(self, base: Value, samples: Value) -> Value:
        low = base[: ceil_log2(self.config.edge)]
        return (low == 0) & (samples != 0) & (base + samples <= self.config.population)
