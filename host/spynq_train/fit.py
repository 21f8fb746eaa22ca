"""The training loop of every method: repeatable batches, a bar, checkpoints that survive Ctrl-C."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spynq.errors import SpynqError
from spynq_train import checkpoint as checkpoints
from spynq_train.augment import AUGMENTS, augmented
from spynq_train.coding import encode
from spynq_train.data import DataSet
from spynq_train.heap import keep_freed_memory
from spynq_train.method import LayerReport, Method, layer_reports

__all__ = ["Diverged", "Evaluation", "History", "Plan", "device_named", "evaluate", "fit", "inputs_of"]


OPTIMISERS = ("adam", "sgd")
SCHEDULES = ("constant", "cosine", "halving")


class Diverged(SpynqError):
    """A loss or a weight is no number any more."""


@dataclass(frozen=True)
class Plan:
    """How long and how fast is trained.

    Attributes
    ----------
    steps : int
        Time steps T of still images.
    coding : str
        Of still images.
    epochs, batch : int
    rate : float
        Learning rate.
    optimiser : {"adam", "sgd"}
    schedule : {"constant", "cosine", "halving"}
        ``halving`` halves the rate every 20 epochs.
    seed : int
        Of the order of samples and of random codings.
    alpha : float
        Of rate coding.
    augment : str
        What is done to training samples, one of :data:`spynq_train.augment.AUGMENTS`.
    judge_steps : int, optional
        Time steps of still images that are judged, where they are not those of training.
    """

    steps: int
    coding: str
    epochs: int
    batch: int
    rate: float
    optimiser: str = "adam"
    schedule: str = "constant"
    seed: int = 0
    alpha: float = 1.0
    augment: str = "none"
    judge_steps: int | None = None

    def __post_init__(self) -> None:
        for name, known in (("schedule", SCHEDULES), ("augment", AUGMENTS), ("optimiser", OPTIMISERS)):
            if getattr(self, name) not in known:
                raise ValueError(f"unknown {name} {getattr(self, name)!r}; known are {', '.join(known)}")
        for name in ("steps", "epochs", "batch", "judge_steps"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, not {value}")
        if not self.rate > 0:
            raise ValueError(f"the learning rate must be above 0, not {self.rate:g}")

    def rate_at(self, epoch: int) -> float:
        """Learning rate of an epoch, counted from 0."""
        if self.schedule == "cosine":
            return self.rate * 0.5 * (1 + math.cos(math.pi * epoch / self.epochs))
        if self.schedule == "halving":
            return self.rate * 0.5 ** (epoch // 20)
        return self.rate


@dataclass
class History:
    """What an epoch gave: mean loss, CPU seconds, and percent of the samples held out, if there are any."""

    losses: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    held_out: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Evaluation:
    """On a part that was not trained on.

    Attributes
    ----------
    accuracy : float
        Percent.
    samples : int
    layers : list of LayerReport
    """

    accuracy: float
    samples: int
    layers: list[LayerReport]


def device_named(name: str) -> torch.device:
    """``auto`` is CUDA where there is one, else the CPU."""
    if name not in ("auto", "cpu", "cuda"):
        raise ValueError(f"device must be auto, cpu or cuda, not {name!r}")
    if name == "cuda" and not torch.cuda.is_available():
        raise SpynqError("PyTorch finds no CUDA device here; take --device cpu or auto")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def inputs_of(data: DataSet, samples: Any, plan: Plan, device: torch.device, key: int) -> Tensor:
    """Encoded batch; ``key`` decides what is drawn, so that a batch can be made again.

    Keys from 0 are batches of training, whose samples are augmented; those below are judged.
    """
    torch.manual_seed((plan.seed * 1_000_003 + key) % (1 << 63))
    given = torch.from_numpy(np.ascontiguousarray(samples)).to(device)
    steps = plan.steps
    if key >= 0:
        given = augmented(given, plan.augment)
    else:
        steps = plan.judge_steps or steps
    return encode(given, steps, plan.coding, events=data.kind == "events", alpha=plan.alpha)


def fit(
    method: Method,
    data: DataSet,
    plan: Plan,
    *,
    device: torch.device | None = None,
    checkpoint: Path | None = None,
    identity: Mapping[str, object] | None = None,
    held_out: DataSet | None = None,
    progress: bool = False,
) -> History:
    """Train.

    Every batch draws from its own seed and every epoch has its own order, so a run that was interrupted
    and resumed gives the same weights as one that was not.

    Parameters
    ----------
    method : Method
    data : DataSet
    plan : Plan
    device : torch.device, optional
        The CPU by default.
    checkpoint : pathlib.Path, optional
        Read if it exists; written after every epoch, and on Ctrl-C after the batch at hand.
    identity : mapping, optional
        What a checkpoint must agree in, besides the plan.
    held_out : DataSet, optional
        Its test part is judged after every epoch; nothing depends on it but the history.
    progress : bool
        Show a bar.

    Raises
    ------
    Diverged
        A loss or a weight is no number; the message has the step.
    KeyboardInterrupt
        After the checkpoint was written.
    """
    place = device or torch.device("cpu")
    if place.type == "cpu":
        keep_freed_memory()
    method.to(place)
    run = _Run(method, data, plan, place, checkpoint, {**asdict(plan), **(identity or {})})
    run.resume()
    with _patient() as stop, _bar(run, progress) as bar:
        while run.epoch < plan.epochs:
            run.train_epoch(stop, bar)
            if held_out is not None:
                run.history.held_out.append(evaluate(method, held_out, plan, device=place).accuracy)
            run.save()
    return run.history


class _Run:
    """A training run and its place in it."""

    def __init__(
        self,
        method: Method,
        data: DataSet,
        plan: Plan,
        device: torch.device,
        checkpoint: Path | None,
        identity: Mapping[str, object],
    ) -> None:
        self.method, self.data, self.plan, self.device = method, data, plan, device
        self.checkpoint, self.identity = checkpoint, identity
        self.optimiser = _optimiser(method, plan)
        self.batches = -(-len(data.train) // plan.batch)
        self.epoch = self.batch = 0
        self.total, self.spent = 0.0, 0.0
        self.history = History()

    def resume(self) -> None:
        if self.checkpoint is None or not self.checkpoint.exists():
            return
        state = checkpoints.read(self.checkpoint, self.identity)
        self.method.load_state_dict(state["method"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.epoch, self.batch = state["epoch"], state["batch"]
        self.total, self.spent = state["total"], state["spent"]
        self.history = History(state["losses"], state["seconds"], state["held_out"])

    def save(self) -> None:
        if self.checkpoint is None:
            return
        state = {
            "method": self.method.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "epoch": self.epoch,
            "batch": self.batch,
            "total": self.total,
            "spent": self.spent,
            "losses": self.history.losses,
            "seconds": self.history.seconds,
            "held_out": self.history.held_out,
        }
        checkpoints.write(self.checkpoint, self.identity, state)

    def train_epoch(self, stop: threading.Event, bar: Any) -> None:
        self.method.train()
        self.method.at_epoch(self.epoch)
        for group in self.optimiser.param_groups:
            group["lr"] = self.plan.rate_at(self.epoch)
        order = np.random.default_rng((self.plan.seed, self.epoch)).permutation(len(self.data.train))
        while self.batch < self.batches:
            begin = time.process_time()
            loss = self.take(order[self.batch * self.plan.batch : (self.batch + 1) * self.plan.batch])
            self.batch += 1
            self.total += loss
            self.spent += time.process_time() - begin
            self.check(loss)
            bar.update()
            bar.set_postfix_str(f"epoch {self.epoch + 1}, loss {self.total / self.batch:.4f}", refresh=False)
            if stop.is_set():
                self.save()
                raise KeyboardInterrupt
        self.history.losses.append(self.total / self.batches)
        self.history.seconds.append(self.spent)
        self.epoch, self.batch, self.total, self.spent = self.epoch + 1, 0, 0.0, 0.0

    def take(self, chosen: Any) -> float:
        key = self.epoch * self.batches + self.batch
        x = inputs_of(self.data, self.data.train[chosen], self.plan, self.device, key)
        y = torch.from_numpy(self.data.train_labels[chosen]).to(self.device)
        return self.method.learn(x, y, self.optimiser)

    def check(self, loss: float) -> None:
        # A spike hides a weight that is no number: the comparison is false and the loss stays finite.
        lost = [n for n, p in self.method.named_parameters() if not bool(torch.isfinite(p).all())]
        if math.isfinite(loss) and not lost:
            return
        what = f"weights of {lost[0]} are no numbers" if lost else f"the loss is {loss}"
        step = self.epoch * self.batches + self.batch
        raise Diverged(
            f"training diverged at step {step} (epoch {self.epoch + 1}, batch {self.batch}): {what}; "
            f"take a learning rate below {self.plan.rate_at(self.epoch):g}"
        )


def _optimiser(method: Method, plan: Plan) -> torch.optim.Optimizer:
    if plan.optimiser == "adam":
        # One pass over the weights instead of ten: eight times as fast where a layer has millions of them.
        return torch.optim.Adam(method.trained(), lr=plan.rate, fused=True)
    return torch.optim.SGD(method.trained(), lr=plan.rate, momentum=0.9)


@contextmanager
def _patient() -> Iterator[threading.Event]:
    """Ctrl-C waits for the end of a batch, so that what is saved is whole."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def note(number: int, frame: FrameType | None) -> None:
        if stop.is_set():  # a second one does not wait
            raise KeyboardInterrupt
        stop.set()

    before = signal.signal(signal.SIGINT, note)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _bar(run: _Run, progress: bool) -> Iterator[Any]:
    from tqdm import tqdm

    total, done = run.plan.epochs * run.batches, run.epoch * run.batches + run.batch
    with tqdm(total=total, initial=done, unit="batch", disable=not progress, leave=False, delay=2) as bar:
        yield bar


def evaluate(
    method: Method, data: DataSet, plan: Plan, *, device: torch.device | None = None, part: str = "test"
) -> Evaluation:
    """Accuracy and layer reports on a part of the data, the test part by default."""
    place = device or torch.device("cpu")
    samples, labels = (data.test, data.test_labels) if part == "test" else (data.train, data.train_labels)
    method.eval()
    right, gathered = 0, []
    for begin in range(0, len(samples), 200):
        # Keys below 0 are no batch of training.
        x = inputs_of(data, samples[begin : begin + 200], plan, place, -1 - begin)
        answers = method.scores(x).argmax(1).cpu().numpy()
        right += int((answers == labels[begin : begin + 200]).sum())
        if begin < 1000:
            gathered.append([one.sum(0, keepdim=True).cpu() for one in method.network.layer_spikes(x)])
    steps = x.shape[0]
    counts = [torch.cat(parts, dim=1) for parts in zip(*gathered, strict=True)]
    reports = [
        LayerReport(r.layer, r.rate / steps, r.silent, r.dead)
        for r in layer_reports(counts, method.network.layers[: len(counts)])
    ]
    return Evaluation(100 * right / len(samples), len(samples), reports)
