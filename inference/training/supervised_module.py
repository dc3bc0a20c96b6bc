"""What the trainer trains: any network together with its losses."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .batch import StepBatch
from .configuration import TrainingConfiguration

Batch = TypeVar("Batch", bound=StepBatch)
Network = TypeVar("Network", bound=nn.Module)


def precision_of(configuration: TrainingConfiguration, device: torch.device) -> AbstractContextManager[object]:
    """In which the network, not the losses, is computed."""
    return torch.autocast(device.type, torch.bfloat16) if configuration.precision == "bf16" else nullcontext()


@contextmanager
def in_evaluation(network: nn.Module) -> Iterator[None]:
    """Evaluation mode meanwhile; every module for itself, since norms that a run keeps frozen must not wake up."""
    was_training = [module for module in network.modules() if module.training]
    network.eval()
    yield
    for module in was_training:
        module.training = True


class SupervisedModule(nn.Module, ABC, Generic[Batch, Network]):
    """A network whose forward gives the loss terms of a batch.

    Attributes
    ----------
    network : what is saved and averaged; parameters that require no gradient are kept as they are
    may_lack_gradients : whether a parameter may be looked at by no loss; to search for such takes several processes
        time in every step
    """

    network: Network
    may_lack_gradients: bool = False

    def learning_shares(self) -> list[tuple[list[nn.Parameter], float]]:
        """Parameters that learn, and the share of the learning rate at which they do."""
        return [([parameter for parameter in self.parameters() if parameter.requires_grad], 1.0)]

    @abstractmethod
    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """The weighted terms by name, scalars; their sum is minimised."""

    @abstractmethod
    def draw(self, batch: Batch, count: int) -> NDArray[np.uint8]:
        """(H, W, 3) RGB: what the network says of the first `count` samples beside what is true; changes nothing."""
