"""The training loop: batches in, checkpoints out; resumable to the bit, on one or many devices."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Final, Generic

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from ..contract import ErrorCode, HandsError, progress_record
from ..hands.model import HandModel
from .batch import BatchStream
from .configuration import TrainingConfiguration
from .distributed import World
from .learning_rate import learning_rate
from .run_folder import RunFolder, SavedRun
from .run_identity import RunIdentity, hashes_of
from .supervised_module import Batch, Network, SupervisedModule
from .tensorboard import ScalarsAndPictures

_logger = logging.getLogger(__name__)
_LOG_STEPS: Final = 20
_PICTURE_STEPS: Final = 500
_SAVE_S: Final = 600.0
_PICTURES: Final = 8


Report = Callable[[Mapping[str, Any]], None]
"""Is given progress records."""


@dataclass(frozen=True)
class Limits:
    """When to stop before the end.

    Parameters
    ----------
    minutes : of this call; 0 for no limit
    steps : stop when this many steps of the run are done; 0 for no limit
    cancelled : set by Ctrl-C

    Raises
    ------
    HandsError
        USAGE for limits that would never or always be reached
    """

    minutes: float = 0.0
    steps: int = 0
    cancelled: threading.Event | None = None

    def __post_init__(self) -> None:
        if not (0 <= self.minutes < math.inf and self.steps >= 0):
            raise HandsError(
                ErrorCode.USAGE, "The minutes and steps to stop after must be numbers from 0 up.", "Leave them out."
            )


@dataclass(frozen=True)
class TrainingResult:
    """How far a call came.

    Parameters
    ----------
    step, total_steps : optimiser steps done, and of the whole run
    samples_a_second : of this call, all processes together
    waiting_share : of this call's time that went into waiting for data
    last_loss : mean over the last steps logged
    """

    step: int
    total_steps: int
    samples_a_second: float
    waiting_share: float
    last_loss: float

    @property
    def finished(self) -> bool:
        """Whether the run is at its end."""
        return self.step >= self.total_steps


class Trainer(Generic[Batch, Network]):
    """One run.

    Parameters
    ----------
    supervised : the network with its losses, on the world's device
    configuration : of the run
    stream : batches by number
    data : what the data are, for a run that goes on with others to be refused
    models : right and left hand model of the network and of the data
    folder : where the first process writes
    world : this process's place

    Raises
    ------
    HandsError
        USAGE where the folder holds another run; MODEL_DAMAGED
    """

    def __init__(
        self,
        supervised: SupervisedModule[Batch, Network],
        configuration: TrainingConfiguration,
        stream: BatchStream[Batch],
        data: str,
        *,
        models: tuple[HandModel, HandModel],
        folder: RunFolder,
        world: World,
    ) -> None:
        self._supervised, self._configuration, self._stream = supervised, configuration, stream
        self._folder, self._world = folder, world
        self._identity = RunIdentity(configuration, data, stream.axes, hashes_of(models), world.size)
        samples_a_step = configuration.batch * configuration.accumulate * world.size
        self._steps_an_epoch = stream.samples / samples_a_step
        self.total_steps = configuration.steps or max(1, round(configuration.epochs * self._steps_an_epoch))
        self._samples_a_step = samples_a_step
        shares = supervised.learning_shares()
        kind = torch.optim.Adam if configuration.optimiser == "adam" else torch.optim.AdamW
        self._optimiser = kind(
            [{"params": parameters, "share": share} for parameters, share in shares],
            lr=configuration.learning_rate,
            weight_decay=configuration.weight_decay,
            foreach=True,
        )
        self._parameters = [parameter for parameters, _ in shares for parameter in parameters]
        self.step = 0
        self._shown: Batch | None = None
        # Without averaging these are the network's own tensors, always up to date.
        self._averaged = supervised.network.state_dict()
        if configuration.ema:
            self._averaged = _copy(self._averaged)
        self._resume(folder.load())
        self._module: nn.Module = supervised
        if world.size > 1:
            ids = [world.device.index] if world.device.type == "cuda" else None
            self._module = DistributedDataParallel(
                supervised, device_ids=ids, find_unused_parameters=supervised.may_lack_gradients
            )

    @property
    def network(self) -> Network:
        """What is trained."""
        return self._supervised.network

    def run(self, limits: Limits, report: Report) -> TrainingResult:
        """Train to the end or to a limit, and save.

        Raises
        ------
        HandsError
            CANCELLED after saving; INTERNAL where a loss is not a number, after saving the batch
        """
        started = last_saved = time.monotonic()
        clock = _Clock()
        recent = _Recent()
        first_step = self.step
        board = ScalarsAndPictures(self._folder.path, first_step) if self._world.is_first else None
        world, accumulate = self._world, self._configuration.accumulate
        batches = self._stream.batches(self.step * accumulate * world.size + world.rank, world.size)
        self._supervised.train()
        last_step = min(self.total_steps, limits.steps or self.total_steps)
        stopped = False
        while self.step < last_step and not stopped:
            recent.add(self._one_step(batches, clock))
            self.step += 1
            now = time.monotonic()
            eta_s = (now - started) / (self.step - first_step) * (self.total_steps - self.step)
            report(progress_record("train", self.step, self.total_steps, eta_s))
            stopped = world.agree(self._should_stop(limits, now - started))
            ends = stopped or self.step == last_step
            if board is not None:
                if ends or self.step % _LOG_STEPS == 0:
                    self._log(board, recent, clock, self.step - first_step)
                if self.step % _PICTURE_STEPS == 0 and not ends:
                    self._draw(board)
                if now - last_saved > _SAVE_S:
                    self._save()
                    last_saved = time.monotonic()
        rate, waiting = clock.rate((self.step - first_step) * self._samples_a_step), clock.waiting_share()
        if board is not None:
            self._save()
            self._draw(board)
            board.close()
        if self.step < self.total_steps and limits.cancelled is not None and limits.cancelled.is_set():
            raise HandsError(
                ErrorCode.CANCELLED,
                f"Stopped after {self.step} of {self.total_steps} steps; they are saved.",
                "Run the same command again to go on.",
            )
        return TrainingResult(self.step, self.total_steps, rate, waiting, recent.last_loss)

    def _one_step(self, batches: Iterator[Batch], clock: _Clock) -> dict[str, Tensor]:
        configuration = self._configuration
        rate = learning_rate(configuration, self.step, self.total_steps, self._steps_an_epoch)
        for group in self._optimiser.param_groups:
            group["lr"] = rate * group["share"]
        self._optimiser.zero_grad(set_to_none=True)
        sums: dict[str, Tensor] = {}
        parts: list[Batch] = []  # as they came, where they do not fill the device's memory
        for part in range(1, configuration.accumulate + 1):
            with clock.waiting():
                parts.append(next(batches))
                batch = parts[-1].to(self._world.device)
            if int(batch.skipped):
                _logger.warning("Pictures that could not be read and were replaced: %d.", int(batch.skipped))
            with self._sync_only_if(part == configuration.accumulate):
                terms = self._module(batch)
                loss = torch.stack(list(terms.values())).sum()
                # Seen by every process, or the others would wait for this one forever.
                if self._world.agree(not bool(torch.isfinite(loss))):
                    self._stop_on_nan(parts[-1:], terms)
                (loss / configuration.accumulate).backward()
            self._shown = batch
            for name, term in terms.items():
                sums[name] = sums.get(name, 0) + term.detach() / configuration.accumulate
        norm = nn.utils.clip_grad_norm_(self._parameters, configuration.gradient_clip or math.inf)
        # Alike in all processes. Were it not looked at, one bad step would spoil the weights and be saved.
        if not bool(torch.isfinite(norm)):
            self._stop_on_nan(parts, {"the gradient": norm})
        self._optimiser.step()
        self._average()
        return sums

    def _sync_only_if(self, last: bool) -> AbstractContextManager[object]:
        if isinstance(self._module, DistributedDataParallel) and not last:
            return self._module.no_sync()
        return nullcontext()

    def _average(self) -> None:
        """Move the averaged weights towards the network's; at first faster, so that the start is forgotten."""
        if not self._configuration.ema:
            return
        decay = min(self._configuration.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for name, value in self._supervised.network.state_dict().items():
                mean = self._averaged[name]
                if mean.is_floating_point():
                    mean.lerp_(value, 1 - decay)
                else:
                    mean.copy_(value)

    def _draw(self, board: ScalarsAndPictures) -> None:
        shown = self._shown
        if shown is not None:
            board.picture(self.step, lambda: self._supervised.draw(shown, _PICTURES))

    def _should_stop(self, limits: Limits, elapsed_s: float) -> bool:
        if limits.cancelled is not None and limits.cancelled.is_set():
            return True
        return bool(limits.minutes) and elapsed_s > 60 * limits.minutes

    def _stop_on_nan(self, parts: Sequence[Batch], terms: dict[str, Tensor]) -> None:
        bad = [name for name, term in terms.items() if not bool(torch.isfinite(term))]
        where = self._folder.path
        if bad:
            where = self._folder.save_bad_batch(parts, self._world.rank)
        raise HandsError(
            ErrorCode.INTERNAL,
            f"Training broke down in step {self.step + 1}: {', '.join(bad) or 'another process'} is not a number.",
            f"Look at '{where}'; begin a new run with a lower learning_rate, and with --first-weights where this one "
            "has saved a network.safetensors.",
        )

    def _log(self, board: ScalarsAndPictures, recent: _Recent, clock: _Clock, steps: int) -> None:
        rate = learning_rate(self._configuration, self.step - 1, self.total_steps, self._steps_an_epoch)
        entry = {
            "step": float(self.step),
            "learning_rate": rate,
            "samples_a_second": clock.rate(steps * self._samples_a_step),
            "waiting_share": clock.waiting_share(),
            **recent.take(),
        }
        self._folder.log(entry)
        board.scalars(self.step, entry)

    def _save(self) -> None:
        self._folder.save(
            SavedRun(
                self._identity,
                self.step,
                self._supervised.network.state_dict(),
                self._averaged,
                self._optimiser.state_dict(),
            )
        )

    def _resume(self, saved: SavedRun | None) -> None:
        if saved is None:
            return
        difference = self._identity.difference(saved.identity)
        if difference is not None:
            raise HandsError(
                ErrorCode.USAGE,
                f"'{self._folder.path}' holds a run {difference}.",
                "Give another folder with --out, or go on as the run began; a new one may start from its "
                "network.safetensors with --first-weights.",
            )
        try:
            self._supervised.network.load_state_dict(saved.network)
            if self._configuration.ema:
                for name, mean in self._averaged.items():
                    mean.copy_(saved.averaged[name])
            self._optimiser.load_state_dict(saved.optimiser)
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:  # tensors are others, or none
            raise self._folder.damaged(error) from error
        self.step = saved.step


class _Clock:
    """How long the loop runs and how much of it waits for data."""

    def __init__(self) -> None:
        self._start, self._waited_s = time.perf_counter(), 0.0

    def waiting(self) -> _Waiting:
        """Measures the block."""
        return _Waiting(self._add)

    def _add(self, seconds: float) -> None:
        self._waited_s += seconds

    def rate(self, samples: int) -> float:
        """Samples a second since the start."""
        return samples / max(1e-9, time.perf_counter() - self._start)

    def waiting_share(self) -> float:
        """From 0 to 1."""
        return self._waited_s / max(1e-9, time.perf_counter() - self._start)


class _Waiting(AbstractContextManager["_Waiting"]):
    def __init__(self, add: Callable[[float], None]) -> None:
        self._add, self._start = add, time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._add(time.perf_counter() - self._start)


class _Recent:
    """Means of the terms since the last look."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._count = 0
        self.last_loss = float("nan")

    def add(self, terms: dict[str, Tensor]) -> None:
        """Sums stay on the device: reading each would make it wait."""
        for name, term in terms.items():
            self._sums[name] = self._sums.get(name, 0) + term
        self._count += 1
        if self._count > _LOG_STEPS:  # processes that do not log
            self.take()

    def take(self) -> dict[str, float]:
        """The means by term, and their sum as ``loss``; begins anew."""
        means = {f"loss/{name}": float(total) / self._count for name, total in self._sums.items()}
        self._sums, self._count = {}, 0
        self.last_loss = sum(means.values())
        return {**means, "loss": self.last_loss}


def _copy(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}
